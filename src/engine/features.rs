//! Which WebAssembly features a component needs that this host does not have, by the names that people know them by.

use wasmparser::{BinaryReaderError, WasmFeatures};

use super::config::FEATURES;
use super::error::InspectError;
use super::validate::validate;

/// How many features are looked for one after the other.
const MOST: usize = 8;

/// The names of the proposals; several flags may belong to one (<https://github.com/WebAssembly/proposals>).
const NAMES: [(WasmFeatures, &str); 18] = [
    (WasmFeatures::EXCEPTIONS, "exceptions"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "legacy exceptions"),
    (WasmFeatures::GC.union(WasmFeatures::GC_TYPES), "garbage collection"),
    (WasmFeatures::FUNCTION_REFERENCES, "typed function references"),
    (WasmFeatures::THREADS, "threads"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads"),
    (WasmFeatures::MEMORY64, "64-bit memories (memory64)"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::MEMORY_CONTROL, "memory control"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors"),
    (WasmFeatures::COMPACT_IMPORTS, "compact imports"),
    (
        WasmFeatures::CM_ASYNC
            .union(WasmFeatures::CM_ASYNC_STACKFUL)
            .union(WasmFeatures::CM_MORE_ASYNC_BUILTINS)
            .union(WasmFeatures::CM_THREADING),
        "async functions of the component model",
    ),
    (WasmFeatures::CM_VALUES, "values of the component model"),
    (WasmFeatures::CM_ERROR_CONTEXT, "error contexts of the component model"),
    (WasmFeatures::CM_FIXED_LENGTH_LISTS, "lists of fixed length"),
    (WasmFeatures::CM_MAP, "maps of the component model"),
];

/// What is wrong with a component that is not valid under [`FEATURES`]: the features that it needs besides, or what it is
/// that no feature would help.
pub(crate) fn explain_invalid(bytes: &[u8], error: BinaryReaderError) -> InspectError {
    let mut features = FEATURES;
    let mut flagged = error.missing_wasm_feature();
    for _ in 0..MOST {
        let Some(flag) = flagged.take().filter(|flag| !features.contains(*flag)) else { break };
        features |= flag | implied_features(flag);
        match validate(bytes, features) {
            Ok(()) => return InspectError::Features { features: names(features.difference(FEATURES)) },
            Err(next) => flagged = next.missing_wasm_feature(),
        }
    }
    error.into()
}

/// What comes with a feature: objects of exceptions and of garbage collection are of types that have a flag of their own.
fn implied_features(flag: WasmFeatures) -> WasmFeatures {
    if flag.intersects(WasmFeatures::EXCEPTIONS | WasmFeatures::GC) {
        WasmFeatures::GC_TYPES
    } else {
        WasmFeatures::empty()
    }
}

fn names(features: WasmFeatures) -> Vec<String> {
    // The types that exceptions imply are no feature that somebody has asked for.
    let asked = if features.contains(WasmFeatures::EXCEPTIONS) && !features.contains(WasmFeatures::GC) {
        features.difference(WasmFeatures::GC_TYPES)
    } else {
        features
    };
    let known = NAMES.iter().filter(|(flags, _)| asked.intersects(*flags)).map(|(_, name)| (*name).to_owned());
    let all_known = NAMES.iter().fold(WasmFeatures::empty(), |all, (flags, _)| all | *flags);
    let others = asked.difference(all_known);
    let others = others.iter_names().map(|(name, _)| name.to_lowercase().replace('_', " "));
    known.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::super::inspect::inspect;
    use super::*;

    fn needs(module: &str) -> String {
        let text = format!("(component {module})");
        let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
        match inspect(&bytes) {
            Err(InspectError::Features { features }) => features.join(" and "),
            other => panic!("{module}: {other:?}"),
        }
    }

    #[test]
    fn what_is_off_is_refused_by_its_name() {
        for (module, name) in [
            ("(core module (tag (param i32)) (func (throw 0 (i32.const 7))))", "exceptions"),
            (
                "(core module (type (struct (field i32))) (func (drop (struct.new 0 (i32.const 1)))))",
                "garbage collection",
            ),
            (
                "(core module (type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0))))",
                "typed function references",
            ),
            ("(core module (memory 1 1 shared))", "threads"),
            ("(core module (memory i64 1))", "64-bit memories (memory64)"),
            ("(core module (memory 1 (pagesize 1)))", "custom page sizes"),
            (
                "(core module (func (result i64 i64) (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))))",
                "wide arithmetic",
            ),
            ("(import \"f\" (func async))", "async functions of the component model"),
            ("(core func (canon error-context.drop))", "error contexts of the component model"),
            ("(type (list u8 4))", "lists of fixed length"),
            ("(type (map string u8))", "maps of the component model"),
            (
                "(core module (memory i64 1)) (core module (tag) (func (throw 0)))",
                "exceptions and 64-bit memories (memory64)",
            ),
        ] {
            assert_eq!(needs(module), name, "{module}");
        }
    }

    #[test]
    fn what_no_feature_helps_is_invalid() {
        let invalid = wat::parse_str("(component (core module (func (result i32))))").unwrap();
        assert!(matches!(inspect(&invalid), Err(InspectError::Invalid(_))));
        let both = wat::parse_str("(component (core module (memory i64 1) (func (result i32))))").unwrap();
        assert!(matches!(inspect(&both), Err(InspectError::Invalid(_))));
    }
}
