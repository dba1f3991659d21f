//! What the compiler finds out about a component, and why it gives one up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::compile::CompileError;
use crate::engine::error::InspectError;
use crate::engine::inspect::Interface;
use crate::host::linker::LinkError;
use crate::model::function_cache::FunctionCounts;

/// What a component is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inspection {
    /// In bytes.
    pub size: u64,
    pub interface: Interface,
    /// Why it cannot be linked with this host, if so.
    pub unlinkable: Option<LinkError>,
    pub functions: FunctionCounts,
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ComponentError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("the compiler gave it up: {0}")]
    Panicked(String),
    #[error("the compiler takes longer than {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("the compiler takes more than {} MiB of memory", .0 >> 20)]
    Memory(u64),
    /// The process of the compiler is no more.
    #[error("the compiler ended: {0}")]
    Ended(String),
    /// The worker is another program than the one that asks.
    #[error("the compiler is of another version than this program")]
    OtherEngine,
}
