//! Running what is active.

pub mod active;
pub mod call;
pub mod secrets;
