//! `outdated`: which extensions have newer versions, and what those would want. Nothing is changed; what must be looked into
//! goes to a temporary folder.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::host::grants::capabilities;
use crate::model::lock::{LockEntry, LockedSource};
use crate::model::manifest::ComponentSource;
use crate::model::name::ExtensionName;
use crate::model::report::query::outdated::{Outdated, OutdatedReport};
use crate::model::report::warning::Warning;
use crate::model::version::{Requirement, version};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::registries;
use crate::ops::sync::lock::resolve_all;
use crate::ops::sync::observe::Observation;
use crate::registry::source::selection::SourceSelector;
use crate::store::blobs::Blobs;
use crate::store::write::temporary_folder;

/// Asks for the tags of every repository, and looks into what is newer.
///
/// # Errors
/// [`Error`] if manifest or lock cannot be read. What a registry does not tell is in the report.
pub fn outdated(context: &Context) -> Result<OutdatedReport, Error> {
    let observed = Observation::read(context, None)?;
    let lock = observed.lock()?.unwrap_or_default();
    let manifest = &observed.manifest;
    let registry = registries::source_selector(context, &manifest.registries)?;
    let wanted = manifest.extensions.iter().filter(|(_, extension)| extension.source.repository().is_some());
    let wanted: Vec<_> = wanted.map(|(name, extension)| (name, &extension.source, lock.entries.get(name))).collect();
    let checked = wanted.len();
    let rows = context.block_on(async {
        let rows = stream::iter(wanted).map(|(name, source, entry)| find_newer(&registry, name, source, entry));
        Ok(rows.buffered(context.jobs.max(1)).collect::<Vec<_>>().await)
    })?;
    let mut extensions: Vec<Outdated> = rows.into_iter().flatten().collect();
    for (extension, fault) in extensions.iter().filter_map(|row| Some((row.name.clone(), row.fault.clone()?))) {
        context.warn(&[Warning::VersionsUnknown { extension, fault }]);
    }
    // What the newer ones want, they tell themselves.
    let newer: BTreeMap<ExtensionName, ComponentSource> = extensions
        .iter()
        .filter_map(|row| {
            let locked = row.locked.as_ref();
            let mut newer = [&row.fits, &row.newest].into_iter().flatten();
            let target = newer.find(|tag| locked.is_none_or(|locked| is_newer(Some(tag), locked)))?;
            let repository = manifest.extensions.get(&row.name)?.source.repository()?;
            Some((row.name.clone(), ComponentSource::Oci(repository.at(target).ok()?)))
        })
        .collect();
    let scratch = temporary_folder()?;
    let blobs = Blobs::overlay_on(&context.paths, scratch.path().to_owned());
    let newer: Vec<_> = newer.iter().collect();
    let resolved = resolve_all(context, &manifest.registries, &newer, &blobs)?;
    let entries: BTreeMap<ExtensionName, LockEntry> = resolved.entries.into_iter().collect();
    for row in &mut extensions {
        if let Some(entry) = entries.get(&row.name) {
            let before = lock.entries.get(&row.name).map(wants).unwrap_or_default();
            let after = wants(entry);
            row.wants = after.difference(&before).cloned().collect();
            row.wants_no_more = before.difference(&after).cloned().collect();
        }
        if let Some((_, fault)) = resolved.faults.iter().find(|(name, _)| *name == row.name) {
            row.fault = Some(fault.clone());
        }
    }
    Ok(OutdatedReport { extensions, checked })
}

/// What is newer of one extension; none if it is the newest.
async fn find_newer(
    registry: &SourceSelector,
    name: &ExtensionName,
    source: &ComponentSource,
    entry: Option<&LockEntry>,
) -> Option<Outdated> {
    let repository = source.repository()?;
    let locked = match entry.map(|entry| &entry.source) {
        Some(LockedSource::Oci { reference, .. }) if reference.without_revision() == repository => {
            Some(reference.revision().to_owned())
        }
        _ => None,
    };
    let mut row = Outdated {
        name: name.clone(),
        locked,
        fits: None,
        newest: None,
        wants: Vec::new(),
        wants_no_more: Vec::new(),
        fault: None,
    };
    match registry.tags(repository).await {
        Err(error) => row.fault = Some(Error::from(error).fault()),
        Ok(tags) => {
            row.newest = Requirement::any().highest(tags.iter()).map(str::to_owned);
            row.fits = match source {
                ComponentSource::Range(range) => range.requirement.highest(tags.iter()).map(str::to_owned),
                ComponentSource::Oci(reference) => Some(reference.revision().to_owned()),
                ComponentSource::Path(_) => None,
            };
            let Some(locked) = &row.locked else { return Some(row) };
            if !is_newer(row.fits.as_deref(), locked) && !is_newer(row.newest.as_deref(), locked) {
                return None;
            }
        }
    }
    Some(row)
}

/// Whether a tag is a newer version than another; of a tag that is none, no version is newer.
fn is_newer(tag: Option<&str>, locked: &str) -> bool {
    tag.and_then(version).zip(version(locked)).is_some_and(|(tag, locked)| tag > locked)
}

/// The capabilities that a component wants.
fn wants(entry: &LockEntry) -> BTreeSet<String> {
    capabilities(&entry.imports).into_iter().map(|capability| capability.to_string()).collect()
}
