//! `sesame registry …`: how registries grant access.

pub mod check;
pub mod login;
