//! Compiled code: its files, and how much room it and the compiled functions take.

pub mod cache_usage;
pub mod cwasm;
