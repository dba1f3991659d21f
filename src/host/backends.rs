//! What stands behind the capabilities: a trait for each, which the program that embeds the host implements.
//!
//! Secrets, clipboard and message bus live in other processes; nothing of the desktop is linked here. A capability
//! that is granted but has no backend answers its calls with an error value. Every method is given its [`Caller`], and
//! runs within the time limit of that call: its future is dropped when the time is up.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::model::digest::Digest;

/// Who uses a capability: one call of one extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The extension's name; of a component that is not installed, its path.
    pub extension: Arc<str>,
    /// The digest of the component that runs.
    pub component: Digest,
    /// Calls of one host are numbered from 1.
    pub call: u64,
    /// Whether the instance has been given the value of a secret, in this call or in an earlier one.
    pub has_read_secret: bool,
}

/// Reads secrets. The host asks only for names that were granted.
#[async_trait]
pub trait SecretRead: Send + Sync {
    /// # Errors
    /// A message for people, which the guest is given.
    async fn get(&self, caller: &Caller, name: &str) -> Result<Option<String>, String>;
}

/// Keeps secrets.
#[async_trait]
pub trait SecretWrite: Send + Sync {
    /// # Errors
    /// A message for people, which the guest is given.
    async fn set(&self, caller: &Caller, name: &str, value: &str) -> Result<(), String>;
}

/// Publishes on the message bus.
#[async_trait]
pub trait IpcPublish: Send + Sync {
    /// # Errors
    /// A message for people, which the guest is given.
    async fn publish(&self, caller: &Caller, topic: &str, payload: &[u8]) -> Result<(), String>;
}

/// Writes to the clipboard.
#[async_trait]
pub trait ClipboardWrite: Send + Sync {
    /// # Errors
    /// A message for people, which the guest is given.
    async fn write(&self, caller: &Caller, text: &str) -> Result<(), String>;
}

/// Shows notifications.
#[async_trait]
pub trait Notification: Send + Sync {
    /// # Errors
    /// A message for people, which the guest is given.
    async fn show(&self, caller: &Caller, title: &str, body: &str) -> Result<(), String>;
}

/// Keeps what extensions log.
pub trait LogBackend: Send + Sync {
    /// Takes one line without its end: at most 4 KiB of what the guest wrote, control characters escaped. Called while the
    /// guest waits, so it should be quick.
    fn line(&self, caller: &Caller, source: LogSource, text: &str);
}

/// Where a line of a log comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Stdout,
    Stderr,
    /// The host says it of the guest.
    Host,
}

impl fmt::Display for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Host => "host",
        })
    }
}

/// The backends that there are.
#[derive(Clone, Default)]
pub struct Backends {
    pub secret_read: Option<Arc<dyn SecretRead>>,
    pub secret_write: Option<Arc<dyn SecretWrite>>,
    pub ipc_publish: Option<Arc<dyn IpcPublish>>,
    pub clipboard_write: Option<Arc<dyn ClipboardWrite>>,
    pub notification: Option<Arc<dyn Notification>>,
    /// Without one, what extensions log is dropped.
    pub log: Option<Arc<dyn LogBackend>>,
}
