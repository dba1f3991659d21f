//! A bundle: one OCI artifact whose layers are a desired state, its lock, and all that the lock needs, in a layout of its own.
//! What copies artifacts copies it whole. The same texts and blobs give the same bytes.
//!
//! The format is that of the OCI image specification, "Guidelines for Artifact Usage"
//! (<https://github.com/opencontainers/image-spec/blob/main/manifest.md>): an empty config, an `artifactType`, and a title on
//! each layer that is a file of the person's. Documents are layers of a type of their own, because registries take a
//! layer with a manifest's type for a manifest of theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::path::Path;

use oci_client::manifest::{OciImageIndex, OciImageManifest};
use serde_json::{Value, json};

use crate::model::bounds::MAX_OCI_MANIFEST;
use crate::model::digest::Digest;
use crate::registry::artifact::{INDEX, MANIFEST};
use crate::registry::error::Error;
use crate::registry::layout::{LayoutFault, shorten};
use crate::registry::publish::package::{TITLE, descriptor};

use super::check_marker;
use super::reader::{LayoutFile, LayoutReader, blob_name, io_error};

/// What kind of artifact a bundle is.
const BUNDLE: &str = "application/vnd.open-sesame.bundle.v1";
/// A file of the person's.
const TEXT: &str = "application/vnd.open-sesame.bundle.text.v1+toml";
/// What a registry has under a provenance: a manifest or an index.
const DOCUMENT: &str = "application/vnd.open-sesame.bundle.document.v1+json";
const COMPONENT: &str = "application/wasm";

const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The config of an artifact that has none.
pub const EMPTY_CONFIG: &[u8] = b"{}";

/// The largest manifest of a bundle that is read, in bytes: some 300 for each blob.
const MAX_BUNDLE_MANIFEST: u64 = 64 << 20;

/// The most bytes that all files of the person's in a bundle may have.
const MAX_TEXTS: u64 = 64 << 20;

/// A bundle's manifest, and the index of the layout that it is in.
pub struct BundleManifest {
    pub manifest: Vec<u8>,
    pub index: Vec<u8>,
}

/// Writes the manifest of a bundle: texts by their names, documents and components by digest, with their sizes in bytes.
pub fn render(
    texts: &BTreeMap<String, Vec<u8>>,
    documents: &BTreeMap<Digest, u64>,
    components: &BTreeMap<Digest, u64>,
) -> BundleManifest {
    let titled = texts.iter().map(|(name, bytes)| {
        let mut layer = descriptor(TEXT, bytes);
        layer["annotations"] = json!({ TITLE: name });
        layer
    });
    let blob = |media_type: &'static str| move |(digest, size): (&Digest, &u64)| json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size });
    let layers: Vec<Value> =
        titled.chain(documents.iter().map(blob(DOCUMENT))).chain(components.iter().map(blob(COMPONENT))).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE,
        "config": descriptor(EMPTY, EMPTY_CONFIG),
        "layers": layers,
    });
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor(MANIFEST, &manifest);
    entry["artifactType"] = json!(BUNDLE);
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
    BundleManifest { manifest, index: index.to_string().into_bytes() }
}

/// A bundle that was opened. Its manifest was read; everything else is checked as it is read.
#[derive(Debug)]
pub struct Bundle {
    layout: LayoutReader,
    digest: Digest,
    /// What else the layout's index names.
    others: usize,
    texts: BTreeMap<String, Digest>,
    blobs: BTreeSet<Digest>,
}

