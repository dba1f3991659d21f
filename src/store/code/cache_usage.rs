//! What can be made again, counted: the compiled code and the compiled functions, by engine.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::model::report::maintain::gc::{CacheSizes, DiskUsage};
use crate::store::error::Error;
use crate::store::paths::StorePaths;
use crate::store::trusted_files::entries;

/// How much is there.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub fn measure_caches(paths: &StorePaths) -> Result<CacheSizes, Error> {
    Ok(CacheSizes { code: size(&paths.codes())?, functions: size(&paths.functions())? })
}

fn size(folder: &Path) -> Result<DiskUsage, Error> {
    let mut size = DiskUsage::default();
    for engine in engine_folders(folder)? {
        // What is gone by now is no file any more.
        for metadata in entries(&engine)?.iter().filter_map(|file| file.metadata().ok()) {
            size.files += 1;
            size.bytes += metadata.len();
        }
    }
    Ok(size)
}

/// The folders of the engines, none where nothing was compiled yet. Links are none.
pub(crate) fn engine_folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read the folder", folder)(error)),
    };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    Ok(entries.flatten().filter(is_folder).map(|entry| entry.path()).collect())
}
