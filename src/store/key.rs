//! The secret of this machine that compiled code is authenticated with: 32 random bytes, readable by its user only.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::error::{Error, is_damage};
use super::paths::StorePaths;
use super::trusted_files::open_trusted;
use super::write::{self, Durability};

/// The secret itself. Never shown, never in an error.
pub struct MachineKey(pub(crate) [u8; 32]);

/// Reads the key. `None` if there is none, or none that can be trusted: then no compiled code can be, either.
///
/// # Errors
/// [`Error::Io`] if the file is there and cannot be read.
pub fn read(paths: &StorePaths) -> Result<Option<MachineKey>, Error> {
    let path = paths.key();
    let (file, metadata) = match open_trusted(&path) {
        Ok(Some(opened)) => opened,
        Ok(None) | Err(Error::Untrusted { .. }) => return Ok(None),
        Err(Error::Io { source, .. }) if is_damage(&source) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(33).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    let private = metadata.mode() & 0o077 == 0;
    Ok(<[u8; 32]>::try_from(bytes).ok().filter(|_| private).map(MachineKey))
}

/// Reads the key, or makes a new one where there is none that can be trusted.
///
/// # Errors
/// [`Error::Io`] if it can be neither read nor written.
pub fn read_or_create(paths: &StorePaths) -> Result<MachineKey, Error> {
    if let Some(key) = read(paths)? {
        return Ok(key);
    }
    let path = paths.key();
    let key = random(&path)?;
    write::replace(&path, &[&key.0], Durability::Synced)?;
    Ok(key)
}

/// A key that nobody else has; `place` is what it is for.
pub(crate) fn random(place: &Path) -> Result<MachineKey, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("make random bytes for", place)(std::io::Error::other(error.to_string())))?;
    Ok(MachineKey(bytes))
}
