//! The commands about a project: its manifest and its lock.

pub mod add;
pub mod grant;
pub mod graph;
pub mod init;
pub mod lock;
mod new_extension;
pub mod outdated;
pub mod remove;
pub mod revoke;
pub mod tags;
pub mod upgrade;
pub mod why;

pub use new_extension::{NewExtensionOptions, origin};
