//! What all extensions of a host share.

use std::sync::Arc;

use super::backends::Backends;
use super::limits::memory_budget::MemoryBudget;
use super::observer::CallObserver;

/// What all extensions of a host share.
#[derive(Clone, Default)]
pub struct HostOptions {
    pub backends: Backends,
    /// Hears of every call.
    pub observer: Option<Arc<dyn CallObserver>>,
    /// For all instances together.
    pub memory: MemoryBudget,
}
