//! What can be made again, counted and thrown away: the compiled code and the compiled functions, by engine.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::paths::StorePaths;
use super::{Error, functions, write};
use crate::model::cache_report::{CacheSize, CacheSizes};
use crate::model::engine_key::EngineKeys;

/// How much is there.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub fn sizes(paths: &StorePaths) -> Result<CacheSizes, Error> {
    Ok(CacheSizes { code: size(&paths.codes())?, functions: size(&paths.functions())? })
}

/// Removes what is of other engines than these, what processes that were killed have left, all stamps, and of the compiled
/// functions what is over `bound` bytes; says how much code and functions that was.
///
/// # Errors
/// [`Error::Io`] if something cannot be removed.
pub fn clean(paths: &StorePaths, engines: &EngineKeys, bound: u64) -> Result<CacheSizes, Error> {
    let before = sizes(paths)?;
    for folder in [paths.codes(), paths.functions()].iter().map(|folder| engine_folders(folder)) {
        for engine in folder? {
            if engines.own(&engine.file_name().unwrap_or_default().to_string_lossy()) {
                write::sweep(&engine)?;
            } else {
                for (file, _) in files(&engine)? {
                    write::remove(&file)?;
                }
                write::remove_user_folder(&engine)?;
            }
        }
    }
    functions::trim(paths, bound)?;
    for (stamp, _) in files(&paths.stamps()).unwrap_or_default() {
        write::remove(&stamp)?;
    }
    let after = sizes(paths)?;
    Ok(CacheSizes { code: before.code.without(after.code), functions: before.functions.without(after.functions) })
}

fn size(folder: &Path) -> Result<CacheSize, Error> {
    let mut size = CacheSize::default();
    for engine in engine_folders(folder)? {
        for (_, bytes) in files(&engine)? {
            size.files += 1;
            size.bytes += bytes;
        }
    }
    Ok(size)
}

fn files(engine: &Path) -> Result<Vec<(PathBuf, u64)>, Error> {
    let entries = fs::read_dir(engine).map_err(Error::io("read the folder", engine))?;
    // What is gone by now is no file any more.
    Ok(entries.flatten().filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len()))).collect())
}

/// The folders of the engines, none where nothing was compiled yet. Links are none.
pub(super) fn engine_folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read the folder", folder)(error)),
    };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    Ok(entries.flatten().filter(is_folder).map(|entry| entry.path()).collect())
}
