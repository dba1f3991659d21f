//! Why something could not be done on the disk.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::model::fault::FaultKind;
use crate::model::fault::file_problem::FileProblem;
use crate::model::file_kind::FileKind;
use crate::model::plan::generation_problem::GenerationProblem;

/// Why something could not be done on the disk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} cannot be used", path.display())]
    Untrusted { path: PathBuf, source: FileProblem },
    #[error("{} belongs to the user {owner}, and sesame runs as the user {user}", path.display())]
    OwnedByOther { path: PathBuf, owner: u32, user: u32 },
    #[error("what was fetched as {expected} has the digest {found}")]
    WrongDigest { expected: Digest, found: Digest },
    #[error("what was fetched as {digest} has {found} bytes, expected {expected}")]
    WrongSize { digest: Digest, expected: u64, found: u64 },
    #[error("{digest} is {kind}")]
    NotAComponent { digest: Digest, kind: FileKind },
    #[error("{} is damaged: its bytes have the digest {found}", path.display())]
    Damaged { path: PathBuf, found: Digest },
    #[error("{digest} is not in the store")]
    NoBlob { digest: Digest },
    #[error("cannot tell what is live from {}", path.display())]
    UnknownActive { path: PathBuf, source: GenerationProblem },
    #[error("{} is not a generation that can be used", path.display())]
    BadGeneration { path: PathBuf, source: GenerationProblem },
    #[error("interrupted while waiting for {holder}")]
    Interrupted { holder: String },
}

impl Error {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Io { .. } | Self::Untrusted { .. } => FaultKind::Io,
            Self::UnknownActive { .. } | Self::BadGeneration { .. } => FaultKind::Io,
            Self::WrongDigest { .. } | Self::WrongSize { .. } | Self::Damaged { .. } | Self::NoBlob { .. } => {
                FaultKind::Integrity
            }
            Self::NotAComponent { .. } => FaultKind::Data,
            Self::OwnedByOther { .. } => FaultKind::Denied,
            Self::Interrupted { .. } => FaultKind::Interrupted,
        }
    }

    /// For `map_err` where the I/O happens.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Whether it is the fault of a file that it cannot be read, and not that of the moment.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    let bad_sector = rustix::io::Errno::IO.raw_os_error();
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::IsADirectory)
        || error.raw_os_error() == Some(bad_sector)
}

/// Why a file is as good as damaged that cannot be read.
pub(crate) fn unread(error: &io::Error) -> FileProblem {
    FileProblem::Unreadable { error: error.to_string() }
}
