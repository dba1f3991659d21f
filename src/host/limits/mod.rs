//! The limits of an instance that wasmtime asks us about, and the fixed caps.

use wasmtime::ResourceLimiter;

use crate::engine::bounds::CORE_INSTANCES;
use crate::model::manifest::Limits;

use memory_budget::MemoryBudget;

pub(super) mod epoch_ticker;
pub mod memory_budget;

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

/// Bytes of a table's element.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// What a guest was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedGrowth {
    Memory,
    Table,
    /// Its limits allow it, and all instances together hold the budget.
    Budget,
    /// Its limits allow it, and this machine does not.
    Machine,
}

/// Counts what an instance holds, and gives it back to the budget when it is dropped.
pub(crate) struct Meter {
    memory: BoundedCount,
    elements: BoundedCount,
    budget: MemoryBudget,
    /// The last thing that was refused in this call; a guest often traps because of it.
    pub refused: Option<RefusedGrowth>,
}

/// An amount over all memories, or all tables.
struct BoundedCount {
    most: usize,
    held: usize,
    /// What the growth that was just allowed has added, in case it fails after all.
    added: usize,
    /// The bytes of one.
    unit: usize,
    /// Why a growth beyond `most` is refused.
    beyond: RefusedGrowth,
}

impl BoundedCount {
    fn new(most: usize, unit: usize, beyond: RefusedGrowth) -> Self {
        Self { most, held: 0, added: 0, unit, beyond }
    }

    /// Whether one of them may grow, else why not. A growth beyond its own maximum fails whatever the answer is.
    fn grow(
        &mut self,
        budget: &MemoryBudget,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<(), RefusedGrowth> {
        self.added = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(());
        }
        let added = desired.saturating_sub(current);
        if self.held.saturating_add(added) > self.most {
            return Err(self.beyond);
        }
        if !budget.take(added.saturating_mul(self.unit)) {
            return Err(RefusedGrowth::Budget);
        }
        self.held += added;
        self.added = added;
        Ok(())
    }

    /// Takes back what the growth that has failed after all had added; says whether it was anything.
    fn undo(&mut self, budget: &MemoryBudget) -> bool {
        let added = std::mem::take(&mut self.added);
        self.held -= added;
        budget.give_back(added * self.unit);
        added > 0
    }

    fn bytes(&self) -> usize {
        self.held * self.unit
    }
}

impl Meter {
    pub(crate) fn new(limits: &Limits, budget: MemoryBudget) -> Self {
        let memory = usize::try_from(limits.memory_mib()).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        Self {
            memory: BoundedCount::new(memory, 1, RefusedGrowth::Memory),
            elements: BoundedCount::new(MAX_TABLE_ELEMENTS, TABLE_ELEMENT, RefusedGrowth::Table),
            budget,
            refused: None,
        }
    }

    /// What the instance holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.memory.bytes() + self.elements.bytes()
    }

    /// The budget, in MiB.
    pub(crate) fn budget_mib(&self) -> u64 {
        self.budget.limit_mib()
    }

    fn allow(&mut self, grown: Result<(), RefusedGrowth>) -> bool {
        self.refused = grown.err().or(self.refused);
        grown.is_ok()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes());
    }
}

impl ResourceLimiter for Meter {
    /// Called with what one memory has and wants, in bytes; also for the memory that an instance begins with.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.memory.grow(&self.budget, current, desired, maximum);
        Ok(self.allow(grown))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        if self.memory.undo(&self.budget) {
            self.refused = Some(RefusedGrowth::Machine);
        }
        Ok(())
    }

    /// The same for tables, in elements.
    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.elements.grow(&self.budget, current, desired, maximum);
        Ok(self.allow(grown))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        if self.elements.undo(&self.budget) {
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
        let limits = Limits { max_memory_mib: Some(3), ..Limits::default() };
        let mut meter = Meter::new(&limits, MemoryBudget::default());
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

    #[test]
    fn all_instances_count_together_until_they_are_gone() {
        let (mib, limits) = (1 << 20, Limits::default());
        let budget = MemoryBudget::new(3);
        let mut first = Meter::new(&limits, budget.clone());
        let mut second = Meter::new(&limits, budget.clone());
        assert!(first.memory_growing(0, 2 * mib, None).unwrap());
        assert!(!second.memory_growing(0, 2 * mib, None).unwrap());
        assert_eq!(second.refused, Some(RefusedGrowth::Budget));
        assert!(second.table_growing(0, mib / TABLE_ELEMENT, None).unwrap());
        assert!(!second.table_growing(mib / TABLE_ELEMENT, mib / TABLE_ELEMENT + 1, None).unwrap());
        second.table_grow_failed(wasmtime::Error::msg("no more")).unwrap();
        assert_eq!(budget.held(), 3 * mib);
        drop(first);
        assert!(second.memory_growing(0, 2 * mib, None).unwrap());
        second.memory_grow_failed(wasmtime::Error::msg("no more")).unwrap();
        drop(second);
        assert_eq!(budget.held(), 0);
    }
}
