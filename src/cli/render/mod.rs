//! Reports and errors as words, tables, drawings and JSON. Everything that others wrote is escaped here.

pub mod active_set;
pub mod consent;
pub mod edit_outcome;
pub mod failure;
pub mod graph;
pub mod json;
pub mod lock_changes;
pub mod plan;
pub mod progress;
pub mod style;
pub mod table;
pub mod warning;
