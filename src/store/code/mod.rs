//! Compiled code: its files, and how much room it and the compiled functions take.

pub mod cwasm;
pub mod cache_usage;
