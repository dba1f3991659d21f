//! Calls what `host.toml` says is to run by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::host::values::Syntax;
use crate::model::host_settings::{Schedule, ScheduledRun};
use crate::model::name::ExtensionName;
use crate::model::report::host::RunReport;
use crate::ops::run::call::CallOptions;

use super::service::{CallRequest, Service};

/// What runs by itself, and how the last runs went. If it is dropped, nothing runs any more.
pub(super) struct Timers {
    service: Arc<Service>,
    clock: Clock,
    reports: Arc<RunReports>,
    runs: BTreeMap<ExtensionName, ScheduledRun>,
    tasks: JoinSet<()>,
}

/// How the last runs went.
#[derive(Default)]
pub(super) struct RunReports(Mutex<BTreeMap<ExtensionName, RunReport>>);

impl Timers {
    pub(super) fn new(service: Arc<Service>, clock: Clock, reports: Arc<RunReports>) -> Self {
        Self { service, clock, reports, runs: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// These run from now on. If they are others than before, all begin anew; what runs at the start runs once, and not again
    /// because something else was changed. Must be called within a runtime.
    pub(super) fn set(&mut self, runs: &BTreeMap<ExtensionName, ScheduledRun>) {
        if *runs == self.runs {
            return;
        }
        let before = std::mem::replace(&mut self.runs, runs.clone());
        self.tasks = JoinSet::new();
        self.reports.keep(runs);
        for (name, run) in runs {
            if run.when == Schedule::Start && before.get(name) == Some(run) {
                continue;
            }
            let (service, reports) = (self.service.clone(), self.reports.clone());
            let (name, run, clock) = (name.clone(), run.clone(), self.clock);
            self.tasks.spawn(async move {
                match run.when {
                    Schedule::Start => call(&service, &name, &run, &reports).await,
                    Schedule::Every(interval) => loop {
                        tokio::time::sleep(clock.scaled(interval)).await;
                        call(&service, &name, &run, &reports).await;
                    },
                }
            });
        }
    }
}

/// Calls it once. That it fails is written down and stops nothing.
async fn call(service: &Service, name: &ExtensionName, run: &ScheduledRun, reports: &RunReports) {
    let options = CallOptions { function: run.function.clone(), arguments: Vec::new(), syntax: Syntax::Json };
    let request = CallRequest { caller: None, extension: name.to_string(), options };
    let problem = match service.call(request).await {
        Ok(report) => report.value.get("err").map(|error| format!("it returned the error {error}")),
        Err(failure) => Some(failure.fault.line()),
    };
    if let Some(problem) = &problem {
        service.recorder.say(&format!("run of `{name} {}`: {problem}", run.function));
    }
    reports.note(name, problem);
}

impl RunReports {
    /// Forgets what does not run any more, and knows what does.
    fn keep(&self, runs: &BTreeMap<ExtensionName, ScheduledRun>) {
        let report = |run: &ScheduledRun| RunReport {
            when: run.when.to_string(),
            function: run.function.clone(),
            problem: None,
        };
        *self.0.lock() = runs.iter().map(|(name, run)| (name.clone(), report(run))).collect();
    }

    fn note(&self, name: &ExtensionName, problem: Option<String>) {
        if let Some(report) = self.0.lock().get_mut(name) {
            report.problem = problem;
        }
    }

    pub(super) fn all(&self) -> BTreeMap<ExtensionName, RunReport> {
        self.0.lock().clone()
    }
}
