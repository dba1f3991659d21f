//! Running what is active.

pub mod active;
pub mod call;
pub mod extension_logs;
pub mod secrets;
pub mod uninstalled;
