//! What profiles there are on this machine, as data.

use serde::Serialize;

use crate::model::fault::Fault;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::ProfileName;

/// What `profile list` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ProfilesReport {
    /// By name.
    pub profiles: Vec<ListedProfile>,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ListedProfile {
    pub name: ProfileName,
    /// How many generations it has.
    pub generations: usize,
    /// What is active in it, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<ActiveProfile>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// The active generation of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ActiveProfile {
    pub generation: u64,
    pub extensions: usize,
    /// Whether syncs leave it active until it is released.
    pub is_held: bool,
    /// The manifest that made it.
    pub manifest: ManifestPath,
    pub declares: DeclaredProfile,
}

/// Which profile the manifest of an active set declares by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DeclaredProfile {
    This,
    /// Another one: this was made with `--profile`, or before the manifest was changed.
    Other {
        profile: ProfileName,
    },
    /// The manifest does not exist any more.
    NoManifest,
    /// It cannot be read.
    Unknown,
}

/// What `profile delete` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DeletedProfilesReport {
    pub deleted: Vec<ProfileName>,
}

/// What `profile rename` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RenamedProfileReport {
    pub from: ProfileName,
    pub to: ProfileName,
    /// The manifest that was changed to declare the new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The manifest that made the active set and declares the old name still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub still_declared_by: Option<ManifestPath>,
}
