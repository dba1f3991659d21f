//! What is kept of compiling and was thrown away of it, as data.

use serde::Serialize;

/// What `gc` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct GcReport {
    pub removed: CacheSizes,
    pub kept: CacheSizes,
}

/// How much of the cache is what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CacheSizes {
    /// The compiled code of components.
    pub code: CacheSize,
    /// The compiled functions that are kept for later components.
    pub functions: CacheSize,
}

/// How much something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CacheSize {
    pub files: u64,
    pub bytes: u64,
}

impl CacheSize {
    /// What is gone, if this was before and `after` is left.
    pub fn without(self, after: Self) -> Self {
        Self { files: self.files.saturating_sub(after.files), bytes: self.bytes.saturating_sub(after.bytes) }
    }
}
