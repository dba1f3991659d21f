//! Why a folder is not given to an extension.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::model::fault::hint::Hint;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::{ExtensionName, ProfileName};
use crate::ops::error::FaultKind;

/// Why a folder is not given to an extension.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("the granted folder {} cannot be used", path.display())]
    Missing { path: PathBuf, source: std::io::Error },
    #[error("the granted folder {} holds or lies in {}, which is sesame's own", path.display(), own.display())]
    SesameFolder { path: PathBuf, own: PathBuf },
    #[error("the granted folder {} can be used to change {}, {what} of {}", path.display(), read.display(), by.display())]
    HoldsProtectedPath {
        path: PathBuf,
        /// What it holds or lies in.
        read: PathBuf,
        what: ReadAs,
        /// The manifest or policy that reads it.
        by: PathBuf,
    },
    #[error("the granted folder {} cannot be checked, because /proc is not mounted", .0.display())]
    NoProc(PathBuf),
    #[error("the granted folder {} is, or lies in, {}, which is the system's", path.display(), system.display())]
    System { path: PathBuf, system: PathBuf },
    #[error("the granted folder {} holds {}, which `{name}` of profile `{profile}` is granted", path.display(), inner.display())]
    Holds {
        path: PathBuf,
        inner: PathBuf,
        name: ExtensionName,
        profile: ProfileName,
        /// The manifest that grants it.
        manifest: ManifestPath,
    },
    #[error("the granted folder {} lies in {}, which {writer}", path.display(), outer.display())]
    Nested { path: PathBuf, outer: PathBuf, writer: Writer },
    #[error("the granted folder {} is below the home folder, and there is none", .0.display())]
    NoHome(PathBuf),
}

/// What a manifest or policy reads a path as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAs {
    Policy,
    Manifest,
    DropIn,
    /// The folder of drop-in manifests.
    DropIns,
    Lock,
    Component(ExtensionName),
    Certificates,
    Mirror,
    /// The repository that it is in: its hooks run programs.
    Repository,
}

impl fmt::Display for ReadAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("a policy"),
            Self::Manifest => f.write_str("the manifest"),
            Self::DropIn => f.write_str("a drop-in"),
            Self::DropIns => f.write_str("the drop-ins"),
            Self::Lock => f.write_str("the lock"),
            Self::Component(name) => write!(f, "the component of `{name}`"),
            Self::Certificates => f.write_str("the certificates"),
            Self::Mirror => f.write_str("a mirror"),
            Self::Repository => f.write_str("the repository"),
        }
    }
}

/// Who may write to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writer {
    /// An extension of the same set.
    SameSet,
    Other {
        name: ExtensionName,
        profile: ProfileName,
    },
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameSet => f.write_str("is granted for writing"),
            Self::Other { name, profile } => write!(f, "`{name}` of profile `{profile}` may write to"),
        }
    }
}

impl FolderError {
    /// Whether the folder is there, or could be, and is refused all the same.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::SesameFolder { .. }
            | Self::HoldsProtectedPath { .. }
            | Self::System { .. }
            | Self::Holds { .. }
            | Self::Nested { .. } => true,
            Self::Missing { .. } | Self::NoProc(_) | Self::NoHome(_) => false,
        }
    }

    pub fn kind(&self) -> FaultKind {
        if self.is_refusal() { FaultKind::Denied } else { FaultKind::Configuration }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Hint {
        let text = match self {
            Self::Missing { path, source } => match source.kind() {
                ErrorKind::NotFound if !path.is_symlink() => "create the folder, or remove the grant",
                ErrorKind::NotADirectory => "grant the folder that the file is in",
                ErrorKind::PermissionDenied => {
                    "make the folders above it searchable for your user, or remove the grant"
                }
                _ => "look where the path leads, or remove the grant",
            },
            Self::SesameFolder { .. } | Self::HoldsProtectedPath { .. } => {
                "grant a folder that neither holds it nor lies in it, such as one made for this extension"
            }
            Self::System { .. } => "remove the grant: no extension is given a folder of the system",
            Self::Holds { name, manifest, .. } => {
                return Hint::from(format!(
                    "grant a folder that lies elsewhere, or remove the grant of `{name}` in {manifest} and run \
                     `sesame sync` there"
                ));
            }
            Self::Nested { .. } => "grant that outer folder instead, or one that lies elsewhere",
            Self::NoProc(_) => "mount it: `mount -t proc proc /proc`",
            Self::NoHome(_) => "set `HOME`, or grant an absolute path",
        };
        text.into()
    }
}
