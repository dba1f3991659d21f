//! What `purge` removed, or would remove, as data.

use serde::Serialize;

use super::gc::DiskUsage;

/// What `purge` did, or would do.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PurgeReport {
    /// Whether nothing was removed.
    pub dry_run: bool,
    pub parts: Vec<PurgedPart>,
    /// The person's own files that say what to install, which stay.
    pub kept: Vec<String>,
}

/// One of the places where sesame has its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PurgedPart {
    /// A folder or a file.
    pub path: String,
    pub what: PurgedKind,
    pub size: DiskUsage,
    /// Every file of it.
    pub files: Vec<String>,
}

/// What files are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PurgedKind {
    /// Profiles with their generations: what is active.
    Profiles,
    Blobs,
    /// Unfinished downloads.
    Staging,
    Quarantine,
    StoreLock,
    CompiledCode,
    CompiledFunctions,
    /// Records of what was checked.
    Records,
    Key,
    Logs,
    /// What the host of the desktop has logged.
    HostLog,
    /// What extensions did with secrets and the clipboard.
    AuditLog,
    /// What lets the desktop start the host.
    HostUnit,
    /// A script that a shell reads to complete, or a manual page.
    Documentation,
}
