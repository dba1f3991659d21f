//! What is wrong on the disk, as data.

use serde::Serialize;

/// What `verify` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct VerifyReport {
    pub looked_at: VerifiedCounts,
    /// What is wrong, in the order of their paths.
    pub findings: Vec<Finding>,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "LookedAt")]
pub struct VerifiedCounts {
    /// Manifests and components.
    pub blobs: u64,
    /// Compiled components.
    pub code: u64,
    pub generations: u64,
    pub locks: u64,
    /// The bytes of blobs and compiled components.
    pub bytes: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Finding {
    pub kind: FindingKind,
    pub path: String,
    /// What is wrong with it.
    pub what: String,
    /// The extensions that need it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    pub outcome: RepairOutcome,
    /// How it was mended, why it could not be, or what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What it is that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A folder of sesame's.
    Folder,
    /// The key that compiled code is authenticated with.
    Key,
    /// A generation, or which of them is live.
    Generation,
    /// A manifest or a component.
    Blob,
    /// The beginning of a download.
    Partial,
    /// A compiled component.
    Code,
    /// Compiled functions.
    Functions,
    /// A lock that names what was live.
    Lock,
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Outcome")]
pub enum RepairOutcome {
    /// Nothing was done.
    Found,
    Mended,
    /// It could not be mended.
    Left,
}

impl VerifyReport {
    /// Whether something is still wrong.
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.outcome != RepairOutcome::Mended)
    }
}
