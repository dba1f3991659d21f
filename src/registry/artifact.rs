//! What a manifest leads to: the one wasm layer, or the one entry of an index. Everything else is refused by name.
//!
//! Formats: the OCI image specification (<https://github.com/opencontainers/image-spec>), the CNCF wasm artifact
//! layout (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>), and what `wkg`, `oras` and
//! `wasm-to-oci` push.

use oci_client::manifest::{OciDescriptor, OciImageIndex, OciImageManifest};
use serde::Deserialize;

use crate::model::bounds::MAX_COMPONENT;
use crate::model::digest::{Digest, DigestError};
use crate::model::text::{count, shorten};

/// The media types that say that a layer is wasm. A lone layer of another type is told by its first bytes.
pub const WASM_LAYERS: [&str; 4] = [
    "application/wasm",
    "application/vnd.wasm.component.v1+wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
];

/// What registries are asked for.
pub const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFESTS: [&str; 2] = [MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"];
const INDEXES: [&str; 2] = [INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"];

const SPIN_CONFIG: &str = "application/vnd.fermyon.spin.application.v1+config";
const SIGNATURES: [&str; 2] =
    ["application/vnd.dev.cosign.simplesigning.v1+json", "application/vnd.dev.sigstore.bundle"];
const ATTESTATION: &str = "vnd.docker.reference.type";

/// What a manifest or index leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// A component, by its layer's digest and size in bytes.
    Component { digest: Digest, size: u64 },
    /// The manifest that an index names for wasm.
    Index { manifest: Digest },
}

/// Why an artifact is no extension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactRefusal {
    #[error("its manifest is no JSON of the OCI image format: {0}")]
    Json(String),
    #[error("its manifest has `layers` and `manifests` at once")]
    Both,
    #[error("its media type `{0}` is of another kind of document than it is")]
    MediaType(String),
    #[error("its index has no entries")]
    EmptyIndex,
    #[error("its index has no entry for wasm, only for {}", some(.0))]
    NoEntry(Vec<String>),
    #[error("its index has {0} entries that could be meant")]
    Entries(usize),
    #[error("its index leads to another index")]
    Nested,
    #[error("its manifest has no layers")]
    NoLayers,
    #[error("its manifest has {0} wasm layers, an extension has one")]
    WasmLayers(usize),
    #[error("it has {}, and none of wasm: {}", count(.0.len(), "layer"), some(.0))]
    OtherLayers(Vec<String>),
    #[error("it is a Spin application, not a single component")]
    Spin,
    #[error("it is a signature, not what was signed")]
    Signature,
    #[error("its manifest names a layer by a digest that cannot be used")]
    LayerDigest(#[source] DigestError),
    #[error("its manifest gives a layer the size {0}, at most {MAX_COMPONENT} are fetched")]
    LayerSize(i64),
}

/// A document that is none. The parser quotes what it has found, however long that is.
fn json(error: serde_json::Error) -> ArtifactRefusal {
    ArtifactRefusal::Json(shorten(&error.to_string()).into_owned())
}

/// Reads a manifest or index.
///
/// # Errors
/// [`ArtifactRefusal`] if it leads to no single component.
pub fn read(bytes: &[u8]) -> Result<Artifact, ArtifactRefusal> {
    let shape: DocumentShape = serde_json::from_slice(bytes).map_err(json)?;
    let is_index = shape.manifests.is_some();
    let of_other_kind = match shape.media_type.as_deref() {
        Some(media_type) if INDEXES.contains(&media_type) => !is_index,
        Some(media_type) if MANIFESTS.contains(&media_type) => is_index,
        _ => false,
    };
    match (is_index, shape.layers.is_some()) {
        (true, true) => Err(ArtifactRefusal::Both),
        _ if of_other_kind => Err(ArtifactRefusal::MediaType(shape.media_type.unwrap_or_default())),
        (true, false) => read_index(bytes),
        (false, _) => read_manifest(bytes),
    }
}

/// What a registry's header and a document's own field say of its media type, where they disagree. The specification wants
/// them to be the same, so that nobody can be made to read one document as two kinds.
pub(crate) fn contradiction(header: &str, bytes: &[u8]) -> Option<(String, String)> {
    let header = header.split(';').next().unwrap_or_default().trim();
    let shape: DocumentShape = serde_json::from_slice(bytes).ok()?;
    let known = MANIFESTS.contains(&header) || INDEXES.contains(&header);
    let found = shape.media_type.filter(|found| known && found != header)?;
    Some((header.to_owned(), found))
}

/// The first few of a list that others wrote, each cut.
fn some(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = texts.iter().take(SHOWN).map(|text| text.chars().take(80).collect()).collect();
    if texts.len() > SHOWN {
        shown.push(format!("{} more", texts.len() - SHOWN));
    }
    shown.join(", ")
}

/// Which of the two documents it is.
#[derive(Deserialize)]
struct DocumentShape {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
}

fn read_index(bytes: &[u8]) -> Result<Artifact, ArtifactRefusal> {
    let index: OciImageIndex = serde_json::from_slice(bytes).map_err(json)?;
    let mut fitting = Vec::new();
    let mut others = Vec::new();
    for entry in index.manifests {
        let attests = entry.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(ATTESTATION));
        match &entry.platform {
            _ if attests => {}
            Some(platform) if platform.architecture.to_string() != "wasm" => {
                others.push(format!("{}/{}", platform.os, platform.architecture));
            }
            _ => fitting.push(entry.digest),
        }
    }
    match &fitting[..] {
        [digest] => Ok(Artifact::Index { manifest: digest.parse().map_err(ArtifactRefusal::LayerDigest)? }),
        [] if others.is_empty() => Err(ArtifactRefusal::EmptyIndex),
        [] => Err(ArtifactRefusal::NoEntry(others)),
        several => Err(ArtifactRefusal::Entries(several.len())),
    }
}

