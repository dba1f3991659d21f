//! Errors of the files of a project, and of files that a person names.

use std::path::PathBuf;

use crate::compiler::inspection::ComponentError;
use crate::model::bounds::MAX_COMPONENT;
use crate::model::fault::FaultKind;
use crate::model::fault::hint::Hint;
use crate::model::file_kind::FileKind;
use crate::model::name::ExtensionName;
use crate::model::text::count;
use crate::model::toml::problem::Problem;
use crate::ops::error::component_hints::{component_hint, file_kind_hint};

/// Why a file of a project, or one that a person names, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("{} is not the name of a manifest", path.display())]
    NotAManifest { path: PathBuf },
    #[error("there is no sesame.toml")]
    NoManifest { searched: Vec<PathBuf> },
    #[error("there is no manifest at {}", .0.display())]
    NoSuchManifest(PathBuf),
    #[error("{} {why}", path.display())]
    ForeignFile { path: PathBuf, why: UntrustedOwnership, manifest: PathBuf },
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}", count(.0.len(), "problem"))]
    Problems(Vec<Problem>),
    #[error("`{name}` is made from {}, which does not exist", path.display())]
    MissingFile { name: ExtensionName, place: String, path: PathBuf },
    #[error("`{name}` is made from {}, which is {kind}", path.display())]
    NotAComponentFile { name: ExtensionName, path: PathBuf, kind: FileKind },
    #[error("`{name}` is made from {}, which has {size} bytes; at most {MAX_COMPONENT} are allowed", path.display())]
    ComponentTooLarge { name: ExtensionName, path: PathBuf, size: u64 },
    #[error("`{name}` is made from {path}, and a file has no tags")]
    NotFromRegistry { name: ExtensionName, path: String },
    #[error("{} is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    #[error("{} is there already, and is another text", .0.display())]
    WitExists(PathBuf),
    #[error("{} already exists, and sesame did not write it", .0.display())]
    CompletionsExist(PathBuf),
    #[error("there is no file {}", .0.display())]
    NoSuchFile(PathBuf),
    #[error("{} is {kind}", path.display())]
    NotAComponent { path: PathBuf, kind: FileKind },
    #[error("{} has more than {MAX_COMPONENT} bytes", path.display())]
    FileTooLarge { path: PathBuf },
    #[error("{} is not usable", path.display())]
    UnusableFile { path: PathBuf, source: ComponentError },
    #[error("{} cannot be mended from here", .0.display())]
    NotOurFolder(PathBuf),
}

impl ProjectError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoManifest { .. } | Self::NoSuchManifest(_) | Self::NoSuchFile(_) => FaultKind::Missing,
            Self::ForeignFile { .. } | Self::NotOurFolder(_) => FaultKind::Denied,
            Self::Exists(_) | Self::WitExists(_) | Self::CompletionsExist(_) => FaultKind::Configuration,
            Self::NotAManifest { .. } | Self::NotFromRegistry { .. } => FaultKind::Usage,
            Self::Read { .. } => FaultKind::Io,
            Self::Problems(_)
            | Self::MissingFile { .. }
            | Self::NotAComponentFile { .. }
            | Self::ComponentTooLarge { .. }
            | Self::NotUtf8(_)
            | Self::NotAComponent { .. }
            | Self::FileTooLarge { .. }
            | Self::UnusableFile { .. } => FaultKind::Data,
        }
    }

    /// The extension that the message names.
    pub(super) fn extension(&self) -> Option<&str> {
        match self {
            Self::MissingFile { name, .. }
            | Self::NotAComponentFile { name, .. }
            | Self::NotFromRegistry { name, .. }
            | Self::ComponentTooLarge { name, .. } => Some(name.as_str()),
            _ => None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::NotAManifest { .. } => "give it a name that ends in `.toml`".into(),
            Self::NoManifest { .. } => "`sesame init` writes one here; `--manifest PATH` names one elsewhere".into(),
            Self::NoSuchManifest(_) => "look at the path, or write one there with `sesame init --manifest PATH`".into(),
            Self::ForeignFile { manifest, .. } => {
                format!("if you trust it, name the manifest yourself: `--manifest {}`", manifest.display()).into()
            }
            Self::NotFromRegistry { .. } => "name a repository: `sesame tags registry/principal/scope`".into(),
            Self::WitExists(_) => "remove it if it is an older one, or name another folder".into(),
            Self::CompletionsExist(_) => "move the file away, and run the command again".into(),
            Self::Exists(_) => "edit it, or name another place with `--manifest PATH`".into(),
            Self::Problems(_) | Self::Read { .. } => {
                return None;
            }
            Self::MissingFile { place, .. } => format!("build or copy the file, or mend its `path` at {place}").into(),
            Self::ComponentTooLarge { .. } => "build it without debugging information".into(),
            Self::NotAComponentFile { .. } => "name a built component in `path`".into(),
            Self::UnusableFile { source, .. } => component_hint(source),
            Self::NotOurFolder(path) => {
                format!("move {} away, or have its owner give it to you", path.display()).into()
            }
            Self::NoSuchFile(_) | Self::NotUtf8(_) => "look at the path".into(),
            Self::NotAComponent { kind: kind @ FileKind::CoreModule, .. } => file_kind_hint(*kind),
            Self::NotAComponent { .. } => "name a built component".into(),
            Self::FileTooLarge { .. } => "build it without debugging information".into(),
        })
    }
}

/// Why a file that was come across is not this user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedOwnership {
    #[error("belongs to another user ({0})")]
    Owner(u32),
    #[error("can be written to by every user of this machine")]
    WorldWritable,
}
