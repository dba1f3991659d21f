//! Every write of sesame to the disk. Nothing else creates, renames or removes a file.
//!
//! A file gets its final name only when it is whole and on the disk: written under another name, fsynced,
//! renamed, its folder fsynced (invariant 1: presence means validity). Folders are private and stored files are read-only, whatever
//! the umask.

#![expect(clippy::disallowed_methods, reason = "this is the one writer, which opens what it writes")]

pub mod user_files;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::model::fault::file_problem::FileProblem;

use super::error::Error;

/// How many links in a row are followed.
const LINKS: usize = 16;

/// How the names of files under way begin.
pub(crate) const UNFINISHED: &str = ".sesame-unfinished-";

/// Opens no link at the end of a path.
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// The mode of files in the store.
const READ_ONLY: u32 = 0o400;

/// Whether a file must have reached the disk when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Synced,
    /// For what can be made again: losing it at a power cut costs only time, and a torn file is noticed.
    Disposable,
}

/// Creates a folder and what it lacks above, each with mode 0700.
pub fn create_folder(path: &Path) -> Result<(), Error> {
    create_missing(path, Some(0o700)).map(drop)
}

/// `mode` is that of an ordinary new folder, after the umask, where none is given.
fn create_missing(path: &Path, mode: Option<u32>) -> Result<Vec<PathBuf>, Error> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let mut created = path.parent().map(|parent| create_missing(parent, mode)).transpose()?.unwrap_or_default();
    match DirBuilder::new().mode(mode.unwrap_or(0o777)).create(path) {
        Ok(()) => {
            if let Some(mode) = mode {
                fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("set the mode of", path))?;
            }
            sync_parent(path)?;
            created.push(path.to_owned());
            Ok(created)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(created),
        Err(error) => Err(Error::io("create the folder", path)(error)),
    }
}

/// Opens the file for bytes under way, with what is there. What is no private file of this user's alone is replaced.
pub fn open_staged(path: &Path) -> Result<File, Error> {
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    if let Ok(file) = OpenOptions::new().read(true).write(true).custom_flags(NOFOLLOW).open(path) {
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        let own = metadata.uid() == rustix::process::geteuid().as_raw();
        if metadata.is_file() && own && metadata.mode() & 0o077 == 0 && metadata.nlink() == 1 {
            return Ok(file);
        }
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("remove the old", path)(error));
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = options.open(path).map_err(Error::io("create", path))?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(Error::io("set the mode of", path))?;
    Ok(file)
}

/// Empties a staged file, to start over.
pub fn truncate(file: &File, path: &Path) -> Result<(), Error> {
    file.set_len(0).map_err(Error::io("empty", path))
}

/// Gives checked, staged bytes their final name.
pub fn rename_into_place(staged: &Path, target: &Path) -> Result<(), Error> {
    let file = File::open(staged).map_err(Error::io("open", staged))?;
    file.set_permissions(Permissions::from_mode(READ_ONLY)).map_err(Error::io("set the mode of", staged))?;
    file.sync_all().map_err(Error::io("write", staged))?;
    if let Some(parent) = target.parent() {
        create_folder(parent)?;
    }
    fs::rename(staged, target).map_err(Error::io("create", target))?;
    sync_parent(target)
}

/// Replaces a file of the store in one step; it is private and read-only.
pub fn replace(target: &Path, bytes: &[&[u8]], durability: Durability) -> Result<(), Error> {
    if let Some(parent) = target.parent() {
        create_folder(parent)?;
    }
    replace_with_mode(target, bytes, Some(READ_ONLY), durability)
}

/// Gives something of the store another name, for good.
pub fn rename_stored(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("move", from))?;
    sync_parent(to)?;
    sync_parent(from)
}