fn read_manifest(bytes: &[u8]) -> Result<Artifact, ArtifactRefusal> {
    let manifest: OciImageManifest = serde_json::from_slice(bytes).map_err(json)?;
    if manifest.config.media_type == SPIN_CONFIG {
        return Err(ArtifactRefusal::Spin);
    }
    let types = manifest.layers.iter().map(|layer| layer.media_type.as_str()).chain(manifest.artifact_type.as_deref());
    if types.into_iter().any(|media_type| SIGNATURES.iter().any(|known| media_type.starts_with(known))) {
        return Err(ArtifactRefusal::Signature);
    }
    let is_wasm = |layer: &&OciDescriptor| WASM_LAYERS.contains(&layer.media_type.as_str());
    let wasm: Vec<&OciDescriptor> = manifest.layers.iter().filter(is_wasm).collect();
    let layer = match (&wasm[..], &manifest.layers[..]) {
        ([layer], _) => layer,
        ([], [layer]) => layer,
        ([], []) => return Err(ArtifactRefusal::NoLayers),
        ([], layers) => {
            return Err(ArtifactRefusal::OtherLayers(layers.iter().map(|layer| layer.media_type.clone()).collect()));
        }
        (several, _) => return Err(ArtifactRefusal::WasmLayers(several.len())),
    };
    let size = u64::try_from(layer.size).ok().filter(|size| *size <= MAX_COMPONENT);
    let size = size.ok_or(ArtifactRefusal::LayerSize(layer.size))?;
    Ok(Artifact::Component { digest: layer.digest.parse().map_err(ArtifactRefusal::LayerDigest)?, size })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn layer(media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": Digest::of(media_type.as_bytes()).to_string(), "size": 9 })
    }

    fn manifest(config: &str, layers: &[&str]) -> Result<Artifact, ArtifactRefusal> {
        let layers: Vec<Value> = layers.iter().map(|media_type| layer(media_type)).collect();
        let manifest = json!({ "schemaVersion": 2, "config": layer(config), "layers": layers });
        read(manifest.to_string().as_bytes())
    }

    fn index(platforms: &[Option<(&str, &str)>]) -> Result<Artifact, ArtifactRefusal> {
        let entry = |platform: &Option<(&str, &str)>| {
            let mut entry = layer("application/vnd.oci.image.manifest.v1+json");
            if let Some((os, architecture)) = platform {
                entry["platform"] = json!({ "os": os, "architecture": architecture });
                if *os == "unknown" {
                    entry["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
                }
            }
            entry
        };
        let entries: Vec<Value> = platforms.iter().map(entry).collect();
        read(json!({ "schemaVersion": 2, "manifests": entries }).to_string().as_bytes())
    }

    #[test]
    fn every_wasm_layer_under_any_config_is_accepted() {
        for config in [
            "application/vnd.wasm.config.v0+json",
            "application/vnd.oci.empty.v1+json",
            "application/vnd.unknown.config.v1+json",
        ] {
            for media_type in WASM_LAYERS.into_iter().chain(["application/octet-stream"]) {
                let digest = Digest::of(media_type.as_bytes());
                assert_eq!(manifest(config, &[media_type]), Ok(Artifact::Component { digest, size: 9 }));
            }
        }
        let with_readme = manifest("x/y", &["text/markdown", "application/wasm"]);
        assert_eq!(with_readme, Ok(Artifact::Component { digest: Digest::of(b"application/wasm"), size: 9 }));
    }

    #[test]
    fn an_index_leads_to_its_one_wasm_entry() {
        let manifest = Digest::of(b"application/vnd.oci.image.manifest.v1+json");
        assert_eq!(index(&[None]), Ok(Artifact::Index { manifest }));
        let entries = [Some(("linux", "amd64")), Some(("wasip2", "wasm")), Some(("unknown", "unknown"))];
        assert_eq!(index(&entries), Ok(Artifact::Index { manifest }));
        assert_eq!(index(&[Some(("linux", "amd64"))]), Err(ArtifactRefusal::NoEntry(vec!["linux/amd64".into()])));
        assert_eq!(index(&[None, Some(("wasip2", "wasm"))]), Err(ArtifactRefusal::Entries(2)));
        assert_eq!(index(&[]), Err(ArtifactRefusal::EmptyIndex));
    }

    #[test]
    fn each_other_artifact_is_refused_by_its_name() {
        assert_eq!(manifest("x/y", &["application/wasm", "application/wasm"]), Err(ArtifactRefusal::WasmLayers(2)));
        assert_eq!(manifest("x/y", &[]), Err(ArtifactRefusal::NoLayers));
        let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert_eq!(manifest("x/y", &[tar, tar]), Err(ArtifactRefusal::OtherLayers(vec![tar.into(), tar.into()])));
        assert_eq!(manifest(SPIN_CONFIG, &["application/vnd.wasm.content.layer.v1+wasm"]), Err(ArtifactRefusal::Spin));
        assert_eq!(manifest("x/y", &[SIGNATURES[0]]), Err(ArtifactRefusal::Signature));
        assert!(matches!(read(b"<html>"), Err(ArtifactRefusal::Json(_))));
        assert_eq!(read(br#"{"schemaVersion":2,"layers":[],"manifests":[]}"#), Err(ArtifactRefusal::Both));
        for (media_type, field) in [(INDEXES[0], "layers"), (MANIFESTS[0], "manifests"), (MANIFESTS[1], "manifests")] {
            let text = format!("{{\"mediaType\":\"{media_type}\",\"{field}\":[]}}");
            assert_eq!(read(text.as_bytes()), Err(ArtifactRefusal::MediaType(media_type.into())));
        }
    }

    #[test]
    fn a_layer_with_a_bad_digest_or_size_is_refused() {
        let with = |digest: &str, size: i64| {
            let layer = json!({ "mediaType": "application/wasm", "digest": digest, "size": size });
            read(json!({ "schemaVersion": 2, "config": layer, "layers": [layer] }).to_string().as_bytes())
        };
        assert_eq!(with("sha256:../../x", 1), Err(ArtifactRefusal::LayerDigest(DigestError::NotHex('.'))));
        assert_eq!(with(&Digest::of(b"").to_string(), -1), Err(ArtifactRefusal::LayerSize(-1)));
        assert_eq!(with(&Digest::of(b"").to_string(), 1 << 62), Err(ArtifactRefusal::LayerSize(1 << 62)));
    }
}
