//! What the commands about single extensions did or found, as data.

use serde::{Deserialize, Serialize};

use crate::model::annotations::Annotations;
use crate::model::capability::Capability;
use crate::model::digest::Digest;
use crate::model::manifest::Config;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::set_change::GrantChanges;
use crate::model::report::sync::{LockReport, SyncReport};

/// What is live in a profile.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ListReport {
    pub profile: ProfileName,
    /// The number of the live generation, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    pub extensions: Vec<ListedExtension>,
}

/// One live extension.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ListedExtension {
    pub name: ExtensionName,
    /// The tag; none for an extension made from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The reference or path.
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Digest>,
    pub component: Digest,
    /// Each as it is written after `--grant`.
    pub capabilities: Vec<String>,
    /// Of the component, in bytes.
    pub size: u64,
    /// Of its compiled code, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_size: Option<u64>,
    pub state: CodeState,
}

/// Whether an extension can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodeState {
    /// Its code is there for this machine and this sesame.
    Ready,
    /// The next sync compiles it.
    NotCompiled,
    /// The policy of this machine forbids it, or it needs what it is not granted.
    Denied,
}

/// Everything about one live extension.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct InfoReport {
    #[serde(flatten)]
    pub extension: ListedExtension,
    pub profile: ProfileName,
    pub generation: u64,
    /// The manifest that made it live.
    pub manifest: ManifestPath,
    /// What its author says of it.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    pub imports: Vec<ImportedInterface>,
    /// The memory that an instance gets at most, in MiB.
    pub memory_mib: u64,
    /// The fuel of one call; none where it is not metered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// The time of one call, in milliseconds.
    pub timeout_ms: u64,
    /// Its own settings.
    #[serde(skip_serializing_if = "Config::is_empty")]
    pub config: Config,
    /// The component's world, as WIT.
    pub world: String,
}

/// An import, and the grant that it needs.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ImportReport")]
pub struct ImportedInterface {
    pub interface: String,
    /// The capability; none for what is always given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    pub granted: bool,
}

/// What a call gave back.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CallReport {
    pub extension: String,
    pub function: String,
    /// In WIT; none if the function gives nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_type: Option<String>,
    pub outcome: CallOutcome,
    /// The result; what JSON each WIT type is, `sesame call --help` says.
    pub value: serde_json::Value,
    /// The result for people: a string as it is, anything else as WAVE; what a `result` holds, without it.
    #[serde(skip)]
    pub text: Option<String>,
}

/// What `call` lists if no function is named.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FunctionsReport {
    pub extension: String,
    pub functions: Vec<ListedFunction>,
}

/// A function that can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ListedFunction {
    /// What `call` names it by.
    pub name: String,
    /// With the name, as WIT: `greet: func(name: string) -> string`.
    pub signature: String,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    Ok,
    /// The function gave the error of its `result`.
    Err,
}

/// What `install` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct InstallReport {
    pub name: ExtensionName,
    /// The reference or path.
    pub source: String,
    /// The reference or path that had the name before, if it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<String>,
    /// The manifest that was written or changed.
    pub file: String,
    /// What it is granted now, each as it is written after `--grant`.
    pub capabilities: Vec<String>,
    /// The reference that is locked, if a range of versions is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// The same, if that range was declared before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_range: Option<String>,
    /// Those among them that were grants of the whole capability before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<String>,
    pub lock: LockReport,
    /// Absent if nothing was to be made live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncReport>,
}

/// What `upgrade` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpgradeReport {
    pub sync: SyncReport,
    /// The manifests that were changed, for what was granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// What was left as it is, because its newer version asks for more than is granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftExtension>,
}

/// An extension that was not upgraded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LeftExtension {
    pub name: ExtensionName,
    /// The locked reference or path.
    pub locked: String,
    /// The one that it was not upgraded to.
    pub newer: String,
    /// What that one asks for and is not granted.
    pub capabilities: Vec<Capability>,
    /// The policy that denies it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_by: Option<String>,
}

/// What `remove` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RemoveReport {
    pub removed: Vec<Removed>,
    pub lock: LockReport,
    /// Absent if nothing was to be made live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncReport>,
}

/// An extension that was taken away.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Removed {
    pub name: ExtensionName,
    /// The manifest that was changed or removed.
    pub file: String,
    /// The component's file, which stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// What `grant` or `revoke` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GrantsReport {
    pub name: ExtensionName,
    /// The manifest that has its grants.
    pub file: String,
    /// Empty if it was granted the same before.
    #[serde(flatten)]
    pub changes: GrantChanges,
    /// What it is granted now, each as it is written after `--grant`.
    pub capabilities: Vec<String>,
    /// Absent if no sync was to follow, or nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncReport>,
}

/// What an extension has printed.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LogReport {
    pub name: ExtensionName,
    /// One line each, the oldest first.
    pub lines: Vec<String>,
}
