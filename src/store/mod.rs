//! The disk: blobs by digest, compiled code, generations, and the lock that keeps two runs apart.
//!
//! All paths are made in [`paths`], all writes in `write`. What stands under a final name is whole and was
//! checked; everything under way has another name. Nothing here knows where bytes come from.

pub mod audit_log;
pub mod blobs;
pub mod code;
pub mod error;
pub mod function_cache;
pub mod generations;
pub mod integrity;
pub mod key;
pub mod logs;
pub mod memo;
pub mod owner;
pub mod paths;
pub mod store_lock;
pub(crate) mod trusted_files;
pub(crate) mod write;

pub use error::Error;
