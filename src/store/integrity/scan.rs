//! Looks at the disk and says what is there: the [`Inventory`] that a plan is made from. Changes nothing in the
//! store. Every blob and every cwasm that it calls good was hashed, now or when it last changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::clock::Clock;
use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, EngineKeys};
use crate::model::fault::file_problem::FileProblem;
use crate::model::plan::inventory::{Inventory, StoredState};
use crate::store::blobs::hash;
use crate::store::code::cwasm;
use crate::store::error::{Error, is_damage, unread};
use crate::store::key::{self, MachineKey};
use crate::store::memo::verified_files::VerifiedFiles;
use crate::store::paths::StorePaths;
use crate::store::trusted_files::{open_trusted, untrusted_reason};

/// What a plan needs to know about.
#[derive(Debug, Default)]
pub struct ScanRequest {
    pub blobs: BTreeSet<Digest>,
    pub code: BTreeSet<(Digest, EngineKey)>,
    pub engines: EngineKeys,
}

/// Whether what was checked may be noted in the cache, to make the next look cheaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUpdates {
    Write,
    Leave,
}

/// Takes stock of what is wanted. What is live in a profile is not looked at; see [`crate::store::generations`].
///
/// # Errors
/// [`Error::Io`] if something is there and cannot be read.
pub fn scan(paths: &StorePaths, wanted: ScanRequest, notes: CacheUpdates, clock: Clock) -> Result<Inventory, Error> {
    let mut inventory = Inventory::default();
    let mut verified = VerifiedFiles::read(paths, clock);
    for digest in &wanted.blobs {
        if let Some(held) = or_damaged(look_at_blob(&paths.blob(digest), *digest, &mut verified))? {
            inventory.blobs.insert(*digest, held);
        }
    }
    if !wanted.code.is_empty() {
        let key = key::read(paths)?;
        for (component, engine) in &wanted.code {
            if let Some(held) = or_damaged(look_at_code(paths, key.as_ref(), engine, component, &mut verified))? {
                inventory.code.insert((*component, engine.clone()), held);
            } else if has_other_code(paths, component, &wanted.engines) {
                inventory.other_code.insert(*component);
            }
        }
    }
    if notes == CacheUpdates::Write {
        verified.write(paths);
    }
    inventory.engines = wanted.engines;
    Ok(inventory)
}

/// What cannot be read is as good as damaged, if that is the file's fault.
fn or_damaged(looked: Result<Option<StoredState>, Error>) -> Result<Option<StoredState>, Error> {
    match looked {
        Err(Error::Io { source, .. }) if is_damage(&source) => Ok(Some(StoredState::Damaged(unread(&source)))),
        looked => looked,
    }
}

fn look_at_blob(path: &Path, digest: Digest, verified: &mut VerifiedFiles) -> Result<Option<StoredState>, Error> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(None) };
    if untrusted_reason(&metadata).is_none() && verified.holds(path, "", &metadata) {
        return Ok(Some(StoredState::Good));
    }
    let (mut file, metadata) = match open_trusted(path) {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(None),
        Err(Error::Untrusted { source, .. }) => return Ok(Some(StoredState::Damaged(source))),
        Err(error) => return Err(error),
    };
    let (found, _, _) = hash(&mut file).map_err(Error::io("read", path))?;
    if found == digest {
        verified.record(path, "", &metadata);
        Ok(Some(StoredState::Good))
    } else {
        Ok(Some(StoredState::Damaged(FileProblem::OtherDigest { found })))
    }
}

fn look_at_code(
    paths: &StorePaths,
    key: Option<&MachineKey>,
    engine: &EngineKey,
    component: &Digest,
    verified: &mut VerifiedFiles,
) -> Result<Option<StoredState>, Error> {
    let path = paths.code(engine, component);
    let Ok(metadata) = fs::symlink_metadata(&path) else { return Ok(None) };
    let Some(key) = key else {
        return Ok(Some(StoredState::Damaged(FileProblem::NoKey)));
    };
    let fingerprint = format!("{} ", blake3::keyed_hash(&key.0, b"verified").to_hex());
    if untrusted_reason(&metadata).is_none() && verified.holds(&path, &fingerprint, &metadata) {
        return Ok(Some(StoredState::Good));
    }
    let (file, metadata) = match open_trusted(&path) {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(None),
        Err(Error::Untrusted { source, .. }) => return Ok(Some(StoredState::Damaged(source))),
        Err(error) => return Err(error),
    };
    if cwasm::is_whole(file, key, engine, component).map_err(Error::io("read", &path))? {
        verified.record(&path, &fingerprint, &metadata);
        Ok(Some(StoredState::Good))
    } else {
        Ok(Some(StoredState::Damaged(FileProblem::OtherMac)))
    }
}

/// Whether code of the component was compiled for an engine that is not this machine's any more.
fn has_other_code(paths: &StorePaths, component: &Digest, engines: &EngineKeys) -> bool {
    let Ok(folders) = fs::read_dir(paths.codes()) else { return false };
    let own = |folder: &fs::DirEntry| engines.contains(&folder.file_name().to_string_lossy());
    folders.flatten().any(|folder| !own(&folder) && folder.path().join(component.hex()).exists())
}
