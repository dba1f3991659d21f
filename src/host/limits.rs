//! The limits of an instance that wasmtime asks us about, and the fixed caps.

use wasmtime::ResourceLimiter;

use crate::model::manifest::Limits;

/// Core instances, and tables, of one component instance.
pub const MAX_INSTANCES: usize = 1_000;
/// Linear memories of one component instance.
pub const MAX_MEMORIES: usize = 100;
/// Elements of all tables together: 8 MiB of them.
pub const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// Live handles of resources, in the guest and in the host.
pub const MAX_HANDLES: usize = 10_000;
/// What one call of the host, or the result of a call of the guest, may move out of the guest, in bytes.
pub const MAX_HOSTCALL: usize = 16 << 20;
/// Random bytes of one call.
pub const MAX_RANDOM: u64 = 1 << 20;

/// What a guest was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Memory,
    Table,
}

/// Counts what an instance holds.
pub(super) struct Meter {
    most_memory: usize,
    memory: usize,
    elements: usize,
    /// The last thing that was refused; a guest often traps because of it.
    pub refused: Option<Refused>,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        let most_memory = usize::try_from(limits.memory_mib()).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        Self { most_memory, memory: 0, elements: 0, refused: None }
    }
}

impl ResourceLimiter for Meter {
    /// Called with what one memory has and wants, in bytes; also for the memory that an instance begins with.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let memory = self.memory.saturating_add(desired.saturating_sub(current));
        if memory > self.most_memory {
            self.refused = Some(Refused::Memory);
            return Ok(false);
        }
        self.memory = memory;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.elements.saturating_add(desired.saturating_sub(current));
        if elements > MAX_TABLE_ELEMENTS {
            self.refused = Some(Refused::Table);
            return Ok(false);
        }
        self.elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}
