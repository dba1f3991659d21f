//! A folder in the OCI image layout (<https://github.com/opencontainers/image-spec/blob/main/image-layout.md>), as
//! skopeo, oras and podman write it.

pub mod bundle;
pub mod fault;
pub mod reader;

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::OnceLock;

use async_trait::async_trait;
use oci_client::manifest::OciImageIndex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::bounds::MAX_OCI_MANIFEST;
use crate::model::digest::Digest;
use crate::model::reference::source_name::SourceName;
use crate::model::reference::{OciReference, OciRepository};
use crate::model::text::shorten;

use super::artifact::{INDEX, MANIFEST};
use super::error::Error;
use super::publish::package::{ComponentArtifact, ExistingTag, descriptor};
use super::source::{OciDocument, Sink, Source};
use fault::LayoutFault;
use reader::{LayoutFile, LayoutReader, blob_name, io_error};

/// The annotation that names what an entry is.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The file `oci-layout` of a layout.
pub const MARKER: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";

/// Checks what a layout's file `oci-layout` says.
///
/// # Errors
/// [`Error::NotALayout`] if it is of a version that is not known.
pub fn check_marker(folder: &Path, marker: &[u8]) -> Result<(), Error> {
    let bad = |source| Error::NotALayout { path: folder.to_owned(), source };
    let marker: Marker = serde_json::from_slice(marker).map_err(|_| bad(LayoutFault::Marker))?;
    let known = marker.version.starts_with("1.");
    if known { Ok(()) } else { Err(bad(LayoutFault::OtherVersion { version: marker.version })) }
}

/// The `index.json` of a layout with a package added under its full reference, or none if it has it already. Other
/// entries stay as they are.
///
/// # Errors
/// [`Error::NotALayout`] if `index` is no image index, [`Error::TagTaken`].
pub fn add_to_index(
    folder: &Path,
    index: Option<&[u8]>,
    reference: &OciReference,
    package: &ComponentArtifact,
    taken: ExistingTag,
) -> Result<Option<Vec<u8>>, Error> {
    let bad = |source| Error::NotALayout { path: folder.to_owned(), source };
    let empty = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
    let mut index: Value = match index {
        Some(bytes) => serde_json::from_slice(bytes)
            .map_err(|error| bad(LayoutFault::Index { error: shorten(&error.to_string()).into_owned() }))?,
        None => empty,
    };
    let entries =
        index.get_mut("manifests").and_then(Value::as_array_mut).ok_or_else(|| bad(LayoutFault::NoManifests))?;
    let name = reference.to_string();
    let (digest, own) = (package.digest(), |entry: &Value| entry["annotations"][REF_NAME] == name.as_str());
    for entry in entries.iter().filter(|entry| own(entry)) {
        let found: Digest = entry["digest"]
            .as_str()
            .unwrap_or_default()
            .parse()
            .map_err(|error| bad(LayoutFault::IndexDigest(error)))?;
        match taken {
            _ if found == digest => return Ok(None),
            ExistingTag::Refuse => return Err(Error::TagTaken { reference: name, found }),
            ExistingTag::Move => {}
        }
    }
    entries.retain(|entry| !own(entry));
    let mut descriptor = descriptor(MANIFEST, &package.manifest);
    descriptor["annotations"] = json!({ REF_NAME: name });
    entries.push(descriptor);
    Ok(Some(index.to_string().into_bytes()))
}

/// A layout, and whether it was declared for one repository, so that bare tags mean that repository's.
pub(crate) struct LayoutSource {
    layout: LayoutReader,
    bare_tags: bool,
    /// What its `index.json` says, once it was read: a run asks for many of its entries.
    index: OnceLock<Result<OciImageIndex, Error>>,
}

impl LayoutSource {
    pub(crate) fn new(folder: &Path, bare_tags: bool) -> Self {
        Self { layout: LayoutReader::of_folder(folder), bare_tags, index: OnceLock::new() }
    }

