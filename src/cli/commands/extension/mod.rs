//! `sesame extension …`: single extensions.

pub mod call;
pub mod info;
pub mod install;
pub mod list;
pub mod log;
pub mod push;
