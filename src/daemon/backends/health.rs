//! Which backends cannot be used, and why: what each said the last time.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::model::host_settings::{BackendSettings, ClipboardBackend, IpcBackend, NotificationBackend, SecretsBackend};
use crate::model::report::host::BackendReport;

pub(in crate::daemon) const SECRETS: &str = "secrets";
pub(in crate::daemon) const CLIPBOARD: &str = "clipboard";
pub(in crate::daemon) const NOTIFICATION: &str = "notification";
pub(in crate::daemon) const IPC: &str = "ipc";

/// Why a backend cannot be used. The guest is given the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct BackendProblem {
    pub message: String,
    /// What the person can do about it.
    pub hint: Option<String>,
    /// Whether it is the backend's fault, and not that of what was asked.
    pub of_backend: bool,
}

/// What is configured, and what is wrong.
#[derive(Default)]
pub(in crate::daemon) struct BackendHealth(Mutex<BTreeMap<&'static str, BackendReport>>);

impl BackendProblem {
    pub(in crate::daemon) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, of_backend: true }
    }

    #[must_use]
    pub(in crate::daemon) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What was asked is refused, although the backend works.
    pub(in crate::daemon) fn of_request(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, of_backend: false }
    }
}

impl BackendHealth {
    /// These are the backends from now on.
    pub(in crate::daemon) fn configure(&self, settings: &BackendSettings) {
        let secrets = match &settings.secrets {
            SecretsBackend::SecretService => "secret-service".to_owned(),
            SecretsBackend::File(path) => format!("file:{}", path.display()),
            SecretsBackend::None => "none".to_owned(),
        };
        let clipboard = match settings.clipboard {
            ClipboardBackend::Auto => "auto",
            ClipboardBackend::None => "none",
        };
        let notification = match settings.notification {
            NotificationBackend::Desktop => "desktop",
            NotificationBackend::Print => "print",
            NotificationBackend::None => "none",
        };
        let ipc = match settings.ipc {
            IpcBackend::Bus => "bus",
            IpcBackend::None => "none",
        };
        let configured = [
            (SECRETS, secrets),
            (CLIPBOARD, clipboard.to_owned()),
            (NOTIFICATION, notification.to_owned()),
            (IPC, ipc.to_owned()),
        ];
        let mut reports = self.0.lock();
        for (backend, configured) in configured {
            let report = BackendReport { backend: backend.to_owned(), configured, problem: None, hint: None };
            reports.insert(backend, report);
        }
    }

    /// Whether this is what is configured.
    pub(in crate::daemon) fn is_configured(&self, backend: &str, configured: &str) -> bool {
        self.0.lock().get(backend).is_some_and(|report| report.configured == configured)
    }

    /// Notes how the last use went.
    pub(in crate::daemon) fn note(&self, backend: &'static str, problem: Option<&BackendProblem>) {
        if let Some(report) = self.0.lock().get_mut(backend)
            && problem.is_none_or(|problem| problem.of_backend)
        {
            report.problem = problem.map(|problem| problem.message.clone());
            report.hint = problem.and_then(|problem| problem.hint.clone());
        }
    }

    pub(in crate::daemon) fn reports(&self) -> Vec<BackendReport> {
        self.0.lock().values().cloned().collect()
    }
}
