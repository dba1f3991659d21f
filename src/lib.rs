//! draft
pub mod model;
