//! `graph`: what the wanted extensions import and export, and what grants it. From manifest and lock alone: nothing is asked,
//! fetched or changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::grants::{required_capability, unused_grants};
use crate::model::capability::Grants;
use crate::model::capability::grant::format_grants;
use crate::model::lock::LockEntry;
use crate::model::manifest::Extension;
use crate::model::name::ExtensionName;
use crate::model::report::query::graph::{GraphExtension, GraphImport, GraphReport};
use crate::ops::error::Error;
use crate::ops::project::Project;

/// Ties each extension of the manifest to what the lock says of its component.
///
/// # Errors
/// [`Error`] if manifest or lock cannot be read.
pub fn graph(project: &Project) -> Result<GraphReport, Error> {
    let manifest = project.read_manifest()?;
    let lock = project.read_lock()?.unwrap_or_default();
    // Whether the files of `path` are still those that are locked is not looked at.
    let stale = lock.staleness(&manifest, &BTreeMap::new());
    let extensions = manifest
        .extensions
        .iter()
        .map(|(name, wanted)| extension(name, wanted, lock.entries.get(name).filter(|_| !stale.contains_key(name))));
    Ok(GraphReport { manifest: project.shown_manifest(), extensions: extensions.collect() })
}

fn extension(name: &ExtensionName, wanted: &Extension, entry: Option<&LockEntry>) -> GraphExtension {
    let none = BTreeSet::new();
    let (imports, exports) = entry.map_or((&none, &none), |entry| (&entry.imports, &entry.exports));
    let unused = if entry.is_some() { unused_grants(imports, &wanted.capabilities) } else { Vec::new() };
    let (mut others, mut in_vain) = (Grants::new(), Grants::new());
    for (capability, scope) in &wanted.capabilities {
        if unused.contains(capability) {
            in_vain.insert(*capability, scope.clone());
        } else if capability.function().is_none() || entry.is_none() {
            others.insert(*capability, scope.clone());
        }
    }
    GraphExtension {
        name: name.clone(),
        source: entry.map_or_else(|| wanted.source.to_string(), |entry| entry.source.to_string()),
        place: wanted.declared_at.clone(),
        is_locked: entry.is_some(),
        imports: imports
            .iter()
            .map(|import| GraphImport::new(import, required_capability(import), &wanted.capabilities))
            .collect(),
        exports: exports.clone(),
        other_grants: format_grants(&others),
        unused_grants: format_grants(&in_vain),
    }
}
