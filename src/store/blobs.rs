//! Blobs by digest. [`Blobs::verify_and_store`] is the only door: what is in the store has the digest that it is named by.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use crate::model::digest::{Digest, Hasher};
use crate::model::file_kind::{FileKind, SNIFF_LENGTH};
use crate::model::plan::step::{BlobDescriptor, BlobRole};

use super::error::Error;
use super::integrity::quarantine;
use super::paths::StorePaths;
use super::trusted_files::{open_any, open_trusted};
use super::write;

/// The blobs of a store, and, for runs that must not write to it, of a temporary store in front of it.
#[derive(Debug, Clone)]
pub struct Blobs {
    /// Where new blobs go.
    target: StorePaths,
    /// Where else blobs are read from.
    base: Option<StorePaths>,
}

/// A blob's bytes under way to the store.
pub struct Staging {
    file: File,
    path: PathBuf,
    /// How many bytes are there, and their digest so far.
    size: u64,
    hasher: Hasher,
}

impl Blobs {
    pub fn new(paths: &StorePaths) -> Self {
        Self { target: paths.clone(), base: None }
    }

    /// Reads from `paths` too, and writes only below the folder `temporary`.
    pub fn overlay_on(paths: &StorePaths, temporary: PathBuf) -> Self {
        let target = StorePaths { data: temporary, cache: paths.cache.clone(), state: paths.state.clone() };
        Self { target, base: Some(paths.clone()) }
    }

    /// Opens the place for the bytes of a blob, with what an earlier run has left there.
    pub fn stage(&self, blob: &BlobDescriptor) -> Result<Staging, Error> {
        let path = self.target.staged(&blob.digest);
        let mut file = write::open_staged(&path)?;
        let (mut size, mut hasher) = (0, Hasher::default());
        let note = |piece: &[u8]| {
            hasher.update(piece);
            size += piece.len() as u64;
        };
        each_piece(&mut file, note).map_err(Error::io("read", &path))?;
        let mut staging = Staging { file, path, size, hasher };
        if staging.size > blob.role.limit() {
            staging.restart()?;
        }
        Ok(staging)
    }

    /// Forgets staged bytes.
    pub fn discard(&self, digest: &Digest) -> Result<(), Error> {
        write::remove(&self.target.staged(digest))
    }

    /// Checks the staged bytes of a blob (size, digest, and of a component its first bytes) and gives them their name.
    /// What fails the check is removed.
    pub fn verify_and_store(&self, blob: &BlobDescriptor) -> Result<(), Error> {
        let staged = self.target.staged(&blob.digest);
        let checked = check_staged(&staged, blob);
        match checked {
            Ok(()) => {
                let place = self.target.blob(&blob.digest);
                quarantine::quarantine_obstacle(&self.target, &place)?;
                write::rename_into_place(&staged, &place)
            }
            Err(error) => {
                self.discard(&blob.digest)?;
                Err(error)
            }
        }
    }

    /// Stages and admits bytes that are in memory. Nothing is written if the blob is there already.
    pub fn put(&self, bytes: &[u8], blob: &BlobDescriptor) -> Result<(), Error> {
        if self.read(blob.digest).is_ok() {
            return Ok(());
        }
        let mut staging = self.stage(blob)?;
        staging.restart()?;
        staging.write(bytes)?;
        drop(staging);
        self.verify_and_store(blob)
    }

    /// Stages and admits the bytes of a file. No more of them are taken than the blob may have.
    ///
    /// # Errors
    /// Those of [`admit`](Self::verify_and_store); `file` names where the bytes come from.
    pub fn put_from_reader(&self, bytes: impl Read, file: &Path, blob: &BlobDescriptor) -> Result<(), Error> {
        let mut staging = self.stage(blob)?;
        staging.restart()?;
        let mut written = Ok(());
        let take = |piece: &[u8]| {
            if written.is_ok() {
                written = staging.write(piece);
            }
        };
        each_piece(&mut bytes.take(blob.role.limit() + 1), take).map_err(Error::io("read", file))?;
        written?;
        drop(staging);
        self.verify_and_store(blob)
    }

    /// The bytes of a blob, hashed on the way.
    ///
    /// # Errors
    /// [`Error::NoBlob`], or [`Error::Damaged`] if the file was.
    pub fn read(&self, digest: Digest) -> Result<Vec<u8>, Error> {
        for paths in [Some(&self.target), self.base.as_ref()].into_iter().flatten() {
            let path = paths.blob(&digest);
            let Some((mut file, metadata)) = open_trusted(&path)? else { continue };
            let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
            file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
            let found = Digest::of(&bytes);
            return if found == digest { Ok(bytes) } else { Err(Error::Damaged { path, found }) };
        }
        Err(Error::NoBlob { digest })
    }
}

impl Staging {
    /// Takes more bytes. Who sends them keeps them to their limit; nothing of them is believed before
    /// [`Blobs::verify_and_store`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes are there.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of the bytes that are there.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Forgets what was written, to take the bytes from the beginning.
    pub fn restart(&mut self) -> Result<(), Error> {
        use std::io::Seek as _;
        write::truncate(&self.file, &self.path)?;
        self.file.rewind().map_err(Error::io("empty", &self.path))?;
        (self.size, self.hasher) = (0, Hasher::default());
        Ok(())
    }
}

fn check_staged(path: &Path, blob: &BlobDescriptor) -> Result<(), Error> {
    let mut file = open_any(path).map_err(Error::io("open", path))?;
    let (found, size, start) = hash(&mut file).map_err(Error::io("read", path))?;
    if let BlobRole::Component { size: expected } = blob.role
        && size != expected
    {
        return Err(Error::WrongSize { digest: blob.digest, expected, found: size });
    }
    if found != blob.digest {
        return Err(Error::WrongDigest { expected: blob.digest, found });
    }
    match (blob.role, FileKind::of(&start)) {
        (BlobRole::Component { .. }, kind) if kind != FileKind::Component => {
            Err(Error::NotAComponent { digest: blob.digest, kind })
        }
        _ => Ok(()),
    }
}

/// The digest of a file, its size in bytes, and its first bytes.
pub(crate) fn hash(file: &mut File) -> std::io::Result<(Digest, u64, Vec<u8>)> {
    let mut hasher = Hasher::default();
    let mut start = Vec::new();
    let mut size = 0;
    each_piece(file, |piece| {
        hasher.update(piece);
        start.extend_from_slice(&piece[..piece.len().min(SNIFF_LENGTH - start.len())]);
        size += piece.len() as u64;
    })?;
    Ok((hasher.finish(), size, start))
}

/// Hands over all that can be read, piece by piece.
fn each_piece(file: &mut impl Read, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => take(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
