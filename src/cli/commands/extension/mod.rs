//! `sesame extension …`: single extensions.

pub mod call;
pub mod info;
pub mod push;
