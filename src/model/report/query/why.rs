//! Why an extension or a grant is there, as data.

use serde::Serialize;

use crate::model::capability::Capability;
use crate::model::digest::Digest;
use crate::model::name::{ExtensionName, ProfileName};

/// What `why` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WhyReport {
    pub profile: ProfileName,
    /// The extension that was asked for, or those that have to do with the capability.
    pub extensions: Vec<ExtensionReasons>,
}

/// Why an extension is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ExtensionReasons {
    pub name: ExtensionName,
    /// Where the manifest declares it, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclaredReason>,
    /// What the lock has for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<LockedReason>,
    /// The generation that brought the component that is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<ActiveReason>,
    /// What it is granted, or imports without being granted it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantReasons>,
}

/// Where an extension is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DeclaredReason {
    /// `FILE:LINE:COLUMN`
    pub place: String,
    /// The reference, range or path.
    pub source: String,
}

/// What an extension is locked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LockedReason {
    /// The lock file.
    pub file: String,
    /// The reference or path.
    pub source: String,
    pub component: Digest,
}

/// Since which generation something is active without a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ActiveReason {
    pub generation: u64,
    /// When that was activated, in seconds since 1970-01-01 UTC.
    pub activated: u64,
    /// Whether it may be there for longer: earlier generations were removed.
    pub is_oldest_kept: bool,
}

/// Why a capability is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GrantReasons {
    pub capability: Capability,
    /// What the manifest grants of it, as it is written after `--grant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// `FILE:LINE:COLUMN` of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether the locked component imports what it is for; unknown without a lock entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_imported: Option<bool>,
    /// What is granted of it in the active set, if that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_grant: Option<String>,
    /// The generation that brought the grant that is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<ActiveReason>,
}
