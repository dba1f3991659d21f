//! A generation: one activated set of a profile, as its file holds it.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::capability::Grants;
use crate::model::digest::Digest;
use crate::model::engine_key::Metering;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{Config, Limits, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::reference::OciReference;

use super::generation_problem::GenerationProblem;

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

    /// Reads the file of the generation `number` of a profile.
    ///
    /// # Errors
    /// [`GenerationProblem`] if it is another's, or no generation that this program reads.
    pub fn parse(bytes: Vec<u8>, profile: &ProfileName, number: u64) -> Result<Self, GenerationProblem> {
        let text = String::from_utf8(bytes).map_err(|_| GenerationProblem::NotUtf8)?;
        let version = text.parse::<toml::Table>().ok().and_then(|table| table.get("version")?.as_integer());
        if let Some(version) = version
            && !(i64::from(OLDEST_VERSION)..=i64::from(VERSION)).contains(&version)
        {
            return Err(GenerationProblem::OtherVersion { version, oldest: OLDEST_VERSION, newest: VERSION });
        }
        let read: Self =
            toml::from_str(&text).map_err(|error| GenerationProblem::Toml { message: error.message().to_owned() })?;
        match read.number {
            _ if read.profile != *profile => Err(GenerationProblem::OtherProfile { profile: read.profile }),
            Some(own) if own != number => Err(GenerationProblem::OtherNumber { number: own }),
            None if read.version > OLDEST_VERSION => Err(GenerationProblem::NoNumber),
            _ => Ok(read),
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
