//! What an artifact says of itself: the annotations of an OCI manifest that people want to read
//! (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>). Its author wrote them; nothing is verified.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::shorten;

/// The annotations `org.opencontainers.image.*` that are shown, each cut where it is too long to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Annotations {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An SPDX licence expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licenses: Option<String>,
    /// Where the source code is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where the documentation is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
}

impl Annotations {
    /// Those among all annotations of an artifact, by their whole keys.
    pub fn of(all: &BTreeMap<String, String>) -> Self {
        let get = |key: &str| {
            let value = all.get(&format!("org.opencontainers.image.{key}"))?;
            (!value.trim().is_empty()).then(|| shorten(value.trim()).into_owned())
        };
        Self {
            version: get("version"),
            description: get("description"),
            licenses: get("licenses"),
            source: get("source"),
            documentation: get("documentation"),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The annotations of an OCI manifest or index; none if it has none, or is neither.
pub fn document_annotations(bytes: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Annotated {
        #[serde(default)]
        annotations: BTreeMap<String, serde_json::Value>,
    }
    let document = serde_json::from_slice::<Annotated>(bytes).map(|document| document.annotations).unwrap_or_default();
    document.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_want_to_read_is_taken_and_cut() {
        let long = "x".repeat(5_000);
        let manifest = serde_json::json!({ "annotations": {
            "org.opencontainers.image.version": "1.2.3",
            "org.opencontainers.image.description": long,
            "org.opencontainers.image.licenses": " ",
            "org.opencontainers.image.source": 7,
            "other": "x",
        }});
        let annotations = Annotations::of(&document_annotations(manifest.to_string().as_bytes()));
        assert_eq!(annotations.version.as_deref(), Some("1.2.3"));
        assert!(annotations.description.unwrap().chars().count() < 300);
        assert_eq!((annotations.licenses, annotations.source), (None, None));
        for nothing in ["{}", "[]", "{\"annotations\": null}", "nonsense"] {
            assert!(Annotations::of(&document_annotations(nothing.as_bytes())).is_empty(), "{nothing}");
        }
    }
}
