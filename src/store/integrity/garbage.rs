//! What is in the store and the cache and nothing needs. Files that are not named as sesame names its own are left alone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, EngineKeys};
use crate::model::report::maintain::gc::DiskUsage;
use crate::store::code::cache_usage::engine_folders;
use crate::store::error::Error;
use crate::store::function_cache::eviction;
use crate::store::paths::StorePaths;
use crate::store::trusted_files::entries;
use crate::store::write;

use super::fsck::{self, Stored, StoredKind};

/// How long the beginning of a download stays.
const PARTIAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is needed. Where a set is not given, all of it is.
#[derive(Debug)]
pub struct NeededFiles<'a> {
    pub blobs: Option<&'a BTreeSet<Digest>>,
    pub components: Option<&'a BTreeSet<Digest>>,
    pub engines: &'a EngineKeys,
    /// The most bytes of compiled functions.
    pub function_cache: u64,
}

/// Files that nothing needs.
#[derive(Debug, Default)]
pub struct Garbage {
    pub blobs: GarbageFiles,
    /// Beginnings of downloads that nobody went on with.
    pub partial: GarbageFiles,
    /// Compiled code, and that of other engines.
    pub code: GarbageFiles,
    pub functions: GarbageFiles,
    /// What else goes with it, and counts for nothing: records of no-ops, and folders of other engines.
    noop_records: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// Some files.
#[derive(Debug, Default)]
pub struct GarbageFiles {
    paths: Vec<PathBuf>,
    pub size: DiskUsage,
}

/// Finds what is not needed. `now` is the time.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub fn find(paths: &StorePaths, needed: &NeededFiles<'_>, now: SystemTime) -> Result<Garbage, Error> {
    let mut garbage = Garbage::default();
    // Where others keep the cache, by a link, it is not emptied for them.
    let (has_code, has_packs) = (!paths.codes().is_symlink(), !paths.functions().is_symlink());
    let is_old = |stored: &Stored| {
        // One from the future is as young as can be.
        stored.changed.is_some_and(|changed| now.duration_since(changed).is_ok_and(|age| age > PARTIAL))
    };
    for stored in fsck::list_files(paths)?.into_iter().filter(|stored| stored.is_file) {
        match &stored.kind {
            StoredKind::Blob(digest) if needed.blobs.is_some_and(|blobs| !blobs.contains(digest)) => {
                garbage.blobs.add_file(stored);
            }
            StoredKind::Partial if needed.blobs.is_some() && is_old(&stored) => garbage.partial.add_file(stored),
            StoredKind::Code(engine, component) if has_code && !needed.has_code(engine, component) => {
                garbage.code.add_file(stored);
            }
            StoredKind::Functions(engine) if has_packs && !needed.engines.contains(engine.as_str()) => {
                garbage.functions.add_file(stored);
            }
            _ => {}
        }
    }
    let folders = |is_ours: bool, top: PathBuf| if is_ours { fsck::list_engines(&top) } else { Ok(Vec::new()) };
    let is_own = |(_, engine): &(PathBuf, EngineKey)| needed.engines.contains(engine.as_str());
    let (own, others): (Vec<_>, Vec<_>) = folders(has_packs, paths.functions())?.into_iter().partition(is_own);
    let others =
        others.into_iter().chain(folders(has_code, paths.codes())?.into_iter().filter(|folder| !is_own(folder)));
    garbage.folders.extend(others.map(|(folder, _)| folder));
    let own: Vec<PathBuf> = own.into_iter().map(|(folder, _)| folder).collect();
    for (path, bytes) in eviction::surplus(&own, needed.function_cache) {
        garbage.functions.add(path, bytes);
    }
    for record in entries(&paths.noop_records())? {
        let is_own = record.file_name().to_str().and_then(EngineKey::parse).is_some();
        if is_own && record.file_type().is_ok_and(|kind| kind.is_file()) {
            garbage.noop_records.push(record.path());
        }
    }
    Ok(garbage)
}

impl NeededFiles<'_> {
    fn has_code(&self, engine: &EngineKey, component: &Digest) -> bool {
        self.engines.contains(engine.as_str())
            && self.components.is_none_or(|components| components.contains(component))
    }
}

impl Garbage {
    /// Removes all of it, and what processes that were killed have left in the cache and among the blobs.
    ///
    /// # Errors
    /// [`Error::Io`] for the first that cannot be removed.
    pub fn remove(&self, paths: &StorePaths) -> Result<(), Error> {
        let all = [&self.code, &self.functions, &self.blobs, &self.partial];
        all.into_iter()
            .flat_map(|files| &files.paths)
            .chain(&self.noop_records)
            .try_for_each(|path| write::remove(path))?;
        for folder in &self.folders {
            // Whatever else is in it stays, and so does the folder then.
            let _ = write::sweep(folder);
            let _ = write::user_files::remove_empty_folder(folder);
        }
        for engine in engine_folders(&paths.codes())?.into_iter().chain(engine_folders(&paths.functions())?) {
            let _ = write::sweep(&engine);
        }
        let _ = write::sweep(&paths.blobs());
        Ok(())
    }
}

impl GarbageFiles {
    fn add_file(&mut self, stored: Stored) {
        self.add(stored.path, stored.size);
    }

    fn add(&mut self, path: PathBuf, bytes: u64) {
        self.size.files += 1;
        self.size.bytes += bytes;
        self.paths.push(path);
    }
}
