//! What stands behind the capabilities on a desktop: its keyring, its clipboard, its notifications, the session bus.
//!
//! What a guest asks for is done by a task on the host's own runtime, within a bounded time: a guest that is stopped meanwhile
//! interrupts nothing half way, and a service that does not answer keeps no guest. Each failure is an error value for the guest,
//! and stands in `host status` until it works again.
//!
//! | file | owns |
//! |---|---|
//! | [`secret_service`], [`secrets`] | the keyring, by the Secret Service API; which place secrets are kept in |
//! | [`clipboard`], [`clipboard_process`] | the clipboard, by a process of its own |
//! | [`notification`] | the desktop's notifications |
//! | [`messages`] | the signal of the host's object |
//! | [`health`] | which of them cannot be used, and why |
//! | [`rate`] | how often an extension may do something |

pub(super) mod clipboard;
pub mod clipboard_process;
pub(super) mod health;
mod messages;
mod notification;
mod rate;
pub(super) mod secret_service;
pub mod secrets;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::host::backends::Backends;
use crate::model::host_settings::{BackendSettings, ClipboardBackend, IpcBackend, NotificationBackend};

use super::bus::link::BusLink;
use super::recorder::Recorder;
use clipboard::Clipboard;
use health::{BackendHealth, BackendProblem};

/// How long a service of the desktop may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all backends need.
#[derive(Clone)]
pub(super) struct Desktop {
    pub runtime: Handle,
    pub link: BusLink,
    pub recorder: Arc<Recorder>,
    pub health: Arc<BackendHealth>,
    pub clipboard: Arc<Clipboard>,
}

/// The backends that the settings name.
pub(super) fn backends(settings: &BackendSettings, desktop: &Desktop) -> Backends {
    desktop.health.configure(settings);
    let secrets = secrets::Secrets::new(&settings.secrets, desktop).map(Arc::new);
    let ipc = (settings.ipc == IpcBackend::Bus).then(|| Arc::new(messages::Messages::new(desktop)) as _);
    let clipboard = (settings.clipboard == ClipboardBackend::Auto)
        .then(|| Arc::new(clipboard::ClipboardCapability::new(desktop)) as _);
    let notification = match settings.notification {
        NotificationBackend::Desktop => Some(notification::Target::Desktop),
        NotificationBackend::Print => Some(notification::Target::Log),
        NotificationBackend::None => None,
    };
    Backends {
        secret_read: secrets.clone().map(|secrets| secrets as _),
        secret_write: secrets.map(|secrets| secrets as _),
        ipc_publish: ipc,
        clipboard_write: clipboard,
        notification: notification.map(|target| Arc::new(notification::Notifications::new(desktop, target)) as _),
        log: None,
    }
}

impl Desktop {
    /// Does something on the host's own runtime, within [`PATIENCE`], and notes whether `backend` could be used.
    async fn run<T: Send + 'static>(
        &self,
        backend: &'static str,
        work: impl Future<Output = Result<T, BackendProblem>> + Send + 'static,
    ) -> Result<T, String> {
        // Not dropped when the time is up: half a message on the bus would be the end of the connection.
        let result = match tokio::time::timeout(PATIENCE, self.runtime.spawn(work)).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(BackendProblem::new("the host failed to ask it")),
            Err(_) => Err(BackendProblem::new(format!("it did not answer within {} s", PATIENCE.as_secs()))),
        };
        self.health.note(backend, result.as_ref().err());
        result.map_err(|problem| problem.message)
    }
}
