//! What the commands about the store did or found, as data.

pub mod gc;
pub mod purge;
pub mod verify;
