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

/// Writes code that this process has just compiled.
pub fn write(paths: &StorePaths, key: &Key, engine: &EngineKey, component: &Digest, code: &[u8]) -> Result<(), Error> {
    let tag = tag(key, engine, component, code);
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
    let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    let Some(length) = bytes.len().checked_sub(TAG) else { return Ok(None) };
    let found: [u8; TAG] = bytes[length..].try_into().unwrap_or_default();
    bytes.truncate(length);
    let matches = blake3::Hash::from(tag(key, engine, component, &bytes)) == blake3::Hash::from(found);
    Ok(matches.then(|| AuthenticCode::checked(bytes)))
}

fn tag(key: &Key, engine: &EngineKey, component: &Digest, code: &[u8]) -> [u8; TAG] {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    hasher.update(engine.as_str().as_bytes());
    hasher.update(component.as_bytes());
    hasher.update(&(code.len() as u64).to_le_bytes());
    hasher.update(code);
    hasher.finalize().into()
}
