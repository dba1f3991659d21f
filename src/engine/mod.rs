//! wasmtime's compiling half: the one Config, the engine key, looking into components, compiling them.
//!
//! Bytes go in, bytes come out: nothing here touches the disk or the network, and nothing here runs a guest.

pub mod bounds;
pub mod compile;
pub mod config;
pub mod error;
mod features;
pub mod function_cache;
pub mod inspect;
pub mod instance_limits;
pub mod interface_limits;
pub mod key;
pub mod metadata;
pub mod validate;
