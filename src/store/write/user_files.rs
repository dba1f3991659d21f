//! Writes to files of the person's: manifests, locks, bundles, docker's credentials. Links are followed, modes stay.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::model::fault::file_problem::FileProblem;
use crate::store::error::Error;
use crate::store::write::{
    Durability, LINKS, UNFINISHED, Unfinished, begin_with_mode, create_missing, mode, parent, remove,
    replace_with_mode, sweep, sync_parent,
};

/// Creates a folder of the user's and what it lacks above, with the modes of ordinary folders. Gives those that were
/// created, the outermost first.
pub fn create_user_folder(path: &Path) -> Result<Vec<PathBuf>, Error> {
    create_missing(path, None)
}

/// Replaces a file of the user's, such as `sesame.lock`, in one step. A link is followed; the mode is kept, and
/// is that of an ordinary new file where there was none.
///
/// # Errors
/// [`Error::Untrusted`] if there is something else than a regular file, such as a device.
pub fn replace_user_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let target = resolve_final_link(path);
    refuse_special_file(&target)?;
    let _ = sweep(&parent(&target));
    replace_with_mode(&target, &[bytes], mode(&target), Durability::Synced)
}

/// The same for a file that is to hold secrets: nobody else can read it, whatever its mode was.
pub fn replace_private_user_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let target = resolve_final_link(path);
    refuse_special_file(&target)?;
    let private = mode(&target).unwrap_or(0o600) & 0o600;
    replace_with_mode(&target, &[bytes], Some(private), Durability::Synced)
}

/// Writes a result to where the user wants it: a regular file is replaced, and anything else, such as a pipe or a device, is written to.
pub fn write_user_output(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let mut file = OpenOptions::new().write(true).open(path).map_err(Error::io("open", path))?;
        return file.write_all(bytes).map_err(Error::io("write", path));
    }
    replace_user_file(path, bytes)
}

/// Refuses to put a file in the place of a device, a pipe or a socket.
pub(crate) fn refuse_special_file(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() && !metadata.is_symlink() => {
            Err(Error::Untrusted { path: path.to_owned(), source: FileProblem::NotAFile })
        }
        _ => Ok(()),
    }
}

/// Writes a file into a folder that may be somebody else's work, in one step. A link that stands there is replaced, not
/// followed.
pub fn put_user_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_with_mode(path, &[bytes], None, Durability::Synced)
}

/// Creates a file of the user's that must not exist yet.
pub fn create_user_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", path))?;
    sync_parent(path)
}

/// Whether a folder holds nothing, or is not there.
pub fn is_empty_or_absent(path: &Path) -> Result<bool, Error> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::io("read the folder", path)(error)),
    }
}

/// A file of the user's that was moved aside, or a link. If its process is killed, [`sweep`] removes it.
#[derive(Debug)]
pub struct FileAside {
    path: PathBuf,
    /// Locked, as what is under way is.
    _file: Option<File>,
}

/// Moves a file of the user's aside; of a link, the link.
pub fn set_aside(path: &Path) -> Result<FileAside, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside =
        path.with_file_name(format!("{UNFINISHED}removed-{}-{name}", rustix::process::getpid().as_raw_nonzero()));
    let file = File::open(path).ok().filter(|file| file.try_lock().is_ok());
    fs::rename(path, &aside).map_err(Error::io("remove", path))?;
    sync_parent(path)?;
    Ok(FileAside { path: aside, _file: file })
}

impl FileAside {
    /// Puts it back where it was.
    pub fn put_back(self, path: &Path) -> Result<(), Error> {
        fs::rename(&self.path, path).map_err(Error::io("put back", path))?;
        sync_parent(path)
    }

    /// Removes it for good.
    pub fn remove(self) -> Result<(), Error> {
        remove(&self.path)?;
        sync_parent(&self.path)
    }
}

#[cfg(feature = "daemon")]
/// Makes a symbolic link, in place of whatever link or file has its name.
pub fn replace_link(path: &Path, target: &Path) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!("{UNFINISHED}link-{}-{name}", rustix::process::getpid().as_raw_nonzero()));
    remove(&new)?;
    std::os::unix::fs::symlink(target, &new).map_err(Error::io("create", &new))?;
    fs::rename(&new, path).map_err(Error::io("rename", &new))?;
    sync_parent(path)
}

/// Removes an empty folder of the user's.
pub fn remove_empty_folder(path: &Path) -> Result<(), Error> {
    fs::remove_dir(path).map_err(Error::io("remove the folder", path))
}

/// Begins a file of the user's in a folder, with the mode of an ordinary new file.
pub fn begin_user_file(folder: &Path) -> Result<Unfinished, Error> {
    let _ = sweep(folder);
    begin_with_mode(folder, 0o666)
}

/// Where a link leads in the end.
pub(crate) fn resolve_final_link(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..LINKS {
        let Ok(link) = fs::read_link(&target) else { break };
        target = parent(&target).join(link);
    }
    target
}
