//! How much a component may be and may make of itself, in one table. The README has the same.

use crate::engine::error::InspectError;

/// One bound: what is counted, as messages say it, and how many of it there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub what: &'static str,
    pub most: u64,
}

/// Core instances of one component, nested ones multiplied out.
pub const CORE_INSTANCES: Bound = Bound { what: "core instances", most: 1_000 };

/// Instances of components, nested ones multiplied out.
pub const COMPONENT_INSTANCES: Bound = Bound { what: "component instances", most: 1_000 };

/// Functions, globals, tables and memories of all core instances, as if each were of the largest module. wasmtime keeps a
/// few dozen bytes for each.
pub const CORE_ITEMS: Bound = Bound { what: "functions and globals of core instances", most: 2_000_000 };

/// Aliases, canonical functions, resources, modules and components, and what is handed to and exported by instances, nested
/// ones multiplied out: all that wasmtime goes through for each instance.
pub const COMPONENT_ITEMS: Bound = Bound { what: "definitions, aliases and arguments", most: 100_000 };

/// Functions of all core modules together, each once.
pub const FUNCTIONS: Bound = Bound { what: "functions", most: 1_000_000 };

/// Types of the component and all that is nested in it, with what is in them.
pub const TYPES: Bound = Bound { what: "types", most: 100_000 };

/// Custom sections of the component and all that is nested in it.
pub const CUSTOM_SECTIONS: Bound = Bound { what: "custom sections", most: 10_000 };

/// What is imported, with what is in imported instances.
pub const IMPORTS: Bound = Bound { what: "imports", most: 10_000 };

/// What is exported, with what is in exported instances.
pub const EXPORTS: Bound = Bound { what: "exports", most: 10_000 };

/// Bytes of a name that is imported or exported.
pub const NAME: Bound = Bound { what: "bytes in the name of an import or export", most: 1_000 };

/// Every bound but that of the size of a component, which is [`MAX_COMPONENT`](crate::model::bounds::MAX_COMPONENT).
pub const BOUNDS: [Bound; 10] = [
    CORE_INSTANCES,
    COMPONENT_INSTANCES,
    CORE_ITEMS,
    COMPONENT_ITEMS,
    FUNCTIONS,
    TYPES,
    CUSTOM_SECTIONS,
    IMPORTS,
    EXPORTS,
    NAME,
];

impl Bound {
    pub(crate) fn check(self, found: u64) -> Result<(), InspectError> {
        let Self { what, most } = self;
        if found <= most { Ok(()) } else { Err(InspectError::TooMany { what: what.into(), found, most }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../../README.md");
        for Bound { what, most } in BOUNDS {
            let most = most.to_string();
            let grouped: Vec<&str> =
                most.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
            let row = format!("| {what} | {} |", grouped.join(","));
            assert!(readme.contains(&row), "no row `{row}`");
        }
    }
}
