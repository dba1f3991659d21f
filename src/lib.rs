//! draft
pub mod engine;
pub mod host;
pub mod model;
pub mod ops;
pub mod registry;
pub mod store;
