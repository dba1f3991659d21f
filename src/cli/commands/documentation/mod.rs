//! What there is to read: help, manual pages, completions, schemas, interfaces.

pub mod completions;
pub mod help;
pub mod man;
pub mod schema;
pub mod wit;
