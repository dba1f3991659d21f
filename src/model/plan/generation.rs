//! A generation: one activated set of a profile, as its file holds it.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::capability::Grants;
use crate::model::digest::Digest;
use crate::model::engine_key::Metering;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::manifest::{Config, Limits, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::reference::OciReference;

use super::generation_problem::GenerationProblem;

/// The version of the file format that is written.
pub const VERSION: u32 = 3;

/// The oldest version that is read. Version 2 says neither its number nor anything of trust.
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
    pub manifest: ManifestPath,
    /// When it was activated, in seconds since 1970-01-01 UTC.
    pub activated: u64,
    /// The digest of the trust settings that its signatures were checked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Digest>,
    /// Settings shared by all extensions that may read configuration.
    #[serde(default, skip_serializing_if = "Config::is_empty")]
    pub config: Config,
    #[serde(default, rename = "extension")]
    pub extensions: Vec<ActiveExtension>,
}

/// Whether a sync may activate another generation of a profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileHold {
    /// Not before it is released.
    Held,
    #[default]
    Free,
}

impl ProfileHold {
    pub fn is_free(&self) -> bool {
        *self == Self::Free
    }
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
    /// What it was granted before, and what was taken from it since without anything else being changed.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub withdrawn: Grants,
    /// The trust entry that admitted its signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The document that its signature is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Digest>,
    #[serde(default, skip_serializing_if = "Limits::is_unset")]
    pub limits: Limits,
    #[serde(default, skip_serializing_if = "Config::is_empty")]
    pub config: Config,
}

impl Generation {
    /// The set that `lock` pins, with the grants, limits and config of `manifest`. What the manifest does not name
    /// is granted nothing.
    pub fn from_lock(profile: &ProfileName, path: &ManifestPath, manifest: &Manifest, lock: &Lock) -> Self {
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
                withdrawn: Grants::new(),
                signer: None,
                signature: None,
                limits: wanted.map(|wanted| wanted.limits).unwrap_or_default(),
                config: wanted.map(|wanted| wanted.config.clone()).unwrap_or_default(),
            }
        });
        Self {
            version: VERSION,
            number: None,
            profile: profile.clone(),
            manifest: path.clone(),
            activated: 0,
            trust: None,
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
        self.manifest.folder()
    }

    /// A generation of the same profile, manifest and settings with nothing in it.
    pub fn without_extensions(&self) -> Self {
        Self { extensions: Vec::new(), ..self.clone() }
    }

    /// Whether both describe the same set, made by the same manifest and trusted for the same reasons, whenever they were
    /// activated, and in whatever version they are written.
    pub fn same_set(&self, other: &Self) -> bool {
        let Self { version: _, number: _, profile, manifest, activated: _, trust, config, extensions } = self;
        (profile, manifest, trust, config) == (&other.profile, &other.manifest, &other.trust, &other.config)
            && extensions.len() == other.extensions.len()
            && extensions.iter().zip(&other.extensions).all(|(one, other)| one.is_same(other))
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

    /// Whether both are the same, with the same grants, limits and settings, whatever was withdrawn before.
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { name, reference, provenance, path, component, size, imports, .. } = self;
        let Self { capabilities, withdrawn: _, signer, signature, limits, config, .. } = self;
        (name, reference, provenance, path, component, size, imports)
            == (
                &other.name,
                &other.reference,
                &other.provenance,
                &other.path,
                &other.component,
                &other.size,
                &other.imports,
            )
            && (capabilities, signer, signature, limits, config)
                == (&other.capabilities, &other.signer, &other.signature, &other.limits, &other.config)
    }

    /// How its code is compiled: with fuel only where its calls have a limit of it.
    pub fn metering(&self) -> Metering {
        self.limits.metering()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    /// A file of generation 7, with more lines at its top and in its extension.
    fn parse(version: u32, top: &str, extension: &str) -> Result<Generation, GenerationProblem> {
        let text = format!(
            "version = {version}\n{top}\nprofile = \"default\"\nmanifest = \"/home/me/sesame.toml\"\nactivated = 1\n\n\
             [[extension]]\nname = \"clock\"\npath = \"clock.wasm\"\ncomponent = \"{DIGEST}\"\nsize = 9\nimports = []\n\
             {extension}\n"
        );
        Generation::parse(text.into_bytes(), &ProfileName::default(), 7)
    }

    #[test]
    fn the_set_is_the_same_in_both_versions() {
        let (old, new) = (parse(2, "", "").unwrap(), parse(3, "number = 7", "").unwrap());
        assert!(old.same_set(&new) && new.same_set(&old));
    }

    #[test]
    fn what_was_withdrawn_before_makes_no_other_set() {
        let withdrawn = parse(3, "number = 7", "withdrawn.config-read = true").unwrap();
        assert!(withdrawn.same_set(&parse(3, "number = 7", "").unwrap()));
        assert!(!withdrawn.same_set(&parse(3, "number = 7", "capabilities.config-read = true").unwrap()));
    }

    #[test]
    fn a_set_that_is_trusted_for_another_reason_is_another() {
        let plain = parse(3, "number = 7", "").unwrap();
        let trust = format!("trust = \"{DIGEST}\"");
        let signature = format!("signature = \"{DIGEST}\"");
        for (top, extension) in
            [(trust.as_str(), ""), ("", "signer = \"https://github.com/my-org/*\""), ("", signature.as_str())]
        {
            let other = parse(3, &format!("number = 7\n{top}"), extension).unwrap();
            assert!(!other.same_set(&plain), "{top}{extension}");
            let written = toml::to_string(&other).unwrap();
            assert_eq!(Generation::parse(written.into_bytes(), &ProfileName::default(), 7).unwrap(), other);
        }
    }

    #[test]
    fn what_is_another_file_or_another_version_is_told() {
        assert_eq!(parse(3, "", "").unwrap_err(), GenerationProblem::NoNumber);
        assert_eq!(parse(3, "number = 8", "").unwrap_err(), GenerationProblem::OtherNumber { number: 8 });
        for version in [1, 4] {
            let other = GenerationProblem::OtherVersion { version: version.into(), oldest: 2, newest: 3 };
            assert_eq!(parse(version, "future = true", "").unwrap_err(), other);
        }
        assert!(matches!(parse(3, "number = 7", "colour = 1").unwrap_err(), GenerationProblem::Toml { .. }));
        let other = "work".parse().unwrap();
        let text = toml::to_string(&parse(2, "", "").unwrap()).unwrap().into_bytes();
        assert!(matches!(Generation::parse(text, &other, 7), Err(GenerationProblem::OtherProfile { .. })));
    }
}
