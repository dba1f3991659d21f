//! Counts what calls do, for `host status`.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::host::backends::Caller;
use crate::host::observer::{CallEnd, CallObserver, EndedCall};
use crate::model::report::host::CallCounts;

/// The counts of every extension that was called.
#[derive(Default)]
pub(in crate::daemon) struct CallCounter(Mutex<HashMap<Arc<str>, CallCounts>>);

impl CallCounter {
    pub(in crate::daemon) fn of(&self, extension: &str) -> CallCounts {
        self.0.lock().get(extension).copied().unwrap_or_default()
    }

    /// A call was refused before it began.
    pub(in crate::daemon) fn refused(&self, extension: &str) {
        self.0.lock().entry(extension.into()).or_default().refused += 1;
    }
}

impl CallObserver for CallCounter {
    fn began(&self, caller: &Caller, _: Option<&str>) {
        let mut counts = self.0.lock();
        let counts = counts.entry(caller.extension.clone()).or_default();
        counts.begun += 1;
        counts.running += 1;
    }

    fn ended(&self, caller: &Caller, _: Option<&str>, call: &EndedCall) {
        let mut counts = self.0.lock();
        let counts = counts.entry(caller.extension.clone()).or_default();
        let time = u64::try_from(call.time.as_millis()).unwrap_or(u64::MAX);
        counts.running -= 1;
        counts.time_ms += time;
        counts.longest_ms = counts.longest_ms.max(time);
        counts.memory = counts.memory.max(call.memory as u64);
        match call.outcome {
            CallEnd::Returned => {}
            CallEnd::ReturnedError => counts.errors += 1,
            CallEnd::Stopped(_) | CallEnd::Abandoned => counts.stopped += 1,
        }
    }
}
