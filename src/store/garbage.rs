//! What is in the store and the cache and nothing needs. Files that are not named as sesame names its own are left alone.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::cache::engine_folders;
use super::paths::StorePaths;
use super::{Error, functions, write};
use crate::model::cache_report::CacheSize;
use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, EngineKeys};

/// How long the beginning of a download stays.
const PARTIAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is needed. Where a set is not given, all of it is.
#[derive(Debug)]
pub struct Needed<'a> {
    pub blobs: Option<&'a BTreeSet<Digest>>,
    pub components: Option<&'a BTreeSet<Digest>>,
    pub engines: &'a EngineKeys,
    /// The most bytes of compiled functions.
    pub functions: u64,
}

/// Files that nothing needs.
#[derive(Debug, Default)]
pub struct Garbage {
    pub blobs: Files,
    /// Beginnings of downloads that nobody went on with.
    pub partial: Files,
    /// Compiled code, and that of other engines.
    pub code: Files,
    pub functions: Files,
    /// What else goes with it, and counts for nothing: stamps, and folders of other engines.
    stamps: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// Some files.
#[derive(Debug, Default)]
pub struct Files {
    paths: Vec<PathBuf>,
    pub size: CacheSize,
}

/// Finds what is not needed. `now` is the time.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub fn find(paths: &StorePaths, needed: &Needed<'_>, now: SystemTime) -> Result<Garbage, Error> {
    let mut garbage = Garbage::default();
    if let Some(blobs) = needed.blobs {
        each_file(&paths.blobs(), |name, file| {
            if named(name, "").is_some_and(|digest| !blobs.contains(&digest)) {
                garbage.blobs.take(file);
            }
        })?;
        each_file(&paths.staging(), |name, file| {
            let changed = file.metadata().and_then(|metadata| metadata.modified()).ok();
            // One from the future is as young as can be.
            let is_old = changed.is_some_and(|changed| now.duration_since(changed).is_ok_and(|age| age > PARTIAL));
            if named(name, ".partial").is_some() && is_old {
                garbage.partial.take(file);
            }
        })?;
    }
    for engine in of_engines(&paths.codes())? {
        let is_own = is_own(needed.engines, &engine);
        let is_needed = |digest: &Digest| needed.components.is_none_or(|components| components.contains(digest));
        each_file(&engine, |name, file| {
            if named(name, "").is_some_and(|digest| !is_own || !is_needed(&digest)) {
                garbage.code.take(file);
            }
        })?;
        garbage.folders.extend((!is_own).then_some(engine));
    }
    let (own, others): (Vec<_>, Vec<_>) =
        of_engines(&paths.functions())?.into_iter().partition(|engine| is_own(needed.engines, engine));
    for engine in others {
        each_file(&engine, |name, file| {
            if name.ends_with(".pack") {
                garbage.functions.take(file);
            }
        })?;
        garbage.folders.push(engine);
    }
    for (path, bytes) in functions::surplus(&own, needed.functions) {
        garbage.functions.add(path, bytes);
    }
    each_file(&paths.stamps(), |name, file| {
        if EngineKey::parse(name).is_some() {
            garbage.stamps.push(file.path());
        }
    })?;
    Ok(garbage)
}

impl Garbage {
    /// Removes all of it, and what processes that were killed have left in the cache.
    ///
    /// # Errors
    /// [`Error::Io`] for the first that cannot be removed.
    pub fn remove(&self, paths: &StorePaths) -> Result<(), Error> {
        let all = [&self.code, &self.functions, &self.blobs, &self.partial];
        all.into_iter().flat_map(|files| &files.paths).chain(&self.stamps).try_for_each(|path| write::remove(path))?;
        for folder in &self.folders {
            // Whatever else is in it stays, and so does the folder then.
            let _ = write::sweep(folder);
            let _ = write::remove_user_folder(folder);
        }
        for engine in engine_folders(&paths.codes())?.into_iter().chain(engine_folders(&paths.functions())?) {
            let _ = write::sweep(&engine);
        }
        Ok(())
    }
}

impl Files {
    fn take(&mut self, file: &DirEntry) {
        self.add(file.path(), file.metadata().map_or(0, |metadata| metadata.len()));
    }

    fn add(&mut self, path: PathBuf, bytes: u64) {
        self.size.files += 1;
        self.size.bytes += bytes;
        self.paths.push(path);
    }
}

/// The folders that are named by an engine. A link is not followed.
fn of_engines(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if folder.is_symlink() {
        return Ok(Vec::new());
    }
    let is_engine = |path: &PathBuf| path.file_name().and_then(|name| EngineKey::parse(name.to_str()?)).is_some();
    Ok(engine_folders(folder)?.into_iter().filter(is_engine).collect())
}

fn is_own(engines: &EngineKeys, folder: &Path) -> bool {
    engines.own(&folder.file_name().unwrap_or_default().to_string_lossy())
}

/// The digest that a file is named by.
fn named(name: &str, ending: &str) -> Option<Digest> {
    format!("sha256:{}", name.strip_suffix(ending)?).parse().ok()
}

fn each_file(folder: &Path, mut take: impl FnMut(&str, &DirEntry)) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read the folder", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("read the folder", folder))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if let (Some(name), true) = (entry.file_name().to_str(), is_file) {
            take(name, &entry);
        }
    }
    Ok(())
}
