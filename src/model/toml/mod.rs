//! TOML files that people write: reading them with the place of everything, excerpts for what is wrong, and their JSON Schemas.

pub(crate) mod document;
pub mod problem;
pub mod schema;
