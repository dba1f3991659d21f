//! Reads the files of people, which may be anything: nothing that blocks or never ends is opened, nothing is read past its
//! limit.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::error::Error;
use crate::model::digest::Digest;
use crate::model::plan::MAX_COMPONENT;
use crate::model::preamble::Kind;
use crate::store::blobs::hash;

/// A component's file: its digest and size, or what else it is.
pub(super) enum ComponentFile {
    Component {
        digest: Digest,
        size: u64,
    },
    Other(Kind),
    /// More bytes than any component may have.
    TooLarge(u64),
    Missing,
}

/// Looks at a file that should be a component, without taking more than its first bytes into memory.
pub(super) fn hash_component(path: &Path) -> Result<ComponentFile, Error> {
    let fault = |source| Error::Read { path: path.to_owned(), source };
    let Some(mut file) = open_file(path)? else { return Ok(ComponentFile::Missing) };
    let length = file.metadata().map_err(fault)?.len();
    if length > MAX_COMPONENT {
        return Ok(ComponentFile::TooLarge(length));
    }
    let (digest, size, start) = hash(&mut file).map_err(fault)?;
    match Kind::of(&start) {
        Kind::Component => Ok(ComponentFile::Component { digest, size }),
        other => Ok(ComponentFile::Other(other)),
    }
}

/// At most `limit` bytes of a file; none if there is no such file.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let Some(file) = open_file(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Ok(Some(bytes))
}

/// Opens a regular file; whatever blocks or never ends is refused.
fn open_file(path: &Path) -> Result<Option<File>, Error> {
    let fault = |source| Error::Read { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => File::open(path).map(Some).map_err(fault),
        Ok(_) => Err(fault(std::io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(fault(error)),
    }
}
