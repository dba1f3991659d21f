//! Components and the manifests around them, in the exact shapes that real tools push.

use serde_json::{Value, json};

use sesame::model::digest::Digest;

/// A small component. Different seeds give different bytes and digests; each has the export `run`.
pub fn component(seed: &str) -> Vec<u8> {
    importing(seed, &[])
}

/// A small component that imports these interfaces, as empty instances.
pub fn importing(seed: &str, imports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|import| format!("(import \"{import}\" (instance))")).collect();
    let text = format!(
        "(component {imports}
           (core module $m (memory 1) (data (i32.const 0) \"{seed}\") (func (export \"run\") (result i32) i32.const 7))
           (core instance $i (instantiate $m))
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    );
    wat::parse_str(&text).unwrap()
}

/// What is pushed under one tag: a manifest, and the blobs that it names.
#[derive(Clone)]
pub struct Artifact {
    pub media_type: &'static str,
    pub manifest: Vec<u8>,
    pub blobs: Vec<Vec<u8>>,
}

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Artifact {
    /// As `wkg oci push` writes it.
    pub fn wkg(component: &[u8]) -> Self {
        let config = br#"{"created":"2026-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":[]}"#;
        let mut artifact =
            Self::image("application/vnd.wasm.config.v0+json", config, &[("application/wasm", component)]);
        let mut manifest: Value = serde_json::from_slice(&artifact.manifest).unwrap();
        manifest["layers"][0]["annotations"] = json!({ "org.opencontainers.image.title": "extension.wasm" });
        artifact.manifest = manifest.to_string().into_bytes();
        artifact
    }

    /// As `oras push FILE:application/vnd.wasm.component.v1+wasm` writes it.
    pub fn oras(config_type: &str, component: &[u8]) -> Self {
        Self::image(config_type, b"{}", &[("application/vnd.wasm.component.v1+wasm", component)])
    }

    /// Any image: its config's media type and bytes, its layers' media types and bytes.
    pub fn image(config_type: &str, config: &[u8], layers: &[(&str, &[u8])]) -> Self {
        let descriptors: Vec<Value> = layers.iter().map(|(media_type, bytes)| descriptor(media_type, bytes)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(config_type, config),
            "layers": descriptors,
        });
        let blobs = std::iter::once(config.to_vec()).chain(layers.iter().map(|(_, bytes)| bytes.to_vec())).collect();
        Self { media_type: MANIFEST, manifest: manifest.to_string().into_bytes(), blobs }
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

/// A descriptor of the OCI image specification.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len() })
}

/// An index above manifests, each with its platform (`os`, `architecture`).
pub fn index(entries: &[(&Artifact, Option<(&str, &str)>)]) -> Vec<u8> {
    let entry = |(artifact, platform): &(&Artifact, Option<(&str, &str)>)| {
        let mut entry = descriptor(MANIFEST, &artifact.manifest);
        if let Some((os, architecture)) = platform {
            entry["platform"] = json!({ "os": os, "architecture": architecture });
        }
        entry
    };
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string().into_bytes()
}
