//! Which extensions have newer versions, as data.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::annotations::Annotations;
use crate::model::capability::Capability;
use crate::model::digest::Digest;
use crate::model::fault::{Fault, FaultKind};
use crate::model::name::ExtensionName;

/// What `outdated` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OutdatedReport {
    /// Those that are not the newest, or of which that cannot be told.
    pub extensions: Vec<Outdated>,
    /// How many were checked.
    pub checked: usize,
}

/// An extension that is not the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Outdated {
    pub name: ExtensionName,
    pub repository: String,
    /// The locked tag, if it is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// What the locked tag names now, if that is not what is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<Digest>,
    /// The newest tag that the manifest allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits: Option<String>,
    /// The tag of the newest release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// How the capabilities of the newest that fits differ from those of the locked one; none if they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits_capabilities: Option<CapabilityChange>,
    /// The same of the newest release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_capabilities: Option<CapabilityChange>,
    /// What the author says of the newest that fits.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub fits_annotations: Annotations,
    /// The same of the newest release.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub newest_annotations: Annotations,
    /// What the newest that fits needs and the manifest does not grant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fits_needs: Vec<Capability>,
    /// What of that a policy denies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fits_denied: Vec<Capability>,
    /// Why something cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// How the capabilities that a version asks for differ from those of the locked one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CapabilityChange {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub added: BTreeSet<Capability>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<Capability>,
}

impl OutdatedReport {
    /// The kind of the first fault, where nothing is known to be newer.
    pub fn unknown(&self) -> Option<FaultKind> {
        let is_newer = |row: &Outdated| row.fits.is_some() || row.newest.is_some();
        if self.extensions.iter().any(is_newer) {
            return None;
        }
        self.extensions.iter().filter_map(|row| row.fault.as_ref()).map(|fault| fault.kind).min()
    }
}
