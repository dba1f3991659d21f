//! What a component imports and exports, read from its bytes; nothing is compiled and no publisher is believed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    FuncValidatorAllocations, InstanceTypeDeclaration, Parser, Payload, TypeBounds, ValidPayload, Validator,
};

use super::config::FEATURES;
use super::weight::check_weight;

/// The outer names of a component, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `namespace:package/interface@version`, or a bare name.
    pub imports: BTreeSet<String>,
    /// Interfaces, or the bare names of functions.
    pub exports: BTreeSet<String>,
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum InspectError {
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    #[error("it imports {what} `{name}`, which no host can give it")]
    Import { what: Cow<'static, str>, name: String },
    #[error("it makes {found} {what} of itself, and at most {most} are allowed")]
    TooMany { what: Cow<'static, str>, found: u64, most: u64 },
}

impl From<BinaryReaderError> for InspectError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Validates a component's bytes and reads its interface.
///
/// # Errors
/// [`InspectError`] if wasmtime would not compile it, or if it wants another component or a core module from its host.
pub fn inspect(bytes: &[u8]) -> Result<Interface, InspectError> {
    validate(bytes)?;
    read_interface(bytes)
}

/// Validates a component; the bodies of its functions on the rayon pool that it is called from.
fn validate(bytes: &[u8]) -> Result<(), BinaryReaderError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            bodies.push((function, body));
        }
    }
    bodies.into_par_iter().try_for_each_init(FuncValidatorAllocations::default, |allocations, (function, body)| {
        let mut validator = function.into_validator(std::mem::take(allocations));
        validator.validate(&body)?;
        *allocations = validator.into_allocations();
        Ok(())
    })
}

/// Reads the interface of a component that was validated, or is validated by being compiled. Imports that only name types
/// ask nothing of the host and are left out.
///
/// # Errors
/// [`InspectError`] if its sections cannot be read, or if it would make too much of itself when it is instantiated.
pub fn read_interface(bytes: &[u8]) -> Result<Interface, InspectError> {
    let mut interface = Interface::default();
    // For each type of the outer component, whether an instance of it has anything but types in it.
    let mut types: Vec<Needs> = Vec::new();
    for payload in outer_sections(bytes) {
        match payload? {
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    types.push(Needs::of(&ty?));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    if is_type(&alias?) {
                        types.push(Needs::Host);
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import?;
                    let name = import.name.name.to_owned();
                    match import.ty {
                        ComponentTypeRef::Module(_) => {
                            return Err(InspectError::Import { what: "the core module".into(), name });
                        }
                        ComponentTypeRef::Component(_) => {
                            return Err(InspectError::Import { what: "the component".into(), name });
                        }
                        ComponentTypeRef::Type(TypeBounds::Eq(_)) => types.push(Needs::Host),
                        ComponentTypeRef::Type(TypeBounds::SubResource) => {
                            types.push(Needs::Host);
                            interface.imports.insert(name);
                        }
                        ComponentTypeRef::Instance(ty) if types.get(ty as usize) == Some(&Needs::Nothing) => {}
                        _ => drop(interface.imports.insert(name)),
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Type {
                        types.push(Needs::Host);
                    }
                    interface.exports.insert(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    check_weight(bytes)?;
    Ok(interface)
}

/// The sections of the component itself, without those of what is nested in it.
fn outer_sections(bytes: &[u8]) -> impl Iterator<Item = Result<Payload<'_>, BinaryReaderError>> {
    let mut depth = 0_usize;
    Parser::new(0).parse_all(bytes).filter(move |payload| match payload {
        Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => {
            depth += 1;
            false
        }
        Ok(Payload::End(_)) => {
            depth = depth.saturating_sub(1);
            false
        }
        Ok(_) => depth == 0,
        Err(_) => true,
    })
}

/// What an import of some type asks of the host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// An instance of types alone.
    Nothing,
    Host,
}

impl Needs {
    fn of(ty: &ComponentType<'_>) -> Self {
        let ComponentType::Instance(declarations) = ty else { return Self::Host };
        let asks = |declaration: &InstanceTypeDeclaration<'_>| match declaration {
            InstanceTypeDeclaration::Export { ty, .. } => !matches!(ty, ComponentTypeRef::Type(TypeBounds::Eq(_))),
            _ => false,
        };
        if !declarations.is_empty() && !declarations.iter().any(asks) { Self::Nothing } else { Self::Host }
    }
}

fn is_type(alias: &ComponentAlias<'_>) -> bool {
    match alias {
        ComponentAlias::InstanceExport { kind, .. } => *kind == ComponentExternalKind::Type,
        ComponentAlias::Outer { kind, .. } => *kind == ComponentOuterAliasKind::Type,
        ComponentAlias::CoreInstanceExport { .. } => false,
    }
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
    let mut end = 8;
    for payload in outer_sections(bytes) {
        if let Payload::ComponentImportSection(section) = payload? {
            end = section.range().end;
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
    fn imports_of_types_ask_nothing_of_the_host() {
        let text = "(component
            (type $r (record (field \"a\" u32)))
            (import \"person\" (type $person (eq $r)))
            (type $types (instance (type $r (record (field \"a\" u32))) (export \"r\" (type (eq $r)))))
            (import \"a:b/types\" (instance $t (type $types)))
            (alias export $t \"r\" (type $again))
            (type $functions (instance (export \"f\" (func))))
            (import \"a:b/functions\" (instance (type $functions)))
            (type $resources (instance (export \"r\" (type (sub resource)))))
            (import \"a:b/resources\" (instance (type $resources)))
            (import \"a:b/empty\" (instance)))";
        let interface = inspect(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!(names(&interface.imports), ["a:b/empty", "a:b/functions", "a:b/resources"]);
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
