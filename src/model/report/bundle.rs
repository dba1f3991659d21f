//! What was written into a bundle and what came out of one, as data.

use serde::Serialize;

use crate::model::digest::Digest;

use super::sync::SyncReport;

/// What `bundle export` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ExportReport {
    /// The archive or folder.
    pub bundle: String,
    /// The digest of the bundle's manifest, which names all that is in it.
    pub digest: Digest,
    pub extensions: usize,
    /// How many manifests and components are in it.
    pub blobs: usize,
    /// How many bytes all files in it have.
    pub size: u64,
    /// How many of these bytes were written; fewer where a folder had some of it.
    pub written: u64,
}

/// What `bundle import` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ImportReport {
    /// The archive or folder.
    pub bundle: String,
    /// The digest of the bundle's manifest.
    pub digest: Digest,
    /// The person's files that were written.
    pub files: Vec<String>,
    /// Those that were removed, because the bundle has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// How many blobs the store took from the bundle.
    pub blobs: usize,
    pub sync: SyncReport,
}
