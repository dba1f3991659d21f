//! What a component says of itself, as the annotations of OCI artifacts
//! (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>).
//!
//! The custom sections are those that `wasm-tools metadata add` writes: each holds one text.

use std::collections::BTreeMap;

use wasmparser::{Parser, Payload};

/// The sections that have an annotation, and which.
const SECTIONS: [(&str, &str); 7] = [
    ("authors", "authors"),
    ("description", "description"),
    ("homepage", "url"),
    ("licenses", "licenses"),
    ("revision", "revision"),
    ("source", "source"),
    ("version", "version"),
];

/// The annotations in a component's own custom sections. What is no text is left out.
pub fn annotations(component: &[u8]) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 0 => {
                let known = SECTIONS.iter().find(|(name, _)| *name == section.name());
                if let (Some((_, key)), Ok(text)) = (known, std::str::from_utf8(section.data())) {
                    annotations.insert(format!("org.opencontainers.image.{key}"), text.to_owned());
                }
            }
            _ => {}
        }
    }
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_component_says_of_itself_becomes_annotations() {
        let text = "(component (@custom \"licenses\" \"MIT\") (@custom \"source\" \"https://example.com/x\") \
            (core module (@custom \"version\" \"of the module\")))";
        let annotations = annotations(&wat::parse_str(text).unwrap());
        assert_eq!(annotations["org.opencontainers.image.licenses"], "MIT");
        assert_eq!(annotations["org.opencontainers.image.source"], "https://example.com/x");
        assert_eq!(annotations.len(), 2);
        assert!(super::annotations(b"nonsense").is_empty());
    }
}
