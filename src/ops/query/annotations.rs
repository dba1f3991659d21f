//! The annotations of an extension: those of the OCI manifest and the index above it, and else what the component says of itself.

use crate::engine::metadata;
use crate::model::annotations::{Annotations, document_annotations};
use crate::model::digest::Digest;
use crate::registry::artifact::{Artifact, read};
use crate::store::blobs::Blobs;

/// What is said of an extension whose component and documents are in the store. What is not there says nothing.
pub(crate) fn annotations(blobs: &Blobs, provenance: Option<Digest>, component: Digest) -> Annotations {
    let mut all = blobs.read(component).map(|bytes| metadata::annotations(&bytes)).unwrap_or_default();
    let mut documents: Vec<Vec<u8>> = provenance.and_then(|digest| blobs.read(digest).ok()).into_iter().collect();
    if let Some(Ok(Artifact::Index { manifest })) = documents.first().map(|bytes| read(bytes)) {
        documents.extend(blobs.read(manifest).ok());
    }
    for document in documents {
        all.extend(document_annotations(&document));
    }
    Annotations::of(&all)
}
