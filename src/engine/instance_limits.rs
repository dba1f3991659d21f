//! How much a component makes of itself, counted from its bytes before anything is compiled.
//!
//! Nested components multiply: some lines can stand for millions of instances, which would be compiled one by one, and for
//! gigabytes of wasmtime's own records, which no limit of memory counts. So each has a bound, in the table of `bounds`.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentType,
    ComponentTypeDeclaration, ComponentTypeRef, CoreType, Instance, InstanceTypeDeclaration, Parser, Payload,
};

use crate::engine::bounds::{
    COMPONENT_INSTANCES, COMPONENT_ITEMS, CORE_INSTANCES, CORE_ITEMS, CUSTOM_SECTIONS, FUNCTIONS, TYPES,
};

use super::error::InspectError;

/// Counts what a component makes of itself. The bytes need not be valid.
///
/// # Errors
/// [`InspectError::TooMany`] over one of the bounds, [`InspectError::Invalid`] if its sections cannot be read.
pub(crate) fn check_instances(bytes: &[u8]) -> Result<(), InspectError> {
    let mut open: Vec<OpenSection> = Vec::new();
    let mut all = ComponentTotals::default();
    let mut whole = InstanceCost::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                open.push(OpenSection::new(encoding == wasmparser::Encoding::Component))
            }
            Payload::End(_) => {
                let Some(part) = open.pop() else { continue };
                match open.last_mut() {
                    Some(outer) if part.is_component => outer.components.push(part.made),
                    None => whole = part.made,
                    Some(_) => {}
                }
                if !part.is_component {
                    all.largest_module = all.largest_module.max(part.core_items);
                }
            }
            payload => {
                // What is around it, for aliases that lead out.
                if let Some((part, around)) = open.split_last_mut() {
                    part.count_section(payload, around, &mut all)?;
                }
            }
        }
    }
    CORE_INSTANCES.check(whole.core_instances)?;
    COMPONENT_INSTANCES.check(whole.component_instances)?;
    COMPONENT_ITEMS.check(whole.items)?;
    CORE_ITEMS.check(whole.core_instances.saturating_mul(all.largest_module))?;
    FUNCTIONS.check(all.functions)?;
    TYPES.check(all.types)?;
    CUSTOM_SECTIONS.check(all.custom_sections)
}

/// What is counted in all parts together.
#[derive(Default)]
struct ComponentTotals {
    largest_module: u64,
    functions: u64,
    types: u64,
    custom_sections: u64,
}

/// What one instance of a component makes.
#[derive(Debug, Clone, Copy, Default)]
struct InstanceCost {
    core_instances: u64,
    component_instances: u64,
    items: u64,
}

impl InstanceCost {
    /// What a component counts for that is only known once it runs.
    const UNKNOWN: Self = Self {
        core_instances: CORE_INSTANCES.most,
        component_instances: COMPONENT_INSTANCES.most,
        items: COMPONENT_ITEMS.most,
    };

    /// Adds an instance of a component.
    fn instantiate(&mut self, component: Self) {
        self.core_instances = self.core_instances.saturating_add(component.core_instances);
        self.component_instances =
            self.component_instances.saturating_add(component.component_instances).saturating_add(1);
        self.items = self.items.saturating_add(component.items);
    }

    fn add_items(&mut self, items: usize) {
        self.items = self.items.saturating_add(items as u64);
    }
}

/// A module or component that is being read.
struct OpenSection {
    is_component: bool,
    /// What a module holds.
    core_items: u64,
    made: InstanceCost,
    /// What an instance of each component of its index space makes.
    components: Vec<InstanceCost>,
}

impl OpenSection {
    fn new(is_component: bool) -> Self {
        Self { is_component, core_items: 0, made: InstanceCost::default(), components: Vec::new() }
    }

    fn component(&self, index: u32) -> InstanceCost {
        self.components.get(index as usize).copied().unwrap_or_default()
    }

