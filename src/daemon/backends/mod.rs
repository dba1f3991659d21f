//! What stands behind the capabilities on a desktop: its keyring, its clipboard, its notifications, the session bus.
//!
//! What a guest asks for is done by a task on the host's own runtime, within a bounded time: a guest that is stopped meanwhile
//! interrupts nothing half way, and a service that does not answer keeps no guest. Each failure is an error value for the guest,
//! and stands in `host status` until it works again.
//!
//! | file | owns |
//! |---|---|
//! | `secret_service`, `secrets` | the keyring, by the Secret Service API; which place secrets are kept in |
//! | `clipboard`, `clipboard_process` | the clipboard, by a process of its own |
//! | `notification` | the desktop's notifications |
//! | `messages` | the signal of the host's object |
//! | `desktop` | what they all use: the bus, a bounded time, the audit log |
//! | `health` | which of them cannot be used, and why |
//! | `rate` | how often an extension may do something |
//! | `trial` | one try of each |

pub(super) mod clipboard;
pub mod clipboard_process;
pub(super) mod desktop;
pub(super) mod health;
mod messages;
pub(super) mod notification;
mod rate;
pub(super) mod secret_service;
pub mod secrets;
pub(super) mod trial;

use std::sync::Arc;

use crate::host::backends::Backends;
use crate::model::host_settings::{BackendSettings, ClipboardBackend, IpcBackend, NotificationBackend};

use desktop::Desktop;

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
