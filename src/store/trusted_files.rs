//! Opens the store's own files: what another user could have put or changed there is refused. Files that people name are for
//! `named_files`.

use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::model::fault::file_problem::FileProblem;
use crate::store::error::Error;

/// What is in a folder; nothing if it is not there.
pub(crate) fn entries(folder: &Path) -> Result<Vec<DirEntry>, Error> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(Iterator::collect),
    };
    listed.map_err(Error::io("read the folder", folder))
}

/// Opens a file for reading, without following a link at its end, and only if it is a regular file of this user
/// that nobody else can write. `None` if there is no such name.
pub(crate) fn open_trusted(path: &Path) -> Result<Option<(File, Metadata)>, Error> {
    // Looked at first, since a file of another user can often not be opened at all.
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            return Err(Error::Untrusted { path: path.to_owned(), source: FileProblem::Link });
        }
        Ok(metadata) => {
            if let Some(source) = untrusted_reason(&metadata) {
                return Err(Error::Untrusted { path: path.to_owned(), source });
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
    match untrusted_reason(&metadata) {
        Some(source) => Err(Error::Untrusted { path: path.to_owned(), source }),
        None => Ok(Some((file, metadata))),
    }
}

/// Opens whatever has a name in the store, without waiting for anybody at the other end of it.
pub(crate) fn open_any(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::empty())
}

#[expect(clippy::disallowed_methods, reason = "this is how the store's own files are opened")]
fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Why a file with this metadata must not be believed, if so.
pub(crate) fn untrusted_reason(metadata: &Metadata) -> Option<FileProblem> {
    let user = rustix::process::geteuid().as_raw();
    if !metadata.is_file() {
        Some(FileProblem::NotAFile)
    } else if metadata.uid() != user {
        Some(FileProblem::OwnedByOther { owner: metadata.uid(), user })
    } else if metadata.mode() & 0o022 != 0 {
        Some(FileProblem::WritableByOthers { mode: metadata.mode() & 0o7777 })
    } else {
        None
    }
}
