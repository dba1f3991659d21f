//! Tries each backend once, for `host test`.

use crate::model::report::host::BackendReport;

use super::desktop::Desktop;
use super::health::{BackendProblem, CLIPBOARD, NOTIFICATION, SECRETS};
use super::notification::show;
use super::secret_service::Keyring;
use super::secrets::check_file;

/// Tries what is configured, and gives the reports of all backends. The bus needs no try: this was asked over it.
pub(in crate::daemon) async fn run(desktop: &Desktop) -> Vec<BackendReport> {
    for report in desktop.health.reports() {
        // What it says of a failure is in the next reports.
        let _ = match (report.backend.as_str(), report.configured.as_str()) {
            (_, "none" | "print") => Ok(()),
            (SECRETS, "secret-service") => try_keyring(desktop).await,
            (SECRETS, file) => try_file(desktop, file.trim_start_matches("file:").to_owned()).await,
            (CLIPBOARD, _) => try_clipboard(desktop).await,
            (NOTIFICATION, _) => {
                let (title, body) = ("test".to_owned(), "Extensions can show notifications.".to_owned());
                show(desktop, title, body).await
            }
            _ => Ok(()),
        };
    }
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

async fn try_file(desktop: &Desktop, path: String) -> Result<(), String> {
    desktop.run(SECRETS, async move { check_file(path.as_ref()) }).await
}

async fn try_clipboard(desktop: &Desktop) -> Result<(), String> {
    let (clipboard, link) = (desktop.clipboard.clone(), desktop.link.clone());
    desktop.run(CLIPBOARD, async move { clipboard.set(&link, "sesame host test", false).await }).await
}