impl Bundle {
    /// Opens a folder or a tar archive.
    ///
    /// # Errors
    /// [`Error::NotABundle`] if it is no layout with one bundle in it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let layout = LayoutReader::open(path)?;
        let bad = |source| Error::NotABundle { path: path.to_owned(), source };
        let missing = |name: &str| bad(LayoutFault::NoFile { name: name.to_owned() });
        let marker = read(&layout, "oci-layout", MAX_OCI_MANIFEST)?.ok_or_else(|| missing("oci-layout"))?;
        check_marker(path, &marker)?;
        let index = read(&layout, "index.json", MAX_OCI_MANIFEST)?.ok_or_else(|| missing("index.json"))?;
        let index: OciImageIndex = serde_json::from_slice(&index)
            .map_err(|error| bad(LayoutFault::Index { error: shorten(&error.to_string()).into_owned() }))?;
        let digests = index.manifests.iter().map(|entry| entry.digest.parse());
        let digests: BTreeSet<Digest> =
            digests.collect::<Result<_, _>>().map_err(|error| bad(LayoutFault::IndexDigest(error)))?;
        let mut found: Option<(Digest, OciImageManifest)> = None;
        for digest in &digests {
            // What is no manifest is something else than a bundle.
            let manifest = read_checked(&layout, *digest, MAX_BUNDLE_MANIFEST)?;
            if let Ok(manifest) = serde_json::from_slice::<OciImageManifest>(&manifest)
                && manifest.artifact_type.as_deref() == Some(BUNDLE)
                && found.replace((*digest, manifest)).is_some()
            {
                return Err(bad(LayoutFault::SeveralBundles));
            }
        }
        let (digest, manifest) = found.ok_or_else(|| bad(LayoutFault::NoBundle))?;
        let (mut texts, mut blobs) = (BTreeMap::new(), BTreeSet::new());
        for layer in manifest.layers {
            let named: Digest = layer.digest.parse().map_err(|error| bad(LayoutFault::LayerDigest(error)))?;
            if layer.media_type == TEXT {
                let title = layer.annotations.as_ref().and_then(|annotations| annotations.get(TITLE));
                let title = title.ok_or_else(|| bad(LayoutFault::NoName { digest: named }))?;
                if texts.insert(title.clone(), named).is_some() {
                    return Err(bad(LayoutFault::Twice { name: title.clone() }));
                }
            } else {
                blobs.insert(named);
            }
        }
        Ok(Self { layout, digest, others: digests.len() - 1, texts, blobs })
    }

    /// The digest of the bundle's manifest, which names all that is in it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the layout holds nothing else.
    pub fn is_alone(&self) -> bool {
        self.others == 0
    }

    /// The person's files by their names.
    ///
    /// # Errors
    /// [`Error::DamagedBundle`] if one is not what the bundle names, [`Error::NotABundle`] if it is not there, or all have
    /// too many bytes.
    pub fn project_files(&self) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut left = MAX_TEXTS;
        let mut texts = BTreeMap::new();
        for (name, digest) in &self.texts {
            let bytes = read_checked(&self.layout, *digest, left)?;
            left -= bytes.len() as u64;
            texts.insert(name.clone(), bytes);
        }
        Ok(texts)
    }

    /// The bytes of a blob that the bundle names, not checked yet; none if they are not in it.
    pub fn blob(&self, digest: Digest) -> Result<Option<Box<dyn Read + '_>>, Error> {
        if !self.blobs.contains(&digest) {
            return Ok(None);
        }
        Ok(open(&self.layout, &blob_name(digest))?.map(|file| file.bytes))
    }
}

/// The bytes of a blob that is small enough for memory.
fn read_checked(layout: &LayoutReader, digest: Digest, limit: u64) -> Result<Vec<u8>, Error> {
    let name = blob_name(digest);
    let bytes = read(layout, &name, limit)?.ok_or_else(|| bad(layout, LayoutFault::NoFile { name: name.clone() }))?;
    let found = Digest::of(&bytes);
    if found == digest {
        return Ok(bytes);
    }
    Err(Error::DamagedBundle { path: layout.path().to_owned(), expected: digest, found })
}

/// The bytes of a file, of which there may be `limit`; none if it is not there.
fn read(layout: &LayoutReader, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let Some(LayoutFile { bytes: reader, size }) = open(layout, name)? else { return Ok(None) };
    if size > limit {
        return Err(bad(layout, LayoutFault::TooLarge { name: name.to_owned(), size, limit }));
    }
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes).map_err(io_error(layout.path()))?;
    Ok(Some(bytes))
}

fn open<'a>(layout: &'a LayoutReader, name: &str) -> Result<Option<LayoutFile<'a>>, Error> {
    layout.open_file(name).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => bad(layout, LayoutFault::NotARegularFile { name: name.to_owned() }),
        _ => io_error(&layout.path().join(name))(error),
    })
}

fn bad(layout: &LayoutReader, source: LayoutFault) -> Error {
    Error::NotABundle { path: layout.path().to_owned(), source }
}
