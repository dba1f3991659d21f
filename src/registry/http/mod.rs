//! HTTP as registries are spoken to: connections, one request with its redirects, retries, limits and timeouts. What a request
//! asks for is decided by the callers.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod endpoint;
pub(crate) mod failure;
pub(crate) mod limiter;
pub(crate) mod named_certificates;
pub(crate) mod retry;
pub mod timeouts;
pub mod transport;
