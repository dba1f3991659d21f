//! A project was not changed.

use std::path::PathBuf;

use crate::model::capability::Capability;
use crate::model::fault::FaultKind;
use crate::model::manifest::edit::ManifestEditError;
use crate::model::name::{ExtensionName, NameError};

use super::Error;
use super::policy::capability_list;

/// A project was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("`{name}` is there already, and takes what fits {range}")]
    IsRange { name: ExtensionName, range: String },
    #[error("`{text}` cannot be the name of an extension")]
    NoName { text: String, source: NameError },
    #[error("{file} cannot be changed")]
    Manifest { file: String, source: ManifestEditError },
    #[error("`{name}` needs what is not granted: {}", capability_list(capabilities))]
    NoConsent { name: ExtensionName, capabilities: Vec<Capability> },
    #[error("`{name}` would inherit grants from {from}, which is something else: {}", capability_list(capabilities))]
    Inherits { name: ExtensionName, from: String, capabilities: Vec<Capability> },
    #[error("`{name}` was not installed")]
    Declined { name: ExtensionName },
    #[error("a step failed, and what was changed could not be put back: {second}")]
    NotPutBack {
        #[source]
        error: Box<Error>,
        second: String,
    },
    #[error("{} was changed by somebody else meanwhile", .0.display())]
    ChangedMeanwhile(PathBuf),
    #[error("{} is there already, and is not this extension's alone to replace", path.display())]
    CopyExists { path: PathBuf },
}

impl EditError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoName { .. } | Self::IsRange { .. } => FaultKind::Usage,
            Self::NoConsent { .. } | Self::Inherits { .. } | Self::Declined { .. } => FaultKind::Denied,
            Self::Manifest { .. } => FaultKind::Data,
            Self::NotPutBack { error, .. } => error.kind().min(FaultKind::Io),
            Self::ChangedMeanwhile(_) => FaultKind::Io,
            Self::CopyExists { .. } => FaultKind::Configuration,
        }
    }
}
