//! The commands about this machine: what is active, and the store.

pub mod doctor;
pub mod gc;
pub mod generations;
pub mod status;
pub mod verify;