/// Takes from others the right to write to a folder. One that nobody could use becomes this user's.
pub fn make_private(folder: &Path) -> Result<(), Error> {
    let mode = fs::metadata(folder).map_err(Error::io("look at", folder))?.permissions().mode();
    let own = if mode & 0o700 == 0 { 0o700 } else { 0 };
    let mode = Permissions::from_mode(mode & !0o022 | own);
    fs::set_permissions(folder, mode).map_err(Error::io("set the mode of", folder))
}

/// A folder for what must not reach the store; it is removed with the value.
pub fn temporary_folder() -> Result<tempfile::TempDir, Error> {
    let path = Path::new("a temporary folder");
    tempfile::Builder::new().prefix("sesame-").tempdir().map_err(Error::io("create", path))
}

/// A file in a folder that has no name, and is gone with the value.
pub fn unnamed(folder: &Path) -> Result<File, Error> {
    tempfile::tempfile_in(folder).map_err(Error::io("create a file in", folder))
}

/// A file under way. It is removed where it does not get its name, and locked, so that [`sweep`] tells it from what a
/// process that was killed has left.
#[derive(Debug)]
pub struct Unfinished(tempfile::NamedTempFile);

/// Begins a private file in a folder.
pub fn begin(folder: &Path) -> Result<Unfinished, Error> {
    begin_with_mode(folder, 0o600)
}

fn begin_with_mode(folder: &Path, mode: u32) -> Result<Unfinished, Error> {
    // The library's error names the temporary file, which the person did not ask for; the system's own is kept instead.
    let mut failed = None;
    let open = |path: &Path| {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path);
        file.inspect_err(|error| failed = error.raw_os_error())
    };
    let file = tempfile::Builder::new().prefix(UNFINISHED).make_in(folder, open);
    let file = file
        .map_err(|error| Error::io("create a file in", folder)(failed.map_or(error, io::Error::from_raw_os_error)))?;
    // Where files cannot be locked, nothing is swept either.
    let _ = file.as_file().try_lock();
    Ok(Unfinished(file))
}

impl Unfinished {
    /// The file, opened once more.
    pub fn open(&self) -> Result<File, Error> {
        self.0.as_file().try_clone().map_err(Error::io("open", self.path()))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives it its name, as a file of the store.
    pub fn finish(self, target: &Path, durability: Durability) -> Result<(), Error> {
        self.finish_with_mode(target, Some(READ_ONLY), durability)
    }

    /// Gives it its name, as a file of the user's, for good.
    pub fn finish_user_file(self, target: &Path) -> Result<(), Error> {
        self.finish_with_mode(target, None, Durability::Synced)
    }

    fn finish_with_mode(self, target: &Path, mode: Option<u32>, durability: Durability) -> Result<(), Error> {
        let Self(file) = self;
        if let Some(mode) = mode {
            let permissions = Permissions::from_mode(mode);
            file.as_file().set_permissions(permissions).map_err(Error::io("set the mode of", target))?;
        }
        if durability == Durability::Synced {
            file.as_file().sync_all().map_err(Error::io("write", target))?;
        }
        file.persist(target).map_err(|error| Error::io("create", target)(error.error))?;
        match durability {
            Durability::Synced => sync_parent(target),
            Durability::Disposable => Ok(()),
        }
    }
}

/// Removes what was begun in a folder by processes that are no more. What cannot be removed stays.
///
/// The next writer sweeps the store's small folders (`store::store_lock`), `store::code::cwasm` those of compiled code, and
/// `ops::edit::transaction` those of a project. Downloads are continued where they stopped, and `gc` removes those that nothing
/// continues (`store::integrity::garbage`).
pub fn sweep(folder: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read the folder", folder)(error)),
    };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        let opened = OpenOptions::new().read(true).custom_flags(NOFOLLOW).open(entry.path());
        if opened.is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// How many bytes the disk that a folder is on has left.
pub fn free_bytes(folder: &Path) -> Result<u64, Error> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| Error::io("look at the disk of", folder)(error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Fails where the disk that a folder is on has not so many bytes left.
pub fn leave_room(folder: &Path, bytes: u64) -> Result<(), Error> {
    if free_bytes(folder)? >= bytes {
        return Ok(());
    }
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    Err(Error::io("leave enough room on the disk of", folder)(full))
}

/// Notes on a file of a cache that it was used just now.
pub fn mark_used(file: &File, path: &Path) -> Result<(), Error> {
    file.set_modified(SystemTime::now()).map_err(Error::io("note the use of", path))
}

/// Opens the file whose advisory lock guards the store.
pub fn open_lock_file(path: &Path) -> Result<File, Error> {
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    loop {
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => {
                file.set_permissions(Permissions::from_mode(0o600)).map_err(Error::io("set the mode of", path))?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("open", path)(error)),
        }
        // Its bytes are written over, so it must not be a link to something else.
        match OpenOptions::new().read(true).write(true).custom_flags(NOFOLLOW).open(path) {
            // A `purge` has removed it since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            file => return file.map_err(Error::io("open", path)),
        }
    }
}

/// Says in the lock file who holds it. Only a courtesy to whoever waits, so it may fail.
pub fn sign_lock_file(file: &File, holder: &str) {
    // Reading who held it has moved the file's offset.
    let _ = file.set_len(0).and_then(|()| file.write_all_at(holder.as_bytes(), 0));
}

/// Opens a log to add to it; one that has grown too large becomes the old one first.
pub fn open_log(path: &Path, old: &Path, most: u64) -> Result<File, Error> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() >= most) {
        fs::rename(path, old).map_err(Error::io("rename", path))?;
    }
    open_appended(path)
}

