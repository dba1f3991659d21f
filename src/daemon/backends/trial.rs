//! Tries each backend once, for `host test`.

use crate::model::host_settings::{ClipboardBackend, SecretsBackend};
use crate::model::report::host::BackendReport;

use super::desktop::Desktop;
use super::health::{BackendProblem, CLIPBOARD, SECRETS};
use super::notification::notify_person;
use super::secret_service::Keyring;
use super::secrets::check_file;

/// Tries what is configured, and gives the reports of all backends. The bus needs no try: this was asked over it.
pub(in crate::daemon) async fn run(desktop: &Desktop) -> Vec<BackendReport> {
    let settings = desktop.health.settings();
    // What is said of a failure is in the reports.
    let _ = match settings.secrets {
        SecretsBackend::SecretService => try_keyring(desktop).await,
        SecretsBackend::File(path) => desktop.run(SECRETS, async move { check_file(&path) }).await,
        SecretsBackend::None => Ok(()),
    };
    let _ = match settings.clipboard {
        ClipboardBackend::Auto => try_clipboard(desktop).await,
        ClipboardBackend::None => Ok(()),
    };
    let _ = notify_person(desktop, "test", "Extensions can show notifications.").await;
    desktop.health.reports()
}

async fn try_keyring(desktop: &Desktop) -> Result<(), String> {
    let link = desktop.link.clone();
    let trying = async move {
        let connection = link.get().map_err(BackendProblem::new)?;
        Keyring::new(link.address()).names(&connection).await.map(drop)
    };
    desktop.run(SECRETS, trying).await
}

async fn try_clipboard(desktop: &Desktop) -> Result<(), String> {
    let (clipboard, link) = (desktop.clipboard.clone(), desktop.link.clone());
    desktop.run(CLIPBOARD, async move { clipboard.set(&link, "sesame host test", false).await }).await
}
