//! What a component imports and exports, read from its bytes; nothing is compiled and no publisher is believed.

use std::collections::BTreeSet;

use wasmparser::{ComponentTypeRef, Parser, Payload, Validator};

use super::config::FEATURES;

/// The outer names of a component, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// `namespace:package/interface@version`, or a bare name.
    pub imports: BTreeSet<String>,
    /// Interfaces, or the bare names of functions.
    pub exports: BTreeSet<String>,
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    #[error("it imports {what} `{name}`, which no host can give it")]
    Import { what: &'static str, name: String },
}

/// Validates a component's bytes and reads its interface.
///
/// # Errors
/// [`InspectError`] if wasmtime would not compile it, or if it wants another component or a core module from its host.
pub fn inspect(bytes: &[u8]) -> Result<Interface, InspectError> {
    let invalid = |error: wasmparser::BinaryReaderError| InspectError::Invalid(error.to_string());
    Validator::new_with_features(FEATURES).validate_all(bytes).map_err(invalid)?;
    read_interface(bytes)
}

/// Reads the interface of a component that was validated, or is validated by being compiled.
///
/// # Errors
/// [`InspectError`] if its sections cannot be read.
pub fn read_interface(bytes: &[u8]) -> Result<Interface, InspectError> {
    let invalid = |error: wasmparser::BinaryReaderError| InspectError::Invalid(error.to_string());
    let mut interface = Interface::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(invalid)?;
                    let name = import.name.name.to_owned();
                    match import.ty {
                        ComponentTypeRef::Module(_) => {
                            return Err(InspectError::Import { what: "the core module", name });
                        }
                        ComponentTypeRef::Component(_) => {
                            return Err(InspectError::Import { what: "the component", name });
                        }
                        _ => drop(interface.imports.insert(name)),
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    interface.exports.insert(export.map_err(invalid)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(interface)
}

/// A component's world, as WIT text.
///
/// # Errors
/// [`InspectError`] if it cannot be written as WIT.
pub fn world(bytes: &[u8]) -> Result<String, InspectError> {
    let decoded = wit_component::decode(bytes).map_err(|error| InspectError::Invalid(format!("{error:#}")))?;
    let mut printer = wit_component::WitPrinter::default();
    let printed = printer.print(decoded.resolve(), decoded.package(), &[]);
    printed.map_err(|error| InspectError::Invalid(format!("{error:#}")))?;
    Ok(printer.output.to_string())
}

/// The beginning of a valid component that has all of its imports: a component with the same imports that asks for next
/// to no compiling. What stands behind a section of a component is not needed to read it.
///
/// # Errors
/// [`InspectError`] if its sections cannot be read.
pub fn import_part(bytes: &[u8]) -> Result<&[u8], InspectError> {
    let invalid = |error: wasmparser::BinaryReaderError| InspectError::Invalid(error.to_string());
    let mut depth = 0_usize;
    let mut end = 8;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => end = section.range().end,
            _ => {}
        }
    }
    Ok(bytes.get(..end).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_import_part_is_a_component_with_the_same_imports() {
        for bytes in [
            include_bytes!("../../fixtures/guests/built/greeting-0.3.0.wasm").as_slice(),
            include_bytes!("../../fixtures/guests/built/wordcount-1.0.0.wasm"),
        ] {
            let part = import_part(bytes).unwrap();
            assert!(part.len() < 1000, "{}", part.len());
            assert_eq!(inspect(part).unwrap().imports, inspect(bytes).unwrap().imports);
        }
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn real_guests_show_only_their_outer_names() {
        let greeting = inspect(include_bytes!("../../fixtures/guests/built/greeting-0.3.0.wasm")).unwrap();
        assert_eq!(
            names(&greeting.imports),
            ["open-sesame:host/config-read@0.1.0", "open-sesame:host/secret-read@0.1.0"]
        );
        assert_eq!(names(&greeting.exports), ["greet"]);
        let wordcount = inspect(include_bytes!("../../fixtures/guests/built/wordcount-1.0.0.wasm")).unwrap();
        assert!(wordcount.imports.is_empty());
        assert_eq!(names(&wordcount.exports), ["my-org:wordcount/counts@1.0.0"]);
    }

    #[test]
    fn what_no_host_can_give_is_refused() {
        for (text, what) in [
            ("(component (import \"m\" (core module)))", "the core module"),
            ("(component (import \"c\" (component)))", "the component"),
        ] {
            let bytes = wat::parse_str(text).unwrap();
            assert!(matches!(inspect(&bytes), Err(InspectError::Import { what: found, .. }) if found == what));
        }
    }

    #[test]
    fn a_cut_component_is_invalid() {
        let bytes = include_bytes!("../../fixtures/guests/built/wordcount-1.0.0.wasm");
        assert!(matches!(inspect(&bytes[..bytes.len() - 9]), Err(InspectError::Invalid(_))));
        let shared = wat::parse_str("(component (core module (memory 1 1 shared)))").unwrap();
        assert!(matches!(inspect(&shared), Err(InspectError::Invalid(_))), "threads are off");
    }
}
