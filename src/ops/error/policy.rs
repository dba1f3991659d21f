//! What a manifest grants, or a component needs, is not allowed.

use std::path::PathBuf;

use crate::host::grants::ImportRefusal;
use crate::host::linker::LinkError;
use crate::model::capability::Capability;
use crate::model::fault::FaultKind;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::text::{count, list, shorten};
use crate::model::toml::problem::Problem;

use super::Error;
use super::folder::FolderError;

/// What a manifest grants, or a component needs, is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("`{name}` needs what {place} does not grant: {}", capability_list(capabilities))]
    NotGranted { name: String, place: String, capabilities: Vec<Capability>, remedy: String },
    #[error("`{name}` imports {}, which this host does not have", imports(refusals))]
    NotOffered { name: String, refusals: Vec<ImportRefusal> },
    #[error("`{name}` cannot be linked with this host")]
    Link { name: String, source: LinkError },
    #[error("no folder can be granted for writing while {} cannot be read", by.display())]
    UnreadableDependent { by: PathBuf, source: Box<Error> },
    #[error("`{name}` of profile `{profile}` may write to {}, and could change {}, {what} of {}", folder.display(), read.display(), by.display())]
    WrittenByOther {
        profile: ProfileName,
        name: ExtensionName,
        /// The manifest that grants it.
        manifest: String,
        folder: PathBuf,
        read: PathBuf,
        what: String,
        /// The manifest that reads it.
        by: PathBuf,
    },
    #[error("a folder that `{name}` is granted cannot be given to it")]
    Folder { name: String, source: FolderError },
    #[error("{} in the policy of this machine", count(.0.len(), "problem"))]
    Problems(Vec<Problem>),
    #[error("the policy of this machine was changed since `{name}` was made live")]
    PolicyChanged { name: ExtensionName },
}

impl PolicyError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NotGranted { .. } | Self::WrittenByOther { .. } => FaultKind::Denied,
            Self::NotOffered { .. } | Self::Link { .. } => FaultKind::Data,
            Self::UnreadableDependent { source, .. } => source.kind(),
            Self::Folder { source, .. } if source.is_refusal() => FaultKind::Denied,
            Self::Folder { .. } | Self::Problems(_) | Self::PolicyChanged { .. } => FaultKind::Configuration,
        }
    }
}

pub(super) fn capability_list(capabilities: &[Capability]) -> String {
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
