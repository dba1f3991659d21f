//! Why a folder or an archive is no layout, or no bundle, that can be used.

use crate::model::digest::{Digest, DigestError};

/// What is wrong with an OCI image layout, or with the bundle in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LayoutFault {
    #[error("there is no such folder")]
    NoFolder,
    #[error("it has other files, and no `oci-layout`")]
    OtherFiles,
    #[error("it is neither a folder nor a regular file")]
    NotAFile,
    #[error("it is no tar archive, or one that is cut; bundles are not compressed")]
    NotAnArchive,
    /// An entry of the archive, by its kind and name.
    #[error("it has {entry}, which no layout has")]
    StrangeEntry { entry: String },
    #[error("it ends before `{name}` does; copy it again")]
    Cut { name: String },
    #[error("it has `{name}` twice")]
    Twice { name: String },
    #[error("it has more than {limit} files")]
    TooManyFiles { limit: usize },
    #[error("it has no file `{name}`")]
    NoFile { name: String },
    #[error("its `{name}` is no regular file")]
    NotARegularFile { name: String },
    #[error("its `{name}` has {size} bytes; at most {limit} are read")]
    TooLarge { name: String, size: u64, limit: u64 },
    #[error("its `oci-layout` is no JSON")]
    Marker,
    #[error("it has version `{version}`, only 1 is known")]
    OtherVersion { version: String },
    /// In the words of the parser, which quotes what it has found: shortened.
    #[error("its `index.json` is no image index: {error}")]
    Index { error: String },
    #[error("its `index.json` has no `manifests`")]
    NoManifests,
    #[error("its `index.json` has a bad digest")]
    IndexDigest(#[source] DigestError),
    #[error("it has a layer with a bad digest")]
    LayerDigest(#[source] DigestError),
    #[error("it holds no bundle of sesame")]
    NoBundle,
    #[error("it holds several bundles; a folder or an archive of its own each is wanted")]
    SeveralBundles,
    #[error("its text {} has no name", digest.short())]
    NoName { digest: Digest },
}
