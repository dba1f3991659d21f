//! The one trait behind which remote registries and OCI layouts stand.

pub mod probe;
pub(crate) mod remote;
pub mod selection;
pub(crate) mod tags;

use crate::model::reference::source_name::SourceName;
use async_trait::async_trait;

use crate::model::digest::Digest;
use crate::model::reference::{OciReference, OciRepository};

use super::error::Error;

/// A place that has manifests and blobs.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it is called in messages.
    fn name(&self) -> SourceName;

    /// The tags of a repository.
    async fn tags(&self, repository: &OciRepository) -> Result<Vec<String>, Error>;

    /// The manifest or index that a tag names.
    async fn tagged(&self, reference: &OciReference) -> Result<OciDocument, Error>;

    /// The manifest or index with a digest.
    async fn document(&self, reference: &OciReference, digest: Digest) -> Result<OciDocument, Error>;

    /// Sends the bytes of a blob of `size` bytes to `sink`; an error if they do not have the digest. What the sink has
    /// already need not be sent again.
    async fn blob(&self, reference: &OciReference, digest: Digest, size: u64, sink: &mut dyn Sink)
    -> Result<(), Error>;
}

/// A manifest or an index, whose digest was computed from its bytes.
#[derive(Debug, Clone)]
pub struct OciDocument {
    pub bytes: Vec<u8>,
    pub digest: Digest,
}

impl OciDocument {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }
}

/// Takes the bytes of a blob as they come, after those that are there from an earlier try.
pub trait Sink: Send {
    /// How many bytes are there.
    fn size(&self) -> u64;

    /// The digest of all bytes that are there.
    fn digest(&self) -> Digest;

    /// What is there is void; the blob begins again.
    fn restart(&mut self) -> Result<(), SinkClosed>;

    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkClosed>;
}

/// The sink takes no more. It keeps the reason.
#[derive(Debug)]
pub struct SinkClosed;

impl From<SinkClosed> for Error {
    fn from(_: SinkClosed) -> Self {
        Self::Stopped
    }
}
