//! The memory that all instances of a host may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::model::bounds::DEFAULT_HOST_MEMORY_MIB;

/// Memory for all instances together, beside the limit that each has. It counts linear memories and tables. Clones are the same
/// budget.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<BudgetCounter>);

#[derive(Debug)]
struct BudgetCounter {
    /// In MiB.
    most: AtomicU64,
    /// In bytes.
    held: AtomicUsize,
}

impl MemoryBudget {
    pub fn new(mib: u64) -> Self {
        Self(Arc::new(BudgetCounter { most: AtomicU64::new(mib), held: AtomicUsize::new(0) }))
    }

    /// For a host that runs one instance, which has its own limit.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// The most that may be held, in MiB.
    pub fn limit_mib(&self) -> u64 {
        self.0.most.load(Ordering::Relaxed)
    }

    /// Sets another limit. What is held beyond it stays until its instances end.
    pub fn set_limit_mib(&self, mib: u64) {
        self.0.most.store(mib, Ordering::Relaxed);
    }

    /// What is held now, in bytes.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Takes some bytes of it; says whether they were left.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let most = usize::try_from(self.limit_mib()).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        let taken = |held: usize| held.checked_add(bytes).filter(|held| *held <= most);
        self.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Gives bytes back that were taken.
    pub(super) fn give_back(&self, bytes: usize) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self::new(DEFAULT_HOST_MEMORY_MIB)
    }
}
