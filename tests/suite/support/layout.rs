//! Writes OCI image layouts, as skopeo does.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use sesame::model::digest::Digest;

use super::artifact::{Artifact, descriptor};

/// Writes a layout with one entry for each pair of `org.opencontainers.image.ref.name` and artifact.
pub fn write(folder: &Path, entries: &[(&str, &Artifact)]) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let mut descriptors: Vec<Value> = Vec::new();
    for (name, artifact) in entries {
        for bytes in artifact.blobs.iter().chain([&artifact.manifest]) {
            fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
        }
        let mut descriptor = descriptor(artifact.media_type, &artifact.manifest);
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        descriptors.push(descriptor);
    }
    let index = json!({ "schemaVersion": 2, "manifests": descriptors });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
}
