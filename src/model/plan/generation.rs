//! A generation: one activated set of a profile, as its file holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::capability::{Grants, format_grants};
use crate::model::digest::Digest;
use crate::model::engine_key::Metering;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{Config, Extension, Limits, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::reference::OciReference;
use crate::model::text::source_change;

/// The version of the file format that is written.
pub const VERSION: u32 = 3;

/// The oldest version that is read. Version 2 does not say its number.
pub const OLDEST_VERSION: u32 = 2;

/// What is, or was, live in a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    pub version: u32,
    /// Its number, so that a file under another one's name is noticed. Set where it is activated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    pub profile: ProfileName,
    /// The absolute path of the `sesame.toml` that made it.
    pub manifest: String,
    /// When it was activated, in seconds since 1970-01-01 UTC.
    pub activated: u64,
    /// Settings shared by all extensions that may read configuration.
    #[serde(default, skip_serializing_if = "Config::is_empty")]
    pub config: Config,
    #[serde(default, rename = "extension")]
    pub extensions: Vec<ActiveExtension>,
}

/// One extension of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveExtension {
    pub name: ExtensionName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<OciReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub component: Digest,
    /// In bytes.
    pub size: u64,
    /// The component's imports, as its bytes were found to say.
    pub imports: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub capabilities: Grants,
    #[serde(default, skip_serializing_if = "Limits::is_unset")]
    pub limits: Limits,
    #[serde(default, skip_serializing_if = "Config::is_empty")]
    pub config: Config,
}

impl Generation {
    /// The set that `lock` pins, with the grants, limits and config of `manifest`. What the manifest does not name
    /// is granted nothing.
    pub fn from_lock(profile: &ProfileName, path: &str, manifest: &Manifest, lock: &Lock) -> Self {
        let extensions = lock.entries.iter().map(|(name, entry)| {
            let wanted = manifest.extensions.get(name);
            let (reference, provenance, path) = match &entry.source {
                LockedSource::Oci { reference, provenance, .. } => (Some(reference.clone()), Some(*provenance), None),
                LockedSource::Path(path) => (None, None, Some(path.clone())),
            };
            ActiveExtension {
                name: name.clone(),
                reference,
                provenance,
                path,
                component: entry.component,
                size: entry.size,
                imports: entry.imports.clone(),
                capabilities: wanted.map(|wanted| wanted.capabilities.clone()).unwrap_or_default(),
                limits: wanted.map(|wanted| wanted.limits).unwrap_or_default(),
                config: wanted.map(|wanted| wanted.config.clone()).unwrap_or_default(),
            }
        });
        Self {
            version: VERSION,
            number: None,
            profile: profile.clone(),
            manifest: path.to_owned(),
            activated: 0,
            config: manifest.config.clone(),
            extensions: extensions.collect(),
        }
    }

    /// The folder of its manifest, to which relative folders in grants are relative.
    pub fn folder(&self) -> &Path {
        let manifest = Path::new(&self.manifest);
        manifest.parent().unwrap_or(manifest)
    }

    /// A generation of the same profile, manifest and settings with nothing in it.
    pub fn without_extensions(&self) -> Self {
        Self { extensions: Vec::new(), ..self.clone() }
    }

    /// Whether both describe the same set, made by the same manifest, whenever they were activated, and in whatever
    /// version they are written.
    pub fn same_set(&self, other: &Self) -> bool {
        let Self { version: _, number: _, profile, manifest, activated: _, config, extensions } = self;
        (profile, manifest, config, extensions) == (&other.profile, &other.manifest, &other.config, &other.extensions)
    }

