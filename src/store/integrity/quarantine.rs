//! What is wrong with the store is put aside here, never thrown away: `quarantine/NAME`, with a number where there is one already.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::store::error::Error;
use crate::store::paths::StorePaths;
use crate::store::trusted_files::open_any;
use crate::store::write::{self, Durability};

/// Moves a file, a link or a folder out of the way; says where it is now.
///
/// # Errors
/// [`Error::Io`] if that cannot be done; then it is where it was.
pub fn move_to_quarantine(paths: &StorePaths, path: &Path) -> Result<PathBuf, Error> {
    let folder = paths.quarantine();
    write::create_folder(&folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let place = unused_path(folder.join(&name));
    match write::rename_stored(path, &place) {
        // Where a folder of the store is on another disk, beside it is far enough.
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::CrossesDevices => {
            let beside = unused_path(path.with_file_name(format!("{name}.aside")));
            write::rename_stored(path, &beside)?;
            Ok(beside)
        }
        moved => moved.map(|()| place),
    }
}

/// A name that is not taken: this one, or this one with a number.
fn unused_path(path: PathBuf) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (1_u64..).map(|number| path.with_file_name(format!("{name}.{number}")));
    let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
    std::iter::once(path.clone()).chain(numbered).find(is_free).unwrap_or(path)
}

/// Moves a folder out of the way that has the name of a file. It may be somebody's.
///
/// # Errors
/// [`Error::Io`] if that cannot be done.
pub fn quarantine_obstacle(paths: &StorePaths, path: &Path) -> Result<(), Error> {
    let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_folder { move_to_quarantine(paths, path).map(drop) } else { Ok(()) }
}

/// Makes a blob this user's alone again: what others have opened under its name is another file then.
///
/// # Errors
/// [`Error::Damaged`] if it has other bytes by now, [`Error::Io`] if it cannot be written.
pub fn restore_privacy(path: &Path, digest: &Digest) -> Result<(), Error> {
    let mut bytes = Vec::new();
    open_any(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(Error::io("read", path))?;
    let found = Digest::of(&bytes);
    if found != *digest {
        return Err(Error::Damaged { path: path.to_owned(), found });
    }
    write::replace(path, &[&bytes], Durability::Synced)
}
