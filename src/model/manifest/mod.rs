//! The desired state: `sesame.toml` and the drop-in manifests `extensions/*.toml`, one type behind both.
//!
//! Every problem of every file is reported at once. Paths are made relative to the folder of `sesame.toml`,
//! lexically; whether a file exists is for others to find out.

pub mod edit;
pub mod file_path;
pub(crate) mod grants_reader;
pub mod manifest_path;
pub(crate) mod places;
pub(crate) mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::capability::Grants;
use super::engine_key::Metering;
use super::name::{ExtensionName, ProfileName};
use super::reference::{OciReference, OciRepository};
use super::registries::Registries;
use super::version::Requirement;

/// A manifest file as read from the disk.
#[derive(Debug, Clone)]
pub struct ManifestSource {
    /// What the file is called in messages.
    pub file: String,
    /// The folder that its relative paths start from.
    pub folder: PathBuf,
    pub bytes: Vec<u8>,
}

/// A drop-in manifest: the file, and its stem, which is the extension's name.
#[derive(Debug, Clone)]
pub struct DropIn {
    pub stem: String,
    pub source: ManifestSource,
}

/// What a person wants this machine to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Which live set the files describe, if they say so.
    pub profile: Option<ProfileName>,
    pub extensions: BTreeMap<ExtensionName, Extension>,
    /// Shared by all extensions that may read configuration.
    pub config: Config,
    pub registries: Registries,
}

/// One wanted extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    pub source: ComponentSource,
    pub capabilities: Grants,
    pub limits: Limits,
    /// The extension's own settings; they go before the shared ones.
    pub config: Config,
    /// `FILE:LINE:COLUMN` of its declaration.
    pub declared_at: String,
    pub form: EntryForm,
}

/// How an extension is written, which decides what a person has to add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryForm {
    /// `name = "reference"`
    Short,
    /// A table in `sesame.toml`.
    Table,
    /// A file of its own.
    DropIn,
}

/// Where an extension's component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentSource {
    Oci(OciReference),
    /// The newest revision that fits.
    Range(OciRange),
    /// A file, relative to the folder of `sesame.toml` unless absolute, with `/` between its parts.
    Path(String),
}

/// Those revisions of a repository whose tags are versions that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciRange {
    pub repository: OciRepository,
    pub requirement: Requirement,
}

impl OciRange {
    /// Whether a reference is to one of them.
    pub fn has(&self, reference: &OciReference) -> bool {
        *reference.without_revision() == self.repository && self.requirement.fits(reference.revision())
    }
}

impl ComponentSource {
    /// The repository that it comes from, if it comes from one.
    pub fn repository(&self) -> Option<&OciRepository> {
        match self {
            Self::Oci(reference) => Some(reference.without_revision()),
            Self::Range(range) => Some(&range.repository),
            Self::Path(_) => None,
        }
    }
}

impl fmt::Display for OciRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.repository, self.requirement)
    }
}

/// The reference, the repository with its requirement, or the path.
impl fmt::Display for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oci(reference) => reference.fmt(f),
            Self::Range(range) => range.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// What one call may use. Unset limits have the host's defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// All linear memories of an instance together, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub max_memory_mib: Option<u64>,
    /// Fuel of one call. Code of extensions without it is compiled without metering.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_223_372_036_854_775_807_u64))]
    pub max_fuel: Option<u64>,
    /// Time of one call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub timeout_ms: Option<u64>,
}

impl Limits {
    /// Where `max_memory_mib` is not set.
    pub const DEFAULT_MEMORY_MIB: u64 = 64;
    /// Where `timeout_ms` is not set.
    pub const DEFAULT_TIMEOUT_MS: u64 = 10_000;

    /// How code with these limits is compiled: with fuel only where its calls have a limit of it.
    pub fn metering(&self) -> Metering {
        if self.max_fuel.is_some() { Metering::Metered } else { Metering::Unmetered }
    }

    /// The memory that an instance gets, in MiB.
    pub fn memory_mib(&self) -> u64 {
        self.max_memory_mib.unwrap_or(Self::DEFAULT_MEMORY_MIB)
    }

