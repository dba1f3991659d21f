//! Which packs of compiled functions there are, and which go where there are too many. What is in one is for
//! `pack` to say.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::store::code::cache_usage::engine_folders;
use crate::store::error::Error;
use crate::store::paths::StorePaths;
use crate::store::write;

/// A pack in its folder.
pub(crate) struct PackFile {
    pub path: PathBuf,
    pub size: u64,
    /// When something of it was last used.
    pub used: SystemTime,
}

/// The packs in a folder.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub(crate) fn list(folder: &Path) -> Result<Vec<PackFile>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read the folder", folder))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "pack")
            && let Ok(metadata) = entry.metadata()
        {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(PackFile { path, size: metadata.len(), used });
        }
    }
    Ok(found)
}

/// Removes the packs that were not used for the longest time, until all of them have at most `bound` bytes.
///
/// # Errors
/// [`Error::Io`] if one cannot be removed.
pub(crate) fn trim(paths: &StorePaths, bound: u64) -> Result<(), Error> {
    let folders = engine_folders(&paths.functions())?;
    for folder in &folders {
        let _ = write::sweep(folder);
    }
    surplus(&folders, bound).iter().try_for_each(|(path, _)| write::remove(path))
}

/// The packs in these folders that were not used for the longest time, without which all have at most `bound` bytes; each
/// with its own bytes.
pub(crate) fn surplus(folders: &[PathBuf], bound: u64) -> Vec<(PathBuf, u64)> {
    let mut found: Vec<PackFile> = folders.iter().flat_map(|folder| list(folder).unwrap_or_default()).collect();
    found.sort_by_key(|pack| std::cmp::Reverse(pack.used));
    let mut total = 0;
    let mut surplus = Vec::new();
    for PackFile { path, size, .. } in found {
        if total + size > bound {
            surplus.push((path, size));
        } else {
            total += size;
        }
    }
    surplus
}
