//! Compiled code: `cwasm/<engine key>/<component>`, the bytes that wasmtime made with a tag behind them.
//!
//! The tag is BLAKE3, keyed with this machine's key, over engine key, component digest, length and bytes
//! (invariant 3). Only what passes it becomes an [`AuthenticCode`]; anything else is compiled again. Files are
//! never changed in place.

use std::fs::File;
use std::io::Read as _;

use super::key::Key;
use super::paths::StorePaths;
use super::write::{self, Durability};
use super::{Error, open_trusted};
use crate::model::code::AuthenticCode;
use crate::model::digest::Digest;
use crate::model::engine_key::EngineKey;

const TAG: usize = 32;

/// How much is hashed at once, in bytes: enough for the widest vectors, little enough for the caches.
const READ: usize = 128 << 10;

/// Writes code that this process has just compiled.
pub fn write(paths: &StorePaths, key: &Key, engine: &EngineKey, component: &Digest, code: &[u8]) -> Result<(), Error> {
    let tag: [u8; TAG] = hasher(key, engine, component, code.len() as u64).update(code).finalize().into();
    write::replace(&paths.code(engine, component), &[code, &tag], Durability::Disposable)
}

/// Reads code and checks it. `None` if there is none.
///
/// # Errors
/// [`Error::Untrusted`] says why what is there must not be loaded.
pub fn read(
    paths: &StorePaths,
    key: &Key,
    engine: &EngineKey,
    component: &Digest,
) -> Result<Option<AuthenticCode>, Error> {
    let path = paths.code(engine, component);
    let Some((file, _)) = open_trusted(&path)? else { return Ok(None) };
    read_open(file, key, engine, component)
        .map_err(Error::io("read", &path))?
        .map(Some)
        .ok_or_else(|| Error::Untrusted { path, why: "its tag does not match its bytes".to_owned() })
}

/// How large the code file is, in bytes, without looking into it; none if there is none.
pub fn size(paths: &StorePaths, engine: &EngineKey, component: &Digest) -> Result<Option<u64>, Error> {
    let path = paths.code(engine, component);
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("look at", &path)(error)),
    }
}

/// The code in an open file, if its tag matches.
pub(super) fn read_open(
    mut file: File,
    key: &Key,
    engine: &EngineKey,
    component: &Digest,
) -> std::io::Result<Option<AuthenticCode>> {
    let Some(length) = file.metadata()?.len().checked_sub(TAG as u64) else { return Ok(None) };
    let mut hasher = hasher(key, engine, component, length);
    let mut buffer = vec![0; READ];
    let mut code = (&mut file).take(length);
    loop {
        match code.read(&mut buffer)? {
            0 => break,
            read => drop(hasher.update(&buffer[..read])),
        }
    }
    let mut found = [0; TAG];
    file.read_exact(&mut found)?;
    let matches = hasher.finalize() == blake3::Hash::from(found);
    Ok(matches.then(|| AuthenticCode::checked(file.into())))
}

/// A hasher that has seen everything that the tag covers but the code, of which there are `length` bytes.
fn hasher(key: &Key, engine: &EngineKey, component: &Digest, length: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    hasher.update(engine.as_str().as_bytes());
    hasher.update(component.as_bytes());
    hasher.update(&length.to_le_bytes());
    hasher
}
