//! Reports and errors as words, tables, drawings and JSON. Everything that others wrote is escaped here.

pub mod failure;
pub mod graph;
pub mod json;
pub mod lock_changes;
pub mod progress;
pub mod table;
