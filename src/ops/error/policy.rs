//! Errors of what policies and grants do not allow, and of what the host does not have.

use std::fmt;
use std::path::PathBuf;

use crate::host::grants::ImportRefusal;
use crate::host::linker::LinkError;
use crate::model::capability::Capability;
use crate::model::fault::FaultKind;
use crate::model::fault::hint::Hint;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::text::{count, list, shorten};
use crate::model::toml::problem::Problem;
use crate::ops::error::folder::ReadAs;

use super::folder::FolderError;

/// Why what a manifest grants, or a component needs, is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("`{name}` needs what {place} does not grant: {}", capability_list(capabilities))]
    NotGranted { name: String, place: GrantPlace, capabilities: Vec<Capability> },
    #[error("`{name}` imports {}, which this host does not have", imports(refusals))]
    NotOffered { name: String, refusals: Vec<ImportRefusal> },
    #[error("`{name}` cannot be linked with this host")]
    Link { name: String, source: LinkError },
    #[error("`{name}` of profile `{profile}` may write to {}, and could change {}, {what} of {}", folder.display(), read.display(), by.display())]
    WrittenByOther {
        profile: ProfileName,
        name: ExtensionName,
        /// The manifest that grants it.
        manifest: ManifestPath,
        folder: PathBuf,
        read: PathBuf,
        what: ReadAs,
        /// The manifest that reads it.
        by: PathBuf,
    },
    #[error("a folder that `{name}` is granted cannot be given to it")]
    Folder { name: String, source: FolderError },
    #[error("{} in the policy of this machine", count(.0.len(), "problem"))]
    Problems(Vec<Problem>),
    #[error("`{name}` cannot have {}: {file} denies it", capability_list(capabilities))]
    Denied {
        name: String,
        capabilities: Vec<Capability>,
        /// The policy.
        file: String,
    },
    #[error("the policy of this machine was changed since `{name}` was made live")]
    PolicyChanged { name: ExtensionName },
}

/// What could grant a capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantPlace {
    /// The extension's entry in a manifest.
    Entry {
        /// `FILE:LINE:COLUMN`
        declared_at: String,
    },
    /// The manifest, which does not name the extension.
    Nowhere,
    CommandLine,
    /// The active generation.
    Generation,
}

impl fmt::Display for GrantPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entry { declared_at } => declared_at,
            Self::Nowhere => "the manifest",
            Self::CommandLine => "the command line",
            Self::Generation => "the live generation",
        })
    }
}

impl PolicyError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NotGranted { .. } | Self::Denied { .. } | Self::WrittenByOther { .. } => FaultKind::Denied,
            Self::NotOffered { .. } | Self::Link { .. } => FaultKind::Data,
            Self::Folder { source, .. } => source.kind(),
            Self::Problems(_) | Self::PolicyChanged { .. } => FaultKind::Configuration,
        }
    }

    /// The extension that the message names.
    pub(super) fn extension(&self) -> Option<&str> {
        match self {
            Self::NotGranted { name, .. }
            | Self::NotOffered { name, .. }
            | Self::Link { name, .. }
            | Self::Denied { name, .. }
            | Self::Folder { name, .. } => Some(name),
            Self::PolicyChanged { name } => Some(name.as_str()),
            // That one is of another profile.
            Self::WrittenByOther { .. } | Self::Problems(_) => None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::NotGranted { name, place, capabilities } => {
                format!("if you trust `{name}` with it, {}", place.how_to_grant(name, capabilities)).into()
            }
            Self::WrittenByOther { name, manifest, read, .. } => {
                format!(
                    "in {manifest}, grant `{name}` a folder that neither holds {} nor lies in it, and run `sesame sync` there",
                    read.display()
                ).into()
            }
            Self::Denied { file, .. } => {
                format!("use a version that does not need it, or change `denied_capabilities` in {file}").into()
            }
            Self::Folder { source, .. } => source.hint(),
            Self::Problems(_) => return None,
            Self::NotOffered { .. } | Self::Link { .. } => {
                "`sesame wit` prints what this host has; ask its author for a build against it, or update sesame".into()
            }
            Self::PolicyChanged { .. } => "run `sesame sync`".into(),
        })
    }
}

impl GrantPlace {
    /// What to do so that capabilities are granted there.
    fn how_to_grant(&self, name: &str, capabilities: &[Capability]) -> String {
        match self {
            Self::Nowhere => {
                let grants = capabilities.iter().map(|capability| format!("{capability} = true"));
                let grants = grants.collect::<Vec<_>>().join(", ");
                format!("name it in sesame.toml, with `capabilities = {{ {grants} }}`")
            }
            Self::Entry { .. } | Self::Generation => {
                let names: Vec<&str> = capabilities.iter().map(|capability| capability.as_str()).collect();
                format!("run `sesame grant {name} {}`", names.join(" "))
            }
            Self::CommandLine => format!("add `{}`", grant_options(capabilities)),
        }
    }
}

/// Capabilities by their names, for a sentence.
pub fn capability_list(capabilities: &[Capability]) -> String {
    capabilities.iter().map(|capability| capability.as_str()).collect::<Vec<_>>().join(", ")
}

fn imports(refusals: &[ImportRefusal]) -> String {
    let import = |refusal: &ImportRefusal| match refusal {
        ImportRefusal::NotOffered { import, closest: Some(closest) } => {
            format!("{} (the closest is {closest})", shorten(import))
        }
        ImportRefusal::NotOffered { import, closest: None } => import.clone(),
        ImportRefusal::NotGranted(capability) => capability.to_string(),
    };
    list(refusals.iter().map(import))
}

/// The options that grant capabilities on the command line.
pub fn grant_options(capabilities: &[Capability]) -> String {
    capabilities.iter().map(|capability| format!("--grant {capability}")).collect::<Vec<_>>().join(" ")
}