    /// Differences in what is live, for people: one line each.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        self.differences_with_unlocked(new, [])
    }

    /// The same where `new` is not all: beside it are extensions that are wanted and not locked yet.
    pub fn differences_with_unlocked<'a>(
        &self,
        new: &'a Self,
        unlocked: impl IntoIterator<Item = (&'a ExtensionName, &'a Extension)>,
    ) -> Vec<String> {
        let before: BTreeMap<_, _> = self.extensions.iter().map(|extension| (&extension.name, extension)).collect();
        let locked = new.extensions.iter().map(|extension| (&extension.name, ProposedExtension::Locked(extension)));
        let unlocked = unlocked.into_iter().map(|(name, extension)| (name, ProposedExtension::Unlocked(extension)));
        let after: BTreeMap<_, _> = locked.chain(unlocked).collect();
        let mut lines = Vec::new();
        for old in self.extensions.iter().filter(|old| !after.contains_key(&old.name)) {
            lines.push(format!("- {}  {}", old.name, old.source()));
        }
        for (name, described) in &after {
            match (before.get(name), described) {
                (None, _) => lines.push(format!("+ {name}  {}{}", described.source(), described.granted())),
                (Some(old), ProposedExtension::Locked(new)) if old == new => {}
                (Some(old), _) => lines.push(format!("~ {name}  {}", described.changes_from(old).join(", "))),
            }
        }
        if self.config != new.config {
            lines.push("~ the shared [config]".to_owned());
        }
        if self.manifest != new.manifest {
            lines.push(format!("~ the set passes from {} to {}", self.manifest, new.manifest));
        }
        lines
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

    fn capabilities(&self) -> &Grants {
        match self {
            Self::Locked(extension) => &extension.capabilities,
            Self::Unlocked(extension) => &extension.capabilities,
        }
    }

    fn settings(&self) -> (Limits, &Config) {
        match self {
            Self::Locked(extension) => (extension.limits, &extension.config),
            Self::Unlocked(extension) => (extension.limits, &extension.config),
        }
    }

    fn granted(&self) -> String {
        let names = format_grants(self.capabilities());
        let grants = if names.is_empty() { String::new() } else { format!("  grants: {}", names.join(", ")) };
        match self {
            Self::Locked(_) => grants,
            Self::Unlocked(_) => format!("{grants}  (not locked yet)"),
        }
    }

    fn changes_from(&self, old: &ActiveExtension) -> Vec<String> {
        let mut parts = Vec::new();
        if old.source() != self.source() {
            parts.push(source_change(&old.source(), &self.source()));
        }
        match self {
            Self::Unlocked(_) => parts.push("not locked yet".to_owned()),
            // Another source says enough.
            Self::Locked(_) if !parts.is_empty() => {}
            Self::Locked(new) if old.component != new.component => {
                parts.push(format!("component {} → {}", old.component.short(), new.component.short()));
            }
            Self::Locked(new) if old.provenance != new.provenance => parts.push("provenance".to_owned()),
            Self::Locked(new) if (old.size, &old.imports) != (new.size, &new.imports) => {
                parts.push("what the lock says of it".to_owned());
            }
            Self::Locked(_) => {}
        }
        let (before, after) = (format_grants(&old.capabilities), format_grants(self.capabilities()));
        let added = after.iter().filter(|grant| !before.contains(grant)).map(|grant| format!("+{grant}"));
        let removed = before.iter().filter(|grant| !after.contains(grant)).map(|grant| format!("-{grant}"));
        let grants: Vec<String> = added.chain(removed).collect();
        if !grants.is_empty() {
            parts.push(format!("grants: {}", grants.join(" ")));
        }
        let (limits, config) = self.settings();
        if old.limits != limits {
            parts.push("limits".to_owned());
        }
        if old.config != *config {
            parts.push("config".to_owned());
        }
        parts
    }
}

impl ActiveExtension {
    /// The reference, or the path.
    pub fn source(&self) -> String {
        match (&self.reference, &self.path) {
            (Some(reference), _) => reference.to_string(),
            (None, Some(path)) => path.clone(),
            (None, None) => self.component.to_string(),
        }
    }

    /// How its code is compiled: with fuel only where its calls have a limit of it.
    pub fn metering(&self) -> Metering {
        self.limits.metering()
    }
}
