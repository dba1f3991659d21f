//! How many names a component may import and export, and how long they may be.

use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::types::TypesRef;

use crate::engine::error::InspectError;
use crate::model::text::shorten;

use super::bounds::{EXPORTS, IMPORTS, NAME};

/// Counts what a validated component imports and exports: the names of its own, and of what is in its instances.
///
/// # Errors
/// [`InspectError::TooMany`], or [`InspectError::LongName`].
pub(crate) fn check_interface<'a>(
    types: TypesRef<'_>,
    imports: impl Iterator<Item = &'a str>,
    exports: impl Iterator<Item = &'a str>,
) -> Result<(), InspectError> {
    let imports = imports.map(|name| (name, types.component_item_for_import(name)));
    let exports = exports.map(|name| (name, types.component_item_for_export(name)));
    IMPORTS.check(count_names(types, imports)?)?;
    EXPORTS.check(count_names(types, exports)?)
}

pub(crate) fn count_names<'a, 'b>(
    types: TypesRef<'b>,
    items: impl Iterator<Item = (&'a str, Option<&'b ComponentItem>)>,
) -> Result<u64, InspectError> {
    let mut count = 0_u64;
    for (name, item) in items {
        check_name(name)?;
        count += 1;
        if let Some(ComponentItem { ty: ComponentEntityType::Instance(instance), .. }) = item {
            for name in types[*instance].exports.keys() {
                check_name(name)?;
                count += 1;
            }
        }
    }
    Ok(count)
}

pub(crate) fn check_name(name: &str) -> Result<(), InspectError> {
    let length = name.len() as u64;
    if length <= NAME.most {
        return Ok(());
    }
    Err(InspectError::LongName { name: shorten(name).into_owned(), length, most: NAME.most })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bounds::Bound;

    fn too_many(bound: Bound, found: u64) -> Result<(), InspectError> {
        Err(InspectError::TooMany { what: bound.what.into(), found, most: bound.most })
    }

    /// A component that exports an instance with so many functions, and imports one.
    fn interface(functions: usize, name: &str) -> Result<crate::engine::inspect::Interface, InspectError> {
        let functions = |kind: &str| (0..functions).map(|n| format!("(export \"f{n}\" {kind})")).collect::<String>();
        let (exports, imports) = (functions("(func $f)"), functions("(func)"));
        let text = format!(
            "(component (import \"a:b/{name}\" (instance {imports}))
              (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
              (func $f (canon lift (core func $i \"f\"))) (instance $x {exports}) (export \"a:b/c\" (instance $x)))"
        );
        crate::engine::inspect::inspect(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn imports_and_exports_are_counted_with_what_is_in_their_instances() {
        assert!(interface(9_999, "i").is_ok());
        assert_eq!(interface(10_000, "i").map(drop), too_many(IMPORTS, 10_001));
        let exports: String = (0..10_001).map(|n| format!("(export \"f{n}\" (func $f))")).collect();
        let text = format!(
            "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
              (func $f (canon lift (core func $i \"f\"))) {exports})"
        );
        let inspected = crate::engine::inspect::inspect(&wat::parse_str(text).unwrap());
        assert_eq!(inspected.map(drop), too_many(EXPORTS, 10_001));
    }

    #[test]
    fn names_are_short() {
        assert!(interface(1, &"n".repeat(996)).is_ok());
        let name = "n".repeat(997);
        let shown = format!("a:b/{}…", &name[..196]);
        let error = InspectError::LongName { name: shown, length: 1_001, most: 1_000 };
        assert_eq!(interface(1, &name), Err(error));
    }
}
