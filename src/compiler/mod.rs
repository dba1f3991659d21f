//! Compiling in a process of its own, which can be killed and may run out of memory. What it is handed and what it answers are
//! bytes; it opens no files but the key and those of the function cache.

pub(crate) mod client;
pub mod error;
pub mod inspection;
pub(crate) mod process;
pub(crate) mod protocol;
pub(crate) mod sandbox;
pub mod settings;
pub mod worker;
