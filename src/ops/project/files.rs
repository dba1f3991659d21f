//! Reads the files that people name, for the verbs: components by their digest, everything else as bytes. Opening them is
//! for [`named_files`].

use std::path::Path;

use crate::model::bounds::MAX_COMPONENT;
use crate::model::digest::Digest;
use crate::model::file_kind::FileKind;
use crate::named_files;
use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;
use crate::store::blobs::hash;

/// A component's file: its digest and size, or what else it is.
pub(crate) enum ComponentFile {
    Component {
        digest: Digest,
        size: u64,
    },
    Other(FileKind),
    /// More bytes than any component may have.
    TooLarge(u64),
    Missing,
}

/// Looks at a file that should be a component, without taking more than its first bytes into memory.
pub(crate) fn hash_component(path: &Path) -> Result<ComponentFile, Error> {
    let fault = |source| Error::Project(ProjectError::Read { path: path.to_owned(), source });
    let Some(mut file) = named_files::open(path).map_err(fault)? else { return Ok(ComponentFile::Missing) };
    let length = file.metadata().map_err(fault)?.len();
    if length > MAX_COMPONENT {
        return Ok(ComponentFile::TooLarge(length));
    }
    let (digest, size, start) = hash(&mut file).map_err(fault)?;
    match FileKind::of(&start) {
        FileKind::Component => Ok(ComponentFile::Component { digest, size }),
        other => Ok(ComponentFile::Other(other)),
    }
}

/// The digest of a file, whatever it is; none if there is no such file.
///
/// # Errors
/// [`ProjectError::FileTooLarge`] if it has more bytes than a component may have.
pub(crate) fn digest_of(path: &Path) -> Result<Option<Digest>, Error> {
    let fault = |source| Error::Project(ProjectError::Read { path: path.to_owned(), source });
    let Some(mut file) = named_files::open(path).map_err(fault)? else { return Ok(None) };
    if file.metadata().map_err(fault)?.len() > MAX_COMPONENT {
        return Err(ProjectError::FileTooLarge { path: path.to_owned() }.into());
    }
    hash(&mut file).map(|(digest, ..)| Some(digest)).map_err(fault)
}

/// The first `limit` bytes of a file, or all of them; none if there is no such file.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    named_files::read(path, limit)
        .map_err(|source| Error::Project(ProjectError::Read { path: path.to_owned(), source }))
}

/// All bytes of a file that may be as large as a component; none if there is no such file.
pub(crate) fn read_whole(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    named_files::read_whole(path, MAX_COMPONENT)
        .map_err(|source| Error::Project(ProjectError::Read { path: path.to_owned(), source }))
}

/// Reads a component's file whole.
pub(crate) fn read_component(file: &Path) -> Result<Vec<u8>, Error> {
    let bytes =
        read_file(file, MAX_COMPONENT + 1)?.ok_or_else(|| Error::Project(ProjectError::NoSuchFile(file.to_owned())))?;
    if bytes.len() as u64 > MAX_COMPONENT {
        return Err(ProjectError::FileTooLarge { path: file.to_owned() }.into());
    }
    match FileKind::of(&bytes) {
        FileKind::Component => Ok(bytes),
        kind => Err(ProjectError::NotAComponent { path: file.to_owned(), kind }.into()),
    }
}