    /// The time that a call gets, in milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.timeout_ms.unwrap_or(Self::DEFAULT_TIMEOUT_MS)
    }

    /// These limits, none above `most`.
    #[must_use]
    pub fn at_most(self, most: &Self) -> Self {
        let lower = |own: Option<u64>, effective: u64, most: Option<u64>| match most {
            Some(most) if most < effective => Some(most),
            _ => own,
        };
        Self {
            max_memory_mib: lower(self.max_memory_mib, self.memory_mib(), most.max_memory_mib),
            max_fuel: lower(self.max_fuel, self.max_fuel.unwrap_or(u64::MAX), most.max_fuel),
            timeout_ms: lower(self.timeout_ms, self.time_ms(), most.timeout_ms),
        }
    }

    /// Whether every limit is the host's default.
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// Settings by dotted key. A string is held bare, any other value as its TOML text.
pub type Config = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::grant::format_grants;
    use crate::model::capability::{Capability, Scope};
    use crate::model::toml::problem::Problem;

    fn parse(text: &str) -> Result<Manifest, Vec<Problem>> {
        let source = ManifestSource { file: "sesame.toml".into(), folder: "/project".into(), bytes: text.into() };
        Manifest::parse(&source, &[])
    }

    fn drop_in(stem: &str, text: &str) -> DropIn {
        let source = ManifestSource {
            file: format!("extensions/{stem}.toml"),
            folder: "/project/extensions".into(),
            bytes: text.into(),
        };
        DropIn { stem: stem.into(), source }
    }

    #[test]
    fn the_long_form_and_the_drop_in_give_the_same_extension() {
        let main = "[extensions.clock]\noci = \"ghcr.io/a/clock:v1.4\"\nversion = \"1.4\"\n\
                    capabilities = { config-read = true, notification = false }\n\
                    limits = { max_fuel = 1_000 }\nconfig = { a.b = \"x\", c = 0x10, d = [1, \"y\"] }\n";
        let other = "[extension]\nname = \"clock\"\nversion = \"1.4\"\noci = \"ghcr.io/a/clock:v1.4\"\n\
                     [capabilities]\nconfig-read = true\n[limits]\nmax_fuel = 1000\n\
                     [config]\na.b = \"x\"\nc = 16\nd = [1, \"y\"]\n";
        let name: ExtensionName = "clock".parse().unwrap();
        let long = parse(main).unwrap().extensions.remove(&name).unwrap();
        let empty = ManifestSource { file: "sesame.toml".into(), folder: "/project".into(), bytes: Vec::new() };
        let short = Manifest::parse(&empty, &[drop_in("clock", other)]).unwrap().extensions.remove(&name).unwrap();
        assert_eq!(
            Extension { declared_at: short.declared_at.clone(), form: EntryForm::DropIn, ..long.clone() },
            short
        );
        assert_eq!(long.capabilities, [(Capability::ConfigRead, Scope::Whole)].into());
        assert_eq!(long.config["a.b"], "x");
        assert_eq!(long.config["c"], "16");
        assert_eq!(long.config["d"], "[1, \"y\"]");
    }

    #[test]
    fn paths_are_relative_to_the_file_that_holds_them() {
        let drop_in = drop_in("b", "[extension]\nname = \"b\"\npath = \"../built/./b.wasm\"\n");
        let main = ManifestSource {
            file: "sesame.toml".into(),
            folder: "/project".into(),
            bytes: b"extensions.a = { path = \"./a.wasm\" }\nextensions.c = { path = \"/x/../c.wasm\" }".to_vec(),
        };
        let manifest = Manifest::parse(&main, &[drop_in]).unwrap();
        let paths: Vec<&ComponentSource> = manifest.extensions.values().map(|extension| &extension.source).collect();
        let path = |text: &str| ComponentSource::Path(text.into());
        assert_eq!(paths, [&path("a.wasm"), &path("built/b.wasm"), &path("/c.wasm")]);
    }

    #[test]
    fn lists_of_grants_are_read_and_folders_are_relative_to_the_project() {
        let drop_in = drop_in(
            "a",
            "[extension]\nname = \"a\"\npath = \"a.wasm\"\n[capabilities]\nsecret-read = [\"pin\"]\n\
             fs-read = [\"../notes/\", \"~/x/../y\", \"/srv\", \"~\", \"..\"]\nenv = []\nconfig-read = false\n",
        );
        let empty = ManifestSource { file: "sesame.toml".into(), folder: "/project".into(), bytes: Vec::new() };
        let manifest = Manifest::parse(&empty, &[drop_in]).unwrap();
        let extension = manifest.extensions.values().next().unwrap();
        assert_eq!(format_grants(&extension.capabilities), ["fs-read=.,/srv,notes,~,~/y", "secret-read=pin"]);
    }

    #[test]
    fn every_problem_of_every_file_is_reported() {
        let main = ManifestSource {
            file: "sesame.toml".into(),
            folder: "/project".into(),
            bytes: b"profil = \"x\"\n[extensions]\nA = \"ghcr.io/o/e:1\"\nb = \"e:1\"\nc = \"ghcr.io/o/c:1\"\n"
                .to_vec(),
        };
        let drop_ins = [
            drop_in("c", "[extension]\nname = \"c\"\noci = \"ghcr.io/o/c:1\"\n"),
            drop_in("d", "[extension]\nname = \"e\"\n"),
        ];
        let problems = Manifest::parse(&main, &drop_ins).unwrap_err();
        let places: Vec<String> = problems.iter().map(|p| format!("{}:{}:{}", p.file, p.line, p.column)).collect();
        let expected = [
            "sesame.toml:1:1",
            "sesame.toml:3:1",
            "sesame.toml:4:5",
            "extensions/c.toml:2:8",
            "extensions/d.toml:1:1",
            "extensions/d.toml:2:8",
        ];
        assert_eq!(places, expected, "{problems:#?}");
    }
}
