//! Compiled code: `cwasm/<engine key>/<component>`, the bytes that wasmtime made with a tag behind them.
//!
//! The tag is BLAKE3, keyed with this machine's key, over engine key, component digest, length and bytes
//! (invariant 3: only this machine's code runs). What does not match it is never run and compiled again. Files are never changed in place.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::model::authenticated_code::{AuthenticatedCode, Mac};
use crate::model::digest::Digest;
use crate::model::engine_key::EngineKey;
use crate::model::fault::file_problem::FileProblem;
use crate::store::error::Error;
use crate::store::integrity::quarantine;
use crate::store::key::{self, MachineKey};
use crate::store::paths::StorePaths;
use crate::store::trusted_files::open_trusted;
use crate::store::write::{self, Durability};

/// Writes code that this process has just compiled. It is on the disk when this returns: what is live needs it.
pub fn write(
    paths: &StorePaths,
    key: &MachineKey,
    engine: &EngineKey,
    component: &Digest,
    code: &[u8],
) -> Result<(), Error> {
    let tag = Mac::expected_mac(hasher(key, engine, component, code.len() as u64), code);
    let path = paths.code(engine, component);
    quarantine::quarantine_obstacle(paths, &path)?;
    write::replace(&path, &[code, tag.as_bytes()], Durability::Synced)
}

/// Opens code, whose MAC is still to be checked. `None` if there is none.
///
/// # Errors
/// [`Error::Untrusted`] says why what is there must not be loaded.
pub fn open(
    paths: &StorePaths,
    key: &MachineKey,
    engine: &EngineKey,
    component: &Digest,
) -> Result<Option<AuthenticatedCode>, Error> {
    let path = paths.code(engine, component);
    let Some((file, _)) = open_trusted(&path)? else { return Ok(None) };
    open_authenticated(&file, key, engine, component)
        .map_err(Error::io("read", &path))?
        .map(|(mac, length)| Some(AuthenticatedCode::new(file.into(), length, mac)))
        .ok_or(Error::Untrusted { path, source: FileProblem::NoMac })
}

/// Makes room for the code of these engines, so that a cache that cannot be written to is noticed before anything was
/// compiled for it. Removes what processes that were killed have left there.
///
/// # Errors
/// [`Error::Io`] if no file can be made there.
pub fn check_writable<'a>(paths: &StorePaths, engines: impl IntoIterator<Item = &'a EngineKey>) -> Result<(), Error> {
    for engine in engines {
        let folder = paths.code_folder(engine);
        write::create_folder(&folder)?;
        drop(write::begin(&folder)?);
    }
    for folder in super::cache_usage::engine_folders(&paths.codes()).unwrap_or_default() {
        let _ = write::sweep(&folder);
    }
    Ok(())
}

/// Code that was just compiled, to be loaded once, in a file that is only in memory.
pub fn in_memory(engine: &EngineKey, component: &Digest, code: &[u8]) -> Result<AuthenticatedCode, Error> {
    let place = Path::new("compiled code in memory");
    let file =
        memfd_create("compiled code", MemfdFlags::CLOEXEC).map_err(|error| Error::io("create", place)(error.into()))?;
    once(File::from(file), place, engine, component, code)
}

/// The same in a file without a name on the disk of a folder, to see whether code runs from there.
pub fn write_probe(
    folder: &Path,
    engine: &EngineKey,
    component: &Digest,
    code: &[u8],
) -> Result<AuthenticatedCode, Error> {
    once(write::unnamed(folder)?, folder, engine, component, code)
}

fn once(
    mut file: File,
    place: &Path,
    engine: &EngineKey,
    component: &Digest,
    code: &[u8],
) -> Result<AuthenticatedCode, Error> {
    let key = key::random(place)?;
    file.write_all(code).map_err(Error::io("write", place))?;
    let hasher = hasher(&key, engine, component, code.len() as u64);
    let tag = Mac::expected_mac(hasher.clone(), code);
    Ok(AuthenticatedCode::new(file.into(), code.len(), Mac::new(hasher, tag.into())))
}

/// How large the code file is, in bytes, without looking into it; none if there is none.
pub fn size(paths: &StorePaths, engine: &EngineKey, component: &Digest) -> Result<Option<u64>, Error> {
    let path = paths.code(engine, component);
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::io("look at", &path)(error)),
    }
}

/// Whether the code in an open file is what was compiled.
pub(crate) fn is_whole(
    mut file: File,
    key: &MachineKey,
    engine: &EngineKey,
    component: &Digest,
) -> std::io::Result<bool> {
    let Some((mac, length)) = open_authenticated(&file, key, engine, component)? else { return Ok(false) };
    let mut code = Vec::with_capacity(length);
    (&mut file).take(length as u64).read_to_end(&mut code)?;
    Ok(mac.matches(&code))
}

/// The MAC behind the code in a file, and the length of the code; none if the file is too short for one.
fn open_authenticated(
    file: &File,
    key: &MachineKey,
    engine: &EngineKey,
    component: &Digest,
) -> std::io::Result<Option<(Mac, usize)>> {
    let Some(length) = file.metadata()?.len().checked_sub(Mac::LENGTH as u64) else { return Ok(None) };
    let mut expected = [0; Mac::LENGTH];
    file.read_exact_at(&mut expected, length)?;
    let mac = Mac::new(hasher(key, engine, component, length), expected);
    Ok(Some((mac, usize::try_from(length).unwrap_or(usize::MAX))))
}

/// A hasher that has seen everything that the MAC covers but the code, of which there are `length` bytes.
fn hasher(key: &MachineKey, engine: &EngineKey, component: &Digest, length: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    hasher.update(engine.as_str().as_bytes());
    hasher.update(component.as_bytes());
    hasher.update(&length.to_le_bytes());
    hasher
}
