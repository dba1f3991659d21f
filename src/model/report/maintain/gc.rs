//! What is kept of compiling and was thrown away of it, as data.

use serde::Serialize;

/// What `gc` did, or would do.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GcReport {
    /// Whether nothing was removed, and `removed` is only what would be.
    pub dry_run: bool,
    pub removed: GcSizes,
    /// What is left of the cache.
    pub kept: CacheSizes,
}

/// How much of what nothing needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GcSizes {
    /// Manifests and components.
    pub blobs: DiskUsage,
    /// Beginnings of downloads that nobody went on with.
    pub partial: DiskUsage,
    #[serde(flatten)]
    pub cache: CacheSizes,
}

/// How much of the cache is what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CacheSizes {
    /// The compiled code of components.
    pub code: DiskUsage,
    /// The compiled functions that are kept for later components.
    pub functions: DiskUsage,
}

/// How much something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "CacheSize")]
pub struct DiskUsage {
    pub files: u64,
    pub bytes: u64,
}

impl DiskUsage {
    /// What is gone, if this was before and `after` is left.
    pub fn without(self, after: Self) -> Self {
        Self { files: self.files.saturating_sub(after.files), bytes: self.bytes.saturating_sub(after.bytes) }
    }
}
