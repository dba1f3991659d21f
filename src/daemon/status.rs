//! What the host says of itself.

use std::sync::Arc;

use crate::host::limits::memory_budget::MemoryBudget;
use crate::model::report::extension::ListedFunction;
use crate::model::report::host::{HostStatusReport, HostedExtension};
use crate::ops::run::call::functions;

use super::backends::health::BackendHealth;
use super::service::Service;
use super::serving::Serving;
use super::timers::RunReports;

/// Where the status comes from.
pub(super) struct StatusSource {
    pub service: Arc<Service>,
    pub memory: MemoryBudget,
    pub health: Arc<BackendHealth>,
    pub runs: Arc<RunReports>,
    /// Why the host is not confined as it should be.
    pub unconfined: Option<String>,
}

impl StatusSource {
    /// The extensions of the active set.
    pub(super) fn extensions(&self) -> Vec<HostedExtension> {
        let serving = self.service.serving();
        let Some(served) = serving.set() else { return Vec::new() };
        let listed = served.set.extensions().iter().map(|active| {
            let loaded = served.extensions.get(&active.name);
            let functions: Vec<ListedFunction> = match loaded {
                Some(Ok(extension)) => functions(extension, active.name.as_str()).functions,
                _ => Vec::new(),
            };
            HostedExtension {
                name: active.name.clone(),
                component: active.component,
                refused: loaded.and_then(|loaded| loaded.as_ref().err().cloned()),
                functions,
                calls: self.service.recorder.counts.of(active.name.as_str()),
                stuck_threads: self.service.stuck_threads(&active.name),
            }
        });
        listed.collect()
    }

    /// Everything.
    pub(super) fn report(&self) -> HostStatusReport {
        let serving = self.service.serving();
        let set = serving.set().map(|served| &served.set);
        HostStatusReport {
            process: std::process::id(),
            uptime_ms: u64::try_from(self.service.uptime().as_millis()).unwrap_or(u64::MAX),
            profile: set.map(|set| set.profile().clone()).unwrap_or_default(),
            generation: set.and_then(|set| set.number()),
            refusing: match &*serving {
                Serving::Refusing(fault) => Some(fault.clone()),
                Serving::Set(_) => None,
            },
            extensions: self.extensions(),
            backends: self.health.reports(),
            memory: self.memory.held() as u64,
            memory_limit_mib: self.memory.limit_mib(),
            runs: self.runs.all(),
            unconfined: self.unconfined.clone(),
        }
    }
}
