//! Checking and repairing the store, and removing what nothing needs.

pub mod gc;
pub(crate) mod gc_roots;
pub mod purge;
pub mod verify;
