//! Looks at what is on the disk without believing any note of before: is it what its name says, and nobody else's?
//!
//! Files that are not named as sesame names its own are not looked at. What is found is for `ops::maintain::verify` to mend.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::model::digest::Digest;
use crate::model::engine_key::EngineKey;
use crate::model::fault::file_problem::FileProblem;
use crate::store::blobs::hash;
use crate::store::code::cache_usage::engine_folders;
use crate::store::code::cwasm;
use crate::store::error::{Error, is_damage, unread};
use crate::store::function_cache::pack::{Pack, PackMac};
use crate::store::key::{self, MachineKey};
use crate::store::paths::StorePaths;
use crate::store::trusted_files::{entries, open_any, open_trusted, untrusted_reason};

/// A file of the store, or of the cache.
#[derive(Debug, Clone)]
pub struct Stored {
    pub path: PathBuf,
    pub kind: StoredKind,
    /// In bytes.
    pub size: u64,
    /// Whether it is a regular file, and no link or folder.
    pub is_file: bool,
    /// When its bytes were last changed, if that can be told.
    pub changed: Option<SystemTime>,
}

/// What it should be.
#[derive(Debug, Clone)]
pub enum StoredKind {
    Blob(Digest),
    Partial,
    Code(EngineKey, Digest),
    Functions(EngineKey),
}

impl StoredKind {
    /// Whether it is authenticated with the key of this machine.
    pub fn is_tagged(&self) -> bool {
        matches!(self, Self::Code(..) | Self::Functions(_))
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredFault {
    /// It is what its name says, but others could change it.
    Exposed(FileProblem),
    /// It is not.
    Damaged(FileProblem),
}

/// All files that have a name of sesame's.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub fn list_files(paths: &StorePaths) -> Result<Vec<Stored>, Error> {
    let mut files = Vec::new();
    let digest = |name: &str| format!("sha256:{name}").parse::<Digest>().ok();
    collect(&paths.blobs(), &mut files, |name| Some(StoredKind::Blob(digest(name)?)))?;
    collect(&paths.staging(), &mut files, |name| {
        digest(name.strip_suffix(".partial")?)?;
        Some(StoredKind::Partial)
    })?;
    for (folder, engine) in list_engines(&paths.codes())? {
        collect(&folder, &mut files, |name| Some(StoredKind::Code(engine.clone(), digest(name)?)))?;
    }
    for (folder, engine) in list_engines(&paths.functions())? {
        collect(&folder, &mut files, |name| name.ends_with(".pack").then(|| StoredKind::Functions(engine.clone())))?;
    }
    Ok(files)
}

/// What is wrong with a file, if anything. Without the key, nothing can be said of code and functions.
///
/// # Errors
/// [`Error::Io`] if it cannot be looked at just now.
pub fn verify_file(stored: &Stored, key: Option<&MachineKey>) -> Result<Option<StoredFault>, Error> {
    match verify_contents(stored, key) {
        Err(Error::Io { source, .. }) if is_damage(&source) => Ok(Some(StoredFault::Damaged(unread(&source)))),
        looked => looked,
    }
}

fn verify_contents(stored: &Stored, key: Option<&MachineKey>) -> Result<Option<StoredFault>, Error> {
    let path = &stored.path;
    let exposed = match path.symlink_metadata() {
        Ok(metadata) => exposed(&metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("look at", path)(error)),
    };
    if let Some(Exposure::NotOurs(why)) = exposed {
        return Ok(Some(StoredFault::Damaged(why)));
    }
    let mut file = open_any(path).map_err(Error::io("open", path))?;
    let damage = match &stored.kind {
        StoredKind::Partial => None,
        StoredKind::Blob(digest) => {
            let (found, _, _) = hash(&mut file).map_err(Error::io("read", path))?;
            (found != *digest).then_some(FileProblem::OtherDigest { found })
        }
        StoredKind::Code(engine, component) => {
            let Some(key) = key else { return Ok(None) };
            let whole = cwasm::is_whole(file, key, engine, component).map_err(Error::io("read", path))?;
            (!whole).then_some(FileProblem::OtherMac)
        }
        StoredKind::Functions(engine) => {
            let Some(tags) = key.map(|key| PackMac::new(key, engine)) else { return Ok(None) };
            let opened = Pack::open(path, &tags)?;
            let whole = opened.is_some_and(|(pack, index, _)| pack.is_whole(&tags, &index));
            (!whole).then_some(FileProblem::OtherMac)
        }
    };
    Ok(match (damage, exposed) {
        (Some(damage), _) => Some(StoredFault::Damaged(damage)),
        (None, Some(Exposure::WritableByOthers(why))) => Some(StoredFault::Exposed(why)),
        (None, _) => None,
    })
}

/// What is wrong with the key of this machine, without which code and functions are of no use.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub fn verify_key(paths: &StorePaths) -> Result<Option<FileProblem>, Error> {
    if key::read(paths)?.is_some() {
        return Ok(None);
    }
    if paths.key().symlink_metadata().is_err() {
        let is_needed = list_files(paths)?.iter().any(|stored| stored.kind.is_tagged());
        return Ok(is_needed.then_some(FileProblem::Missing));
    }
    Ok(Some(match open_trusted(&paths.key()) {
        Err(Error::Untrusted { source, .. }) => source,
        Err(Error::Io { source, .. }) => unread(&source),
        Ok(Some((_, metadata))) if metadata.mode() & 0o077 != 0 => {
            FileProblem::ReadableByOthers { mode: metadata.mode() & 0o7777 }
        }
        _ => FileProblem::NotAKey,
    }))
}

enum Exposure {
    /// It can be read, but others can change it.
    WritableByOthers(FileProblem),
    /// It cannot be believed at all.
    NotOurs(FileProblem),
}

fn exposed(metadata: &Metadata) -> Option<Exposure> {
    if metadata.is_symlink() {
        return Some(Exposure::NotOurs(FileProblem::Link));
    }
    match untrusted_reason(metadata) {
        Some(why) if metadata.is_file() => Some(Exposure::WritableByOthers(why)),
        Some(why) => Some(Exposure::NotOurs(why)),
        None if metadata.nlink() > 1 => {
            Some(Exposure::WritableByOthers(FileProblem::OtherNames { names: metadata.nlink() }))
        }
        None => None,
    }
}

/// The folders that are named by an engine.
///
/// # Errors
/// [`Error::Io`] if they cannot be read.
pub(crate) fn list_engines(folder: &Path) -> Result<Vec<(PathBuf, EngineKey)>, Error> {
    let engine = |folder: PathBuf| {
        let engine = EngineKey::parse(folder.file_name()?.to_str()?)?;
        Some((folder, engine))
    };
    Ok(engine_folders(folder)?.into_iter().filter_map(engine).collect())
}

fn collect(folder: &Path, files: &mut Vec<Stored>, kind: impl Fn(&str) -> Option<StoredKind>) -> Result<(), Error> {
    // What is no folder is for `store_permissions` to find.
    if folder.is_file() {
        return Ok(());
    }
    for entry in entries(folder)? {
        let Some(kind) = entry.file_name().to_str().and_then(&kind) else { continue };
        let metadata = entry.metadata().ok();
        files.push(Stored {
            path: entry.path(),
            kind,
            size: metadata.as_ref().map_or(0, Metadata::len),
            is_file: metadata.as_ref().is_some_and(Metadata::is_file),
            changed: metadata.and_then(|metadata| metadata.modified().ok()),
        });
    }
    Ok(())
}
