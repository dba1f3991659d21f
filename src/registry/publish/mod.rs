//! Publishing: what is pushed, and how. Nothing here reads a registry but to see what it already has.

pub mod package;
pub mod push;
pub(crate) mod upload;
