//! What changes from one set of extensions to another, as data. The words for it are made by the program.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::capability::grant::{Grant, format_grants};
use crate::model::capability::{Capability, Grants, Scope};
use crate::model::digest::Digest;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::manifest::{Config, Extension, Limits};
use crate::model::name::ExtensionName;

use super::generation::{ActiveExtension, Generation};

/// One change from one set to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SetChange {
    /// The set before did not have it.
    Added {
        name: ExtensionName,
        /// The reference or path.
        source: String,
        /// Each as it is written after `--grant`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        grants: Vec<String>,
        /// Whether the lock has it, so that its component is known.
        locked: bool,
    },
    Removed {
        name: ExtensionName,
        /// The reference or path.
        source: String,
    },
    Changed(Box<ExtensionChange>),
    /// The settings that all extensions share.
    SharedConfig,
    /// Another manifest declares the set.
    Manifest {
        from: ManifestPath,
        to: ManifestPath,
    },
}

/// What changes of an extension that both sets have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ExtensionChange {
    pub name: ExtensionName,
    /// The reference or path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Replacement<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Replacement<Digest>>,
    /// Where the component stays the same, and what the tag named does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Replacement<Option<Digest>>>,
    /// Whether the size or the imports that the lock records change, of the same component.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lock_record: bool,
    #[serde(flatten)]
    pub grants: GrantChanges,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Replacement<Limits>>,
    /// Whether its own settings change.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub config: bool,
    /// Whether the lock has it, so that its component is known.
    pub locked: bool,
}

/// How grants differ from those before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GrantChanges {
    /// Each as it is written after `--grant`.
    #[serde(rename = "grants_added", skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    #[serde(rename = "grants_removed", skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Capabilities that are granted for other items.
    #[serde(rename = "grants_changed", skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Replacement<String>>,
}

impl GrantChanges {
    pub fn new(before: &Grants, after: &Grants) -> Self {
        let grant = |(capability, scope): (&Capability, &Scope)| {
            Grant { capability: *capability, scope: scope.clone() }.to_string()
        };
        let without = |of: &Grants, other: &Grants| {
            of.iter().filter(|(capability, _)| !other.contains_key(*capability)).map(grant).collect()
        };
        let in_both = after.iter().filter_map(|(capability, to)| Some((capability, before.get(capability)?, to)));
        let changed = in_both
            .filter(|(_, from, to)| from != to)
            .map(|(capability, from, to)| Replacement { from: grant((capability, from)), to: grant((capability, to)) });
        Self { added: without(after, before), removed: without(before, after), changed: changed.collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// A value, and what takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Replacement_of_{T}")]
pub struct Replacement<T> {
    pub from: T,
    pub to: T,
}

/// What changes from a set to another: what is removed, then by name what is added or changed, then what is about the
/// whole set. `unlocked` are extensions that are declared beside `new`, and not locked yet.
pub fn set_changes<'a>(
    old: &Generation,
    new: &'a Generation,
    unlocked: impl IntoIterator<Item = (&'a ExtensionName, &'a Extension)>,
) -> Vec<SetChange> {
    let before: BTreeMap<_, _> = old.extensions.iter().map(|extension| (&extension.name, extension)).collect();
    let locked = new.extensions.iter().map(|extension| (&extension.name, ProposedExtension::Locked(extension)));
    let unlocked = unlocked.into_iter().map(|(name, extension)| (name, ProposedExtension::Unlocked(extension)));
    let after: BTreeMap<_, _> = locked.chain(unlocked).collect();
    let removed = old.extensions.iter().filter(|old| !after.contains_key(&old.name));
    let mut changes: Vec<SetChange> =
        removed.map(|old| SetChange::Removed { name: old.name.clone(), source: old.source() }).collect();
    changes.extend(after.iter().filter_map(|(name, proposed)| match (before.get(name), proposed) {
        (None, _) => Some(proposed.added(name)),
        (Some(old), ProposedExtension::Locked(new)) if old.is_same(new) => None,
        (Some(old), _) => Some(SetChange::Changed(Box::new(proposed.changes_from(old)))),
    }));
    if old.config != new.config {
        changes.push(SetChange::SharedConfig);
    }
    changes.extend(
        replacement(&old.manifest, &new.manifest).map(|Replacement { from, to }| SetChange::Manifest { from, to }),
    );
    changes
}

impl SetChange {
    /// The extension that changes; none if the change is about the whole set.
    pub fn extension(&self) -> Option<&ExtensionName> {
        match self {
            Self::Added { name, .. } | Self::Removed { name, .. } => Some(name),
            Self::Changed(change) => Some(&change.name),
            Self::SharedConfig | Self::Manifest { .. } => None,
        }
    }

    /// Whether an extension is granted anything else than before.
    pub fn changes_grants(&self) -> bool {
        match self {
            Self::Added { grants, .. } => !grants.is_empty(),
            Self::Changed(change) => !change.grants.is_empty(),
            Self::Removed { .. } | Self::SharedConfig | Self::Manifest { .. } => false,
        }
    }
}

/// An extension of a set that would become active.
enum ProposedExtension<'a> {
    Locked(&'a ActiveExtension),
    /// Its component is not known.
    Unlocked(&'a Extension),
}

impl ProposedExtension<'_> {
    fn source(&self) -> String {
        match self {
            Self::Locked(extension) => extension.source(),
            Self::Unlocked(extension) => extension.source.to_string(),
        }
    }

    fn settings(&self) -> (&Grants, Limits, &Config) {
        match self {
            Self::Locked(extension) => (&extension.capabilities, extension.limits, &extension.config),
            Self::Unlocked(extension) => (&extension.capabilities, extension.limits, &extension.config),
        }
    }

    /// What the lock has of it, if it has it.
    fn locked(&self) -> Option<&ActiveExtension> {
        match self {
            Self::Locked(extension) => Some(extension),
            Self::Unlocked(_) => None,
        }
    }

    fn added(&self, name: &ExtensionName) -> SetChange {
        let (grants, ..) = self.settings();
        SetChange::Added {
            name: name.clone(),
            source: self.source(),
            grants: format_grants(grants),
            locked: self.locked().is_some(),
        }
    }

    fn changes_from(&self, old: &ActiveExtension) -> ExtensionChange {
        let (grants, limits, config) = self.settings();
        let component = self.locked().and_then(|new| replacement(&old.component, &new.component));
        let same_component = self.locked().filter(|_| component.is_none());
        ExtensionChange {
            name: old.name.clone(),
            source: replacement(&old.source(), &self.source()),
            component,
            provenance: same_component.and_then(|new| replacement(&old.provenance, &new.provenance)),
            lock_record: same_component.is_some_and(|new| (old.size, &old.imports) != (new.size, &new.imports)),
            grants: GrantChanges::new(&old.capabilities, grants),
            limits: replacement(&old.limits, &limits),
            config: old.config != *config,
            locked: self.locked().is_some(),
        }
    }
}

fn replacement<T: Clone + PartialEq>(from: &T, to: &T) -> Option<Replacement<T>> {
    (from != to).then(|| Replacement { from: from.clone(), to: to.clone() })
}
