//! The files of a project, and files that a person names, cannot be used.

use std::path::PathBuf;

use crate::compiler::inspection::ComponentError;
use crate::model::bounds::MAX_COMPONENT;
use crate::model::fault::FaultKind;
use crate::model::file_kind::FileKind;
use crate::model::name::ExtensionName;
use crate::model::text::count;
use crate::model::toml::problem::Problem;

/// The files of a project, and files that a person names, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("there is no sesame.toml")]
    NoManifest { looked: Vec<PathBuf> },
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
    #[error("{} is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    #[error("{} is there already, and is another text", .0.display())]
    WitExists(PathBuf),
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
            Self::Exists(_) | Self::WitExists(_) => FaultKind::Configuration,
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
}

/// Why a file that was come across is not this user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedOwnership {
    #[error("belongs to another user ({0})")]
    Owner(u32),
    #[error("can be written to by every user of this machine")]
    WorldWritable,
}