/// Opens a file of the store to add to its end; makes it and its folder where there is none.
pub fn open_appended(path: &Path) -> Result<File, Error> {
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    if let Ok(metadata) = fs::symlink_metadata(path) {
        let problem = match metadata.nlink() {
            _ if metadata.is_symlink() => Some(FileProblem::Link),
            _ if !metadata.is_file() => Some(FileProblem::NotAFile),
            0 | 1 => None,
            names => Some(FileProblem::OtherNames { names }),
        };
        if let Some(source) = problem {
            return Err(Error::Untrusted { path: path.to_owned(), source });
        }
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(NOFOLLOW);
    options.open(path).map_err(Error::io("open", path))
}

/// Cuts a file to this length, in bytes.
pub fn truncate_to(file: &File, path: &Path, length: u64) -> Result<(), Error> {
    file.set_len(length).map_err(Error::io("shorten", path))
}

/// Removes a file; that it is gone already is fine.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder of the store with all that is in it; that it is gone already is fine.
pub fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a file, or a folder with all that is in it, following no links; that it is gone already is fine.
pub fn remove_tree(path: &Path) -> Result<(), Error> {
    match path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        true => remove_folder(path),
        false => remove(path),
    }
}

/// Removes a folder in which nothing is left; one that others use stays.
pub fn remove_empty_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir(path) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// `mode` is that of an ordinary new file, after the umask, where none is given.
fn replace_with_mode(target: &Path, bytes: &[&[u8]], mode: Option<u32>, durability: Durability) -> Result<(), Error> {
    let mut file = begin_with_mode(&parent(target), if mode.is_some() { 0o600 } else { 0o666 })?;
    for part in bytes {
        file.0.write_all(part).map_err(Error::io("write", target))?;
    }
    file.finish_with_mode(target, mode, durability)
}

fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o777)
}

fn sync_parent(path: &Path) -> Result<(), Error> {
    let folder = parent(path);
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(Error::io("write the folder", &folder))
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_too_full_is_told_before_it_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        leave_room(folder.path(), 1).unwrap();
        let error = leave_room(folder.path(), u64::MAX).unwrap_err();
        assert!(error.to_string().starts_with("cannot leave enough room on the disk of "), "{error}");
    }
}
