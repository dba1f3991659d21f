//! The commands about this machine: what is active, its generations, the store.

pub mod diff;
pub mod doctor;
pub mod gc;
pub mod generations;
pub mod profile;
pub mod purge;
pub mod rollback;
pub mod status;
pub mod sync;
pub mod verify;
