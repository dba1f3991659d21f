//! What a component imports and exports, read from its bytes; nothing is compiled and no publisher is believed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::Types;
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExport, ComponentExternalKind, ComponentImport,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, InstanceTypeDeclaration, Parser, Payload, TypeBounds,
};

use crate::engine::error::InspectError;
use crate::engine::validate::PartlyValidated;
use crate::model::file_kind::FileKind;
use crate::model::text::shorten;

use super::config::FEATURES;
use super::features::explain_invalid;
use super::instance_limits::check_instances;
use super::interface_limits::check_interface;

/// The outer names of a component, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `namespace:package/interface@version`, or a bare name.
    pub imports: BTreeSet<String>,
    /// Interfaces, or the bare names of functions.
    pub exports: BTreeSet<String>,
}

/// Validates a component's bytes and reads its interface.
///
/// # Errors
/// [`InspectError`] if wasmtime would not compile it, if it wants another component or a core module from its host, or if it
/// is more than the [bounds](super::bounds) allow.
pub fn inspect(bytes: &[u8]) -> Result<Interface, InspectError> {
    check_kind(bytes)?;
    check_instances(bytes)?;
    let outline = match PartlyValidated::read(bytes, FEATURES).and_then(|outline| outline.validated()) {
        Ok(outline) => outline,
        Err(error) => return Err(explain_invalid(bytes, error)),
    };
    build_interface(bytes, &outline)
}

/// Reads the interface of a component that was validated, or is validated by being compiled. Imports that only name types
/// ask nothing of the host and are left out.
///
/// # Errors
/// [`InspectError`] if its sections are not valid, or if it is more than the [bounds](super::bounds) allow.
pub fn read_interface(bytes: &[u8]) -> Result<Interface, InspectError> {
    check_kind(bytes)?;
    check_instances(bytes)?;
    let outline = PartlyValidated::read(bytes, FEATURES).map_err(|error| explain_invalid(bytes, error))?;
    build_interface(bytes, &outline)
}

fn check_kind(bytes: &[u8]) -> Result<(), InspectError> {
    match FileKind::of(bytes) {
        FileKind::Component => Ok(()),
        kind => Err(InspectError::NotAComponent(kind)),
    }
}

fn build_interface(bytes: &[u8], outline: &PartlyValidated<'_>) -> Result<Interface, InspectError> {
    let mut outer = InterfaceBuilder::default();
    for payload in outer_sections(bytes) {
        outer.read_section(payload?)?;
    }
    let Some(known) = outline.types.as_ref().map(Types::as_ref) else {
        return Err(InspectError::Invalid("it has no end".to_owned()));
    };
    check_interface(known, outer.import_names.iter().copied(), outer.export_names.iter().copied())?;
    // As `wasm-tools component wit --wasm` writes one: https://github.com/WebAssembly/component-model/blob/main/design/mvp/WIT.md
    let is_world = |name: &&str| {
        let item = known.component_item_for_export(name).map(|item| &item.ty);
        matches!(item, Some(ComponentEntityType::Type { created: ComponentAnyTypeId::Component(_), .. }))
    };
    if !outer.export_names.is_empty() && outer.export_names.iter().all(is_world) {
        return Err(InspectError::WitPackage);
    }
    Ok(outer.interface)
}

/// What the sections of the component itself say of its interface, one after the other.
#[derive(Default)]
struct InterfaceBuilder<'a> {
    interface: Interface,
    /// For each type of the outer component, whether an instance of it has anything but types in it.
    types: Vec<HostNeed>,
    /// As they stand in it, those of types too.
    import_names: Vec<&'a str>,
    export_names: Vec<&'a str>,
}

impl<'a> InterfaceBuilder<'a> {
    fn read_section(&mut self, payload: Payload<'a>) -> Result<(), InspectError> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    self.types.push(HostNeed::of(&ty?));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    if is_type(&alias?) {
                        self.types.push(HostNeed::Host);
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.import(&import?)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.export(&export?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &ComponentImport<'a>) -> Result<(), InspectError> {
        let name = import.name.name;
        self.import_names.push(name);
        let refused =
            |what: &'static str| Err(InspectError::Import { what: what.into(), name: shorten(name).into_owned() });
        match import.ty {
            ComponentTypeRef::Module(_) => return refused("the core module"),
            ComponentTypeRef::Component(_) => return refused("the component"),
            ComponentTypeRef::Type(TypeBounds::Eq(_)) => self.types.push(HostNeed::Host),
            ComponentTypeRef::Type(TypeBounds::SubResource) => {
                self.types.push(HostNeed::Host);
                self.interface.imports.insert(name.to_owned());
            }
            ComponentTypeRef::Instance(ty) if self.types.get(ty as usize) == Some(&HostNeed::Nothing) => {}
            _ => drop(self.interface.imports.insert(name.to_owned())),
        }
        Ok(())
    }

    fn export(&mut self, export: &ComponentExport<'a>) -> Result<(), InspectError> {
        let name = export.name.name;
        self.export_names.push(name);
        let refused =
            |what: &'static str| Err(InspectError::Export { what: what.into(), name: shorten(name).into_owned() });
        match export.kind {
            ComponentExternalKind::Type => self.types.push(HostNeed::Host),
            ComponentExternalKind::Module => return refused("the core module"),
            ComponentExternalKind::Component => return refused("the component"),
            _ => {}
        }
        self.interface.exports.insert(name.to_owned());
        Ok(())
    }
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
enum HostNeed {
    /// An instance of types alone.
    Nothing,
    Host,
}

impl HostNeed {
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
pub fn world_text(bytes: &[u8]) -> Result<String, InspectError> {
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
pub fn imports_only(bytes: &[u8]) -> Result<&[u8], InspectError> {
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
            let part = imports_only(bytes).unwrap();
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
    }

    #[test]
    fn what_is_no_extension_is_refused_by_name() {
        let inspect = |text: &str| inspect(&wat::parse_str(text).unwrap());
        for (text, what) in [
            ("(component (core module $m) (export \"m\" (core module $m)))", "the core module"),
            ("(component (component $c) (export \"c\" (component $c)))", "the component"),
        ] {
            assert!(matches!(inspect(text), Err(InspectError::Export { what: found, .. }) if found == what), "{text}");
        }
        // A WIT package of two interfaces, and a component that exports types beside a function, which is one.
        let world = "(component (type (component
            (type (instance (type (func)) (export \"f\" (func (type 0)))))
            (export \"a:b/c@1.0.0\" (instance (type 0))))) (export \"a:b/w@1.0.0\" (component (type 0))))";
        let package =
            format!("(component (type {world}) (export \"c\" (type 0)) (type {world}) (export \"d\" (type 2)))");
        let package = package.as_str();
        assert_eq!(inspect(package), Err(InspectError::WitPackage));
        assert!(inspect("(component (type $t (enum \"a\")) (export \"t\" (type $t)))").is_ok());
        assert!(inspect("(component)").is_ok());
        assert_eq!(super::inspect(b"\0asm\x01\0\0\0"), Err(InspectError::NotAComponent(FileKind::CoreModule)));
    }
}