    fn open(&self, name: &str, what: &str) -> Result<LayoutFile<'_>, Error> {
        let path = || self.layout.path().join(name);
        match self.layout.open_file(name) {
            Ok(Some(file)) => Ok(file),
            Ok(None) if self.layout.path().is_dir() => Err(not_found(self.name(), what.to_owned(), false)),
            Ok(None) => Err(Error::NotALayout { path: self.layout.path().to_owned(), source: LayoutFault::NoFolder }),
            Err(error) if error.kind() == ErrorKind::InvalidInput => Err(Error::NotALayout {
                path: self.layout.path().to_owned(),
                source: LayoutFault::NotARegularFile { name: name.to_owned() },
            }),
            Err(error) => Err(io_error(&path())(error)),
        }
    }

    fn read(&self, name: &str, what: &str) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let file = self.open(name, what)?;
        file.bytes
            .take(MAX_OCI_MANIFEST + 1)
            .read_to_end(&mut bytes)
            .map_err(io_error(&self.layout.path().join(name)))?;
        if bytes.len() as u64 > MAX_OCI_MANIFEST {
            return Err(Error::TooLong { source_name: self.name(), what: what.to_owned(), limit: MAX_OCI_MANIFEST });
        }
        Ok(bytes)
    }

    fn index(&self) -> Result<&OciImageIndex, Error> {
        self.index.get_or_init(|| self.read_index()).as_ref().map_err(Error::clone)
    }

    fn read_index(&self) -> Result<OciImageIndex, Error> {
        let bad = |source| Error::NotALayout { path: self.layout.path().to_owned(), source };
        let read = |name: &str| match self.read(name, "") {
            Err(Error::NotFound { .. }) => Err(bad(LayoutFault::NoFile { name: name.to_owned() })),
            read => read,
        };
        check_marker(self.layout.path(), &read("oci-layout")?)?;
        serde_json::from_slice(&read("index.json")?)
            .map_err(|error| bad(LayoutFault::Index { error: shorten(&error.to_string()).into_owned() }))
    }
}

/// A folder has no words of its own.
fn not_found(source_name: SourceName, what: String, by_tag: bool) -> Error {
    Error::NotFound { source_name, what, by_tag, closest: Vec::new(), message: String::new() }
}

#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

#[async_trait]
impl Source for LayoutSource {
    fn name(&self) -> SourceName {
        SourceName::Layout(self.layout.path().to_owned())
    }

    async fn tags(&self, repository: &OciRepository) -> Result<Vec<String>, Error> {
        let full = format!("{repository}:");
        let entries = self.index()?.manifests.iter();
        let names = entries.filter_map(|entry| entry.annotations.as_ref()?.get(REF_NAME));
        let tag = |name: &String| match name.strip_prefix(&full) {
            Some(tag) => Some(tag.to_owned()),
            None => (self.bare_tags && !name.contains(['/', ':'])).then(|| name.clone()),
        };
        let tags: Vec<String> = names.filter_map(tag).collect();
        let none = || not_found(self.name(), format!("the tag list of {repository}"), true);
        if tags.is_empty() { Err(none()) } else { Ok(tags) }
    }

    async fn tagged(&self, reference: &OciReference) -> Result<OciDocument, Error> {
        let full = reference.without_provenance().to_string();
        let names = |name: &str| name == full || (self.bare_tags && name == reference.revision());
        let mut digests: Vec<&str> = Vec::new();
        for entry in &self.index()?.manifests {
            let name = entry.annotations.as_ref().and_then(|annotations| annotations.get(REF_NAME));
            if name.is_some_and(|name| names(name)) && !digests.contains(&entry.digest.as_str()) {
                digests.push(&entry.digest);
            }
        }
        match &digests[..] {
            [digest] => {
                let digest = digest.parse();
                let digest = digest
                    .map_err(|source| Error::LayoutDigest { path: self.layout.path().join("index.json"), source })?;
                self.document(reference, digest).await
            }
            [] => Err(not_found(self.name(), full, true)),
            several => Err(Error::Ambiguous {
                path: self.layout.path().join("index.json"),
                reference: reference.without_provenance(),
                count: several.len(),
            }),
        }
    }

    async fn document(&self, _: &OciReference, digest: Digest) -> Result<OciDocument, Error> {
        let document = OciDocument::new(self.read(&blob_name(digest), &digest.to_string())?);
        if document.digest == digest {
            return Ok(document);
        }
        Err(Error::WrongDigest { source_name: self.name(), expected: digest, found: document.digest })
    }

    async fn blob(&self, _: &OciReference, digest: Digest, size: u64, sink: &mut dyn Sink) -> Result<(), Error> {
        let name = blob_name(digest);
        let mut file = self.open(&name, &digest.to_string())?.bytes;
        if sink.size() > 0 {
            sink.restart()?;
        }
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read.map_err(io_error(&self.layout.path().join(&name)))?,
            };
            if sink.size() + read as u64 > size {
                let what = digest.to_string();
                return Err(Error::TooLong { source_name: self.name(), what, limit: size });
            }
            sink.write(&buffer[..read])?;
        }
        let found = sink.digest();
        if found == digest {
            return Ok(());
        }
        Err(Error::WrongDigest { source_name: self.name(), expected: digest, found })
    }
}
