//! Which backends cannot be used, and why: what each said the last time.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::model::host_settings::BackendSettings;
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
pub(in crate::daemon) struct BackendHealth(Mutex<HealthState>);

#[derive(Default)]
struct HealthState {
    settings: BackendSettings,
    /// What each said the last time that it could not be used, until it can be again.
    problems: BTreeMap<&'static str, BackendProblem>,
}

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
        *self.0.lock() = HealthState { settings: settings.clone(), problems: BTreeMap::new() };
    }

    /// What is configured.
    pub(in crate::daemon) fn settings(&self) -> BackendSettings {
        self.0.lock().settings.clone()
    }

    /// Notes how the last use went.
    pub(in crate::daemon) fn note(&self, backend: &'static str, problem: Option<&BackendProblem>) {
        let problems = &mut self.0.lock().problems;
        match problem {
            Some(problem) if problem.of_backend => drop(problems.insert(backend, problem.clone())),
            Some(_) => {}
            None => drop(problems.remove(backend)),
        }
    }

    pub(in crate::daemon) fn reports(&self) -> Vec<BackendReport> {
        let state = self.0.lock();
        let BackendSettings { secrets, clipboard, notification, ipc } = &state.settings;
        let configured = [
            (CLIPBOARD, clipboard.to_string()),
            (IPC, ipc.to_string()),
            (NOTIFICATION, notification.to_string()),
            (SECRETS, secrets.to_string()),
        ];
        let report = |(backend, configured): (&str, String)| {
            let problem = state.problems.get(backend);
            BackendReport {
                backend: backend.to_owned(),
                configured,
                problem: problem.map(|problem| problem.message.clone()),
                hint: problem.and_then(|problem| problem.hint.clone()),
            }
        };
        configured.into_iter().map(report).collect()
    }
}
