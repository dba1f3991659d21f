//! The disk: blobs by digest, compiled code, generations, and the lock that keeps two runs apart.
//!
//! All paths are made in [`paths`], all writes in `write`. What stands under a final name is whole and was
//! checked; everything under way has another name. Nothing here knows where bytes come from.

pub mod blobs;
pub mod code;
pub mod function_cache;
pub mod generations;
pub mod integrity;
pub mod key;
pub mod logs;
pub mod memo;
pub mod paths;
pub mod store_lock;
pub(crate) mod write;

use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::model::component_kind::Kind;
use crate::model::digest::Digest;
use crate::model::fault::FaultKind;

/// Why something could not be done on the disk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} cannot be used: {why}", path.display())]
    Untrusted { path: PathBuf, why: String },
    #[error("{} belongs to the user {owner}, and sesame runs as the user {user}", path.display())]
    Foreign { path: PathBuf, owner: u32, user: u32 },
    #[error("what was fetched as {expected} has the digest {found}")]
    WrongDigest { expected: Digest, found: Digest },
    #[error("what was fetched as {digest} has {found} bytes, expected {expected}")]
    WrongSize { digest: Digest, expected: u64, found: u64 },
    #[error("{digest} is {kind}")]
    NotAComponent { digest: Digest, kind: Kind },
    #[error("{} is damaged: its bytes have the digest {found}", path.display())]
    Damaged { path: PathBuf, found: Digest },
    #[error("{digest} is not in the store")]
    NoBlob { digest: Digest },
    #[error("cannot tell what is live from {}: {why}", path.display())]
    UnknownLive {
        path: PathBuf,
        why: String,
        /// Whether a sesame of another version wrote the generation, so that nothing is wrong with it.
        is_other: bool,
    },
    #[error("{} is not a generation that can be used: {why}", path.display())]
    BadGeneration {
        path: PathBuf,
        why: String,
        /// Whether a sesame of another version wrote it, so that nothing is wrong with it.
        is_other: bool,
    },
    #[error("interrupted while waiting for {holder}")]
    Interrupted { holder: String },
}

impl Error {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Io { .. } | Self::Untrusted { .. } => FaultKind::Io,
            Self::UnknownLive { .. } | Self::BadGeneration { .. } => FaultKind::Io,
            Self::WrongDigest { .. } | Self::WrongSize { .. } | Self::Damaged { .. } | Self::NoBlob { .. } => {
                FaultKind::Integrity
            }
            Self::NotAComponent { .. } => FaultKind::Data,
            Self::Foreign { .. } => FaultKind::Denied,
            Self::Interrupted { .. } => FaultKind::Interrupted,
        }
    }

    /// For `map_err` where the I/O happens.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// What is in a folder; nothing if it is not there.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, Error> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(Iterator::collect),
    };
    listed.map_err(Error::io("read the folder", folder))
}

/// Opens a file for reading, without following a link at its end, and only if it is a regular file of this user
/// that nobody else can write. `None` if there is no such name.
fn open_trusted(path: &Path) -> Result<Option<(File, Metadata)>, Error> {
    // Looked at first, since a file of another user can often not be opened at all.
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            return Err(Error::Untrusted { path: path.to_owned(), why: "it is a link".to_owned() });
        }
        Ok(metadata) => {
            if let Some(why) = distrust(&metadata) {
                return Err(Error::Untrusted { path: path.to_owned(), why });
            }
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("look at", path)(error)),
    }
    let file = match open_with(path, OFlags::NOFOLLOW) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    match distrust(&metadata) {
        Some(why) => Err(Error::Untrusted { path: path.to_owned(), why }),
        None => Ok(Some((file, metadata))),
    }
}

/// Opens whatever has a name in the store, without waiting for anybody at the other end of it.
fn open_any(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::empty())
}

#[expect(clippy::disallowed_methods, reason = "this is how the store's own files are opened")]
fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Why a file with this metadata must not be believed, if so.
fn distrust(metadata: &Metadata) -> Option<String> {
    let user = rustix::process::geteuid().as_raw();
    if !metadata.is_file() {
        Some("it is not a regular file".to_owned())
    } else if metadata.uid() != user {
        Some(format!("it belongs to the user {}, not to {user}", metadata.uid()))
    } else if metadata.mode() & 0o022 != 0 {
        Some(format!("others can write to it (mode {:o})", metadata.mode() & 0o7777))
    } else {
        None
    }
}
