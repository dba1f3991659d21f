//! How registries grant access: a registry says what it wants to see, Basic credentials or a token from a token server.
//!
//! `token_client` answers such challenges, with what `credentials` finds in docker's files and helpers. Nothing here shows a
//! secret.

pub mod challenge;
pub mod credential_helper;
pub mod credentials;
pub mod docker_config;
pub(crate) mod scope;
pub mod secret;
pub(crate) mod token_client;
pub(crate) mod token_endpoint;