    /// Counts one section; `around` are the parts that this one is nested in, the outermost first.
    #[expect(clippy::too_many_lines, reason = "a flat table")]
    fn count_section(
        &mut self,
        payload: Payload<'_>,
        around: &[Self],
        all: &mut ComponentTotals,
    ) -> Result<(), InspectError> {
        match payload {
            Payload::CustomSection(_) => all.custom_sections += 1,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.made.add_items(1),
            Payload::TypeSection(section) => {
                for group in section {
                    all.types += group?.types().len() as u64;
                }
            }
            Payload::ImportSection(section) => {
                // Groups of imports count at least their entries.
                for import in section.into_imports() {
                    import?;
                    self.core_items += 1;
                }
            }
            Payload::FunctionSection(section) => {
                all.functions += u64::from(section.count());
                self.core_items += u64::from(section.count());
            }
            Payload::GlobalSection(section) => self.core_items += u64::from(section.count()),
            Payload::TableSection(section) => self.core_items += u64::from(section.count()),
            Payload::MemorySection(section) => self.core_items += u64::from(section.count()),
            Payload::InstanceSection(section) => {
                for instance in section {
                    match instance? {
                        Instance::Instantiate { args, .. } => {
                            self.made.core_instances = self.made.core_instances.saturating_add(1);
                            self.made.add_items(args.len());
                        }
                        Instance::FromExports(exports) => self.made.add_items(exports.len()),
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    match instance? {
                        ComponentInstance::Instantiate { component_index, args } => {
                            self.made.instantiate(self.component(component_index));
                            self.made.add_items(args.len());
                        }
                        ComponentInstance::FromExports(exports) => self.made.add_items(exports.len()),
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => self.made.add_items(section.count() as usize),
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.made.add_items(1);
                    match alias? {
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                            // 0 is this part itself.
                            let outer = (count as usize).checked_sub(1).and_then(|up| around.iter().rev().nth(up));
                            let made = if count == 0 { Some(&*self) } else { outer }.map(|part| part.component(index));
                            self.components.push(made.unwrap_or_default());
                        }
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                            self.components.push(InstanceCost::UNKNOWN);
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    if let ComponentTypeRef::Component(_) = import?.ty {
                        self.components.push(InstanceCost::UNKNOWN);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.made.add_items(1);
                    if export.kind == ComponentExternalKind::Component {
                        self.components.push(self.component(export.index));
                    }
                }
            }
            Payload::CoreTypeSection(section) => {
                for ty in section {
                    all.types += core_type(&ty?);
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    let ty = ty?;
                    all.types += component_type(&ty);
                    // Each instance has resources of its own.
                    self.made.add_items(usize::from(matches!(ty, ComponentType::Resource { .. })));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A core type, and what is declared in it.
fn core_type(ty: &CoreType<'_>) -> u64 {
    match ty {
        CoreType::Rec(group) => group.types().len() as u64,
        CoreType::Module(declarations) => 1 + declarations.len() as u64,
    }
}

/// A type, and what is declared in it.
fn component_type(ty: &ComponentType<'_>) -> u64 {
    1 + match ty {
        ComponentType::Component(declarations) => {
            let inner = declarations.iter().map(|declaration| match declaration {
                ComponentTypeDeclaration::CoreType(ty) => core_type(ty),
                ComponentTypeDeclaration::Type(ty) => component_type(ty),
                _ => 1,
            });
            inner.sum()
        }
        ComponentType::Instance(declarations) => {
            let inner = declarations.iter().map(|declaration| match declaration {
                InstanceTypeDeclaration::CoreType(ty) => core_type(ty),
                InstanceTypeDeclaration::Type(ty) => component_type(ty),
                _ => 1,
            });
            inner.sum()
        }
        ComponentType::Defined(_) | ComponentType::Func(_) | ComponentType::Resource { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), InspectError> {
        check_instances(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn real_guests_are_light() {
        check_instances(include_bytes!("../../fixtures/guests/built/greeting-0.3.0.wasm")).unwrap();
    }
    fn too_many(bound: crate::engine::bounds::Bound, found: u64) -> Result<(), InspectError> {
        Err(InspectError::TooMany { what: bound.what.into(), found, most: bound.most })
    }

    /// `$a` is ten instances of what is named `$m`, `$b` ten of `$a`, `$c` ten of `$b`.
    fn nested(innermost: &str, outer: &str) -> String {
        let ten = |name: &str| format!("(instance (instantiate ${name}))").repeat(10);
        format!(
            "(component
                (component $a {innermost})
                (component $b (alias outer 1 $a (component $a)) {})
                (component $c (alias outer 1 $b (component $b)) {})
                {outer})",
            ten("a"),
            ten("b"),
        )
    }

    #[test]
    fn core_instances_are_multiplied_out() {
        let innermost = format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(10));
        assert_eq!(check(&nested(&innermost, "(instance (instantiate $c))")), Ok(()));
        let twice = nested(&innermost, "(instance (instantiate $c)) (instance (instantiate $a))");
        assert_eq!(check(&twice), too_many(CORE_INSTANCES, 1010));
    }

    #[test]
    fn component_instances_are_multiplied_out() {
        // 1 + 10 + 100 for each `$c`, so nine of them are 999.
        let outer = |more: &str| format!("{}{more}", "(instance (instantiate $c))".repeat(9));
        assert_eq!(check(&nested("", &outer("(instance (instantiate $a))"))), Ok(()));
        let one_more = nested("", &outer("(instance (instantiate $a)) (instance (instantiate $a))"));
        assert_eq!(check(&one_more), too_many(COMPONENT_INSTANCES, 1001));
        let levels = (0..30).map(|level| {
            let inner = format!("$c{level}");
            format!(
                "(component $c{} (alias outer 1 {inner} (component {inner})) {})",
                level + 1,
                format!("(instance (instantiate {inner}))").repeat(10)
            )
        });
        let bomb = format!("(component (component $c0) {} (instance (instantiate $c30)))", levels.collect::<String>());
        assert_eq!(check(&bomb), too_many(COMPONENT_INSTANCES, u64::MAX));
    }

    #[test]
    fn what_comes_from_elsewhere_counts_for_as_much_as_it_may_be() {
        let imported = "(component (import \"c\" (component $c)) (instance (instantiate $c)))";
        assert_eq!(check(imported), too_many(COMPONENT_INSTANCES, 1001));
        let exported = "(component (component $o (component $i) (export \"i\" (component $i)))
            (instance $o (instantiate $o)) (alias export $o \"i\" (component $c)) (instance (instantiate $c)))";
        assert_eq!(check(exported), too_many(COMPONENT_INSTANCES, 1002));
    }

    #[test]
    fn items_of_components_are_multiplied_out() {
        // Each `$i` makes 102 items: 99 exports, an alias, a lifted function and a module.
        let exports: String = (0..99).map(|n| format!("(export \"f{n}\" (func $f))")).collect();
        let text = |instances: usize| {
            format!(
                "(component (core module $m (func (export \"f\"))) (core instance $m (instantiate $m))
                  (component $i (core module $m (func (export \"f\"))) (core instance $m (instantiate $m))
                    (alias core export $m \"f\" (core func $c)) (func $f (canon lift (core func $c))) (instance {exports}))
                  {})",
                "(instance (instantiate $i))".repeat(instances)
            )
        };
        assert_eq!(check(&text(980)), Ok(()));
        assert_eq!(check(&text(981)), too_many(COMPONENT_ITEMS, 981 * 102 + 2));
        let resources = format!(
            "(component (component $r {}) {})",
            "(type (resource (rep i32)))".repeat(101),
            "(instance (instantiate $r))".repeat(991)
        );
        assert_eq!(check(&resources), too_many(COMPONENT_ITEMS, 991 * 101 + 1));
    }

    #[test]
    fn many_instances_of_a_large_module_are_too_many_items() {
        let globals = "(global i32 (i32.const 0))".repeat(10_000);
        let text = |instances: usize| {
            format!("(component (core module $m {globals}) {})", "(core instance (instantiate $m))".repeat(instances))
        };
        assert_eq!(check(&text(200)), Ok(()));
        assert_eq!(check(&text(201)), too_many(CORE_ITEMS, 2_010_000));
    }

    /// A component of core modules, each with sections of so many entries, which are all these bytes.
    fn with_sections(modules: &[&[(u8, u32, &[u8])]]) -> Vec<u8> {
        use wasm_encoder::{Component, ModuleSection, RawSection};
        let mut component = Component::new();
        for sections in modules {
            let mut module = wasm_encoder::Module::new();
            for (id, count, entry) in *sections {
                let mut data = Vec::new();
                wasm_encoder::Encode::encode(count, &mut data);
                data.extend(entry.repeat(*count as usize));
                module.section(&RawSection { id: *id, data: &data });
            }
            component.section(&ModuleSection(&module));
        }
        component.finish()
    }

    #[test]
    fn functions_of_all_modules_are_counted_together() {
        fn functions(count: u32) -> [(u8, u32, &'static [u8]); 2] {
            [(3, count, &[0]), (10, count, &[2, 0, 0x0b])]
        }
        let both = |more: u32| check_instances(&with_sections(&[&functions(500_000), &functions(500_000 + more)]));
        assert_eq!(both(0), Ok(()));
        assert_eq!(both(1), too_many(FUNCTIONS, 1_000_001));
    }

    #[test]
    fn types_are_counted_with_what_is_in_them() {
        let function = [0x60, 0, 0];
        assert_eq!(check_instances(&with_sections(&[&[(1, 50_000, &function)], &[(1, 50_000, &function)]])), Ok(()));
        let more = with_sections(&[&[(1, 50_000, &function)], &[(1, 50_001, &function)]]);
        assert_eq!(check_instances(&more), too_many(TYPES, 100_001));
        let text = |inner: usize| {
            let inner = "(type u8)".repeat(inner);
            format!("(component (type (component (type (instance {inner})))) (core type (module (type (func)))))")
        };
        assert_eq!(check(&text(99_996)), Ok(()));
        assert_eq!(check(&text(99_997)), too_many(TYPES, 100_001));
    }

    #[test]
    fn custom_sections_are_counted_everywhere() {
        let text = |own: usize| {
            let own = "(@custom \"x\" \"\")".repeat(own);
            format!("(component {own} (core module (@custom \"y\" \"\")) (component (@custom \"z\" \"\")))")
        };
        assert_eq!(check(&text(9_998)), Ok(()));
        assert_eq!(check(&text(9_999)), too_many(CUSTOM_SECTIONS, 10_001));
    }
}
