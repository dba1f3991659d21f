//! Hears of calls: when one begins, and how it ended. An observer changes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backends::Caller;
use super::termination::Termination;

/// Hears of every call of a host. Its methods are called on the thread that runs the guest, so they should be quick.
pub trait CallObserver: Send + Sync {
    /// A call begins. `function` is none if an instance is only started.
    fn began(&self, caller: &Caller, function: Option<&str>);

    /// The same call has ended.
    fn ended(&self, caller: &Caller, function: Option<&str>, call: &EndedCall);
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedCall {
    pub outcome: CallEnd,
    /// From its beginning, whether the guest ran or waited.
    pub time: Duration,
    /// Bytes of memories and tables that its instance held at the end, which is the most that it held; 0 if it was abandoned.
    pub memory: usize,
}

/// Why a call came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// It gave a result, or nothing if it has none.
    Returned,
    /// It gave the error of its `result`.
    ReturnedError,
    Stopped(Termination),
    /// The program that embeds the host no longer waited for it.
    Abandoned,
}

/// A call that is observed until it ends or is dropped.
pub(super) struct ObservedCall {
    observer: Option<Arc<dyn CallObserver>>,
    caller: Caller,
    function: Option<String>,
    began: Instant,
}

impl ObservedCall {
    pub(super) fn begin(observer: Option<Arc<dyn CallObserver>>, caller: Caller, function: Option<&str>) -> Self {
        if let Some(observer) = &observer {
            observer.began(&caller, function);
        }
        Self { observer, caller, function: function.map(str::to_owned), began: Instant::now() }
    }

    pub(super) fn end(mut self, caller: Caller, outcome: CallEnd, memory: usize) {
        self.caller = caller;
        self.report(outcome, memory);
    }

    fn report(&mut self, outcome: CallEnd, memory: usize) {
        if let Some(observer) = self.observer.take() {
            let ended = EndedCall { outcome, time: self.began.elapsed(), memory };
            observer.ended(&self.caller, self.function.as_deref(), &ended);
        }
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        self.report(CallEnd::Abandoned, 0);
    }
}
