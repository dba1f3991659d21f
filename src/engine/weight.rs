//! How much a component makes of itself when it is instantiated, told from its bytes.
//!
//! Nested components multiply: some lines can stand for millions of core instances, which would be compiled one by one,
//! and for gigabytes of wasmtime's own records, which no limit of memory counts.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Instance,
    Parser, Payload,
};

use super::inspect::InspectError;

/// Core instances of one component, nested ones included.
pub const MAX_INSTANCES: u64 = 1_000;
/// Functions, globals, tables and memories of all core instances, as if each were of the largest module. wasmtime keeps a
/// few dozen bytes for each.
pub const MAX_ITEMS: u64 = 2_000_000;

/// What a component counts for that is only known once it runs.
const UNKNOWN: u64 = MAX_INSTANCES;

/// Counts core instances and what is in them.
///
/// # Errors
/// [`InspectError::TooMany`] over the bounds above.
pub(super) fn check_weight(bytes: &[u8]) -> Result<(), InspectError> {
    let mut open: Vec<Part> = Vec::new();
    let mut largest_module = 0_u64;
    let mut total = 0_u64;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => open.push(Part::new(encoding == wasmparser::Encoding::Component)),
            Payload::ImportSection(section) => {
                // Groups of imports count at least their entries.
                for import in section.into_imports() {
                    import?;
                    add(&mut open, 1);
                }
            }
            Payload::FunctionSection(section) => add(&mut open, section.count()),
            Payload::GlobalSection(section) => add(&mut open, section.count()),
            Payload::TableSection(section) => add(&mut open, section.count()),
            Payload::MemorySection(section) => add(&mut open, section.count()),
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let (Instance::Instantiate { .. }, Some(part)) = (instance?, open.last_mut()) {
                        part.instances = part.instances.saturating_add(1);
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let instance = instance?;
                    if let (ComponentInstance::Instantiate { component_index, .. }, Some(part)) =
                        (instance, open.last_mut())
                    {
                        let inner = part.components.get(component_index as usize).copied().unwrap_or(0);
                        part.instances = part.instances.saturating_add(inner);
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    let aliased = match alias? {
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                            let outer = open.len().checked_sub(count as usize + 1).and_then(|at| open.get(at));
                            outer.and_then(|outer| outer.components.get(index as usize)).copied()
                        }
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => Some(UNKNOWN),
                        _ => continue,
                    };
                    if let Some(part) = open.last_mut() {
                        part.components.push(aliased.unwrap_or(0));
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    if let (ComponentTypeRef::Component(_), Some(part)) = (import?.ty, open.last_mut()) {
                        part.components.push(UNKNOWN);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    if let (ComponentExternalKind::Component, Some(part)) = (export.kind, open.last_mut()) {
                        part.components.push(part.components.get(export.index as usize).copied().unwrap_or(0));
                    }
                }
            }
            Payload::End(_) => {
                let Some(part) = open.pop() else { continue };
                match open.last_mut() {
                    Some(outer) if part.is_component => outer.components.push(part.instances),
                    None => total = part.instances,
                    Some(_) => {}
                }
                if !part.is_component {
                    largest_module = largest_module.max(part.items);
                }
            }
            _ => {}
        }
    }
    let items = total.saturating_mul(largest_module);
    for (what, found, most) in [("core instances", total, MAX_INSTANCES), ("functions and globals", items, MAX_ITEMS)] {
        if found > most {
            return Err(InspectError::TooMany { what: what.into(), found, most });
        }
    }
    Ok(())
}

/// A module or component that is being read.
struct Part {
    is_component: bool,
    /// What a module holds.
    items: u64,
    /// The core instances that a component makes.
    instances: u64,
    /// The core instances that each component of its index space makes.
    components: Vec<u64>,
}

impl Part {
    fn new(is_component: bool) -> Self {
        Self { is_component, items: 0, instances: 0, components: Vec::new() }
    }
}

fn add(open: &mut [Part], items: u32) {
    if let Some(part) = open.last_mut() {
        part.items = part.items.saturating_add(u64::from(items));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weigh(text: &str) -> Result<(), InspectError> {
        check_weight(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn real_guests_are_light() {
        check_weight(include_bytes!("../../fixtures/guests/built/greeting-0.3.0.wasm")).unwrap();
    }

    #[test]
    fn nested_components_multiply() {
        let ten = |name: &str| format!("(instance (instantiate ${name}))").repeat(10);
        let nested = |outer: &str| {
            format!(
                "(component
                    (component $a (core module $m) {})
                    (component $b (alias outer 1 $a (component $a)) {})
                    (component $c (alias outer 1 $b (component $b)) {})
                    {outer})",
                "(core instance (instantiate $m))".repeat(10),
                ten("a"),
                ten("b"),
            )
        };
        assert_eq!(weigh(&nested("(instance (instantiate $c))")), Ok(()));
        let twice = weigh(&nested("(instance (instantiate $c)) (instance (instantiate $a))"));
        assert_eq!(
            twice,
            Err(InspectError::TooMany { what: "core instances".into(), found: 1010, most: MAX_INSTANCES })
        );
        let levels = (0..30).map(|level| {
            let inner = format!("$c{level}");
            format!(
                "(component $c{} (alias outer 1 {inner} (component {inner})) {})",
                level + 1,
                format!("(instance (instantiate {inner}))").repeat(10)
            )
        });
        let bomb = format!(
            "(component (component $c0 (core module $m) (core instance (instantiate $m))) {} (instance (instantiate $c30)))",
            levels.collect::<String>()
        );
        assert!(matches!(weigh(&bomb), Err(InspectError::TooMany { found: u64::MAX, .. })));
    }

    #[test]
    fn many_instances_of_a_large_module_are_too_many_items() {
        let globals = "(global i32 (i32.const 0))".repeat(10_000);
        let text = |instances: usize| {
            format!("(component (core module $m {globals}) {})", "(core instance (instantiate $m))".repeat(instances))
        };
        assert_eq!(weigh(&text(200)), Ok(()));
        let error = InspectError::TooMany { what: "functions and globals".into(), found: 2_010_000, most: MAX_ITEMS };
        assert_eq!(weigh(&text(201)), Err(error));
    }
}
