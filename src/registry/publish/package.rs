//! A component as it is published: the CNCF wasm artifact layout
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>). The same component, title and
//! annotations give the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::model::digest::Digest;
use crate::registry::artifact::MANIFEST;

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

/// The annotation with a file's name.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// The time that a config must give for the tools that read it. A true one would change the digest each time.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What to do with a tag that names something else already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingTag {
    Refuse,
    Move,
}

/// A manifest, and the two blobs that it names.
#[derive(Debug, Clone)]
pub struct ComponentArtifact {
    pub manifest: Bytes,
    pub config: Bytes,
    pub component: Bytes,
}

impl ComponentArtifact {
    /// Wraps a component. `imports` and `exports` are those of its bytes; `annotations` are the manifest's.
    pub fn new(
        component: Vec<u8>,
        title: &str,
        imports: &BTreeSet<String>,
        exports: &BTreeSet<String>,
        annotations: &BTreeMap<String, String>,
    ) -> Self {
        let config = json!({
            "created": CREATED,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [Digest::of(&component).to_string()],
            "component": { "imports": imports, "exports": exports },
        });
        let config = config.to_string().into_bytes();
        let mut layer = descriptor(LAYER, &component);
        layer["annotations"] = json!({ TITLE: title });
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [layer],
        });
        if !annotations.is_empty() {
            manifest["annotations"] = json!(annotations);
        }
        Self { manifest: manifest.to_string().into(), config: config.into(), component: component.into() }
    }

    /// The manifest's digest, by which everybody names the whole.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// What the manifest names, the small one first.
    pub fn blobs(&self) -> [&Bytes; 2] {
        [&self.config, &self.component]
    }
}

/// A descriptor of the OCI image specification.
pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::artifact::{Artifact, read};

    #[test]
    fn what_is_packed_is_read_again_and_is_always_the_same() {
        let imports = BTreeSet::from(["open-sesame:host/config-read@0.1.0".to_owned()]);
        let exports = BTreeSet::from(["greet".to_owned()]);
        let annotations = BTreeMap::from([("org.opencontainers.image.licenses".to_owned(), "MIT".to_owned())]);
        let pack = || ComponentArtifact::new(b"component".to_vec(), "greeting.wasm", &imports, &exports, &annotations);
        let package = pack();
        let digest = Digest::of(b"component");
        assert_eq!(read(&package.manifest), Ok(Artifact::Component { digest, size: 9 }));
        assert_eq!(package.digest(), pack().digest());
        let manifest: Value = serde_json::from_slice(&package.manifest).unwrap();
        assert_eq!(manifest["config"]["digest"], Digest::of(&package.config).to_string());
        assert_eq!(manifest["layers"][0]["annotations"][TITLE], "greeting.wasm");
        let config: Value = serde_json::from_slice(&package.config).unwrap();
        assert_eq!(config["component"], json!({ "imports": imports, "exports": exports }));
        assert_eq!(config["layerDigests"], json!([digest.to_string()]));
    }
}
