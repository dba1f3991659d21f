//! The limits of an instance that wasmtime asks us about, and the fixed caps.

use wasmtime::ResourceLimiter;

use crate::engine::bounds::CORE_INSTANCES;
use crate::model::manifest::Limits;

/// Linear memories of one component instance.
pub const MAX_MEMORIES: usize = 100;
/// Elements of all tables together: 8 MiB of them.
pub const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// Live handles of resources in the guest.
pub const MAX_HANDLES: usize = 10_000;
/// Open files, streams and timers that the host keeps for an instance.
pub const MAX_HOST_RESOURCES: usize = 256;
/// What one call of the host, or the result of a call of the guest, may move out of the guest, in bytes.
pub const MAX_HOSTCALL: usize = 16 << 20;
/// Random bytes of one call.
pub const MAX_RANDOM: u64 = 1 << 20;

/// What a guest was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedGrowth {
    Memory,
    Table,
    /// Its limits allow it, and this machine does not.
    Machine,
}

/// Counts what an instance holds.
pub(crate) struct Meter {
    memory: BoundedCount,
    elements: BoundedCount,
    /// The last thing that was refused in this call; a guest often traps because of it.
    pub refused: Option<RefusedGrowth>,
}

/// An amount over all memories, or all tables.
struct BoundedCount {
    most: usize,
    held: usize,
    /// What the growth that was just allowed has added, in case it fails after all.
    added: usize,
}

impl BoundedCount {
    fn new(most: usize) -> Self {
        Self { most, held: 0, added: 0 }
    }

    /// Whether one of them may grow. A growth beyond its own maximum fails whatever is said here.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        self.added = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return true;
        }
        let added = desired.saturating_sub(current);
        let allowed = self.held.saturating_add(added) <= self.most;
        if allowed {
            self.held += added;
            self.added = added;
        }
        allowed
    }

    /// Takes back what the growth that has failed after all had added; says whether it was anything.
    fn undo(&mut self) -> bool {
        let added = std::mem::take(&mut self.added);
        self.held -= added;
        added > 0
    }
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let memory = usize::try_from(limits.memory_mib()).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        Self { memory: BoundedCount::new(memory), elements: BoundedCount::new(MAX_TABLE_ELEMENTS), refused: None }
    }
}

impl ResourceLimiter for Meter {
    /// Called with what one memory has and wants, in bytes; also for the memory that an instance begins with.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = self.memory.grow(current, desired, maximum);
        if !allowed {
            self.refused = Some(RefusedGrowth::Memory);
        }
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        if self.memory.undo() {
            self.refused = Some(RefusedGrowth::Machine);
        }
        Ok(())
    }

    /// The same for tables, in elements.
    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = self.elements.grow(current, desired, maximum);
        if !allowed {
            self.refused = Some(RefusedGrowth::Table);
        }
        Ok(allowed)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        if self.elements.undo() {
            self.refused = Some(RefusedGrowth::Machine);
        }
        Ok(())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES.most as usize
    }

    fn tables(&self) -> usize {
        CORE_INSTANCES.most as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_together_and_only_what_they_hold() {
        let mib = 1 << 20;
        let mut meter = Meter::new(&Limits { max_memory_mib: Some(3), ..Limits::default() });
        assert!(meter.memory_growing(0, mib, Some(2 * mib)).unwrap());
        assert!(meter.memory_growing(0, mib, None).unwrap());
        for _ in 0..100 {
            // Beyond the memory's own maximum, and a growth that the machine could not follow.
            assert!(meter.memory_growing(mib, 3 * mib, Some(2 * mib)).unwrap());
            meter.memory_grow_failed(wasmtime::Error::msg("beyond its maximum")).unwrap();
            assert!(meter.memory_growing(mib, 2 * mib, None).unwrap());
            meter.memory_grow_failed(wasmtime::Error::msg("no more")).unwrap();
        }
        assert_eq!(meter.refused, Some(RefusedGrowth::Machine), "the machine could not follow");
        meter.refused = None;
        assert!(meter.memory_growing(mib, 2 * mib, None).unwrap());
        assert_eq!(meter.refused, None);
        assert!(!meter.memory_growing(2 * mib, 2 * mib + 1, None).unwrap());
        assert_eq!(meter.refused, Some(RefusedGrowth::Memory));
    }
}
