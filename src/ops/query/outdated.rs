//! `outdated`: which extensions have newer versions, and what those ask for. Nothing is changed; what must be looked into
//! goes to a temporary folder.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use crate::host::grants::{capabilities, missing};
use crate::model::annotations::Annotations;
use crate::model::capability::Grants;
use crate::model::digest::Digest;
use crate::model::lock::{LockEntry, LockedSource};
use crate::model::manifest::{ComponentSource, Manifest};
use crate::model::name::ExtensionName;
use crate::model::report::query::outdated::{CapabilityChange, Outdated, OutdatedReport};
use crate::model::report::warning::Warning;
use crate::model::version::{Requirement, version};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::checks::{read_policy, whole};
use crate::ops::policy::registries;
use crate::ops::sync::lock::{ResolvedEntries, check_upgrade, resolve_all};
use crate::ops::sync::observe::Observation;
use crate::ops::sync::options::UpgradeSelection;
use crate::registry;
use crate::registry::source::selection::SourceSelector;
use crate::store::blobs::Blobs;
use crate::store::write::temporary_folder;

use super::annotations::annotations;

/// Asks for the tags of the repositories of some extensions, and for what their locked tags name now, and looks into what is newer.
///
/// # Errors
/// [`Error`] if manifest or lock cannot be read, or do not name one of the extensions. What a registry does not tell is in the report.
pub fn outdated(context: &Context, selection: &UpgradeSelection) -> Result<OutdatedReport, Error> {
    let observed = Observation::read(context, None)?;
    check_upgrade(context, &observed.manifest, selection)?;
    let lock = observed.lock()?.unwrap_or_default();
    let manifest = &observed.manifest;
    let registry = registries::source_selector(context, &manifest.registries)?;
    let wanted = manifest.extensions.iter().filter(|(_, extension)| extension.source.repository().is_some());
    let wanted = wanted.filter(|(name, _)| selection.contains(name));
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
    let scratch = temporary_folder()?;
    let blobs = Blobs::overlay_on(&context.paths, scratch.path().to_owned());
    let mut inspect = |tag_of: TagOf, set: &dyn Fn(&mut Outdated, &LockEntry)| -> Result<(), Error> {
        let newer: BTreeMap<ExtensionName, ComponentSource> = extensions
            .iter()
            .filter_map(|row| Some((row.name.clone(), newer_source(manifest, row, tag_of(row)?)?)))
            .collect();
        let newer: Vec<_> = newer.iter().collect();
        let ResolvedEntries { entries, faults } = resolve_all(context, &manifest.registries, &newer, &blobs)?;
        let entries: BTreeMap<ExtensionName, LockEntry> = entries.into_iter().collect();
        for row in &mut extensions {
            if let Some(newer) = entries.get(&row.name) {
                set(row, newer);
            }
            if let Some((extension, fault)) = faults.iter().find(|(name, _)| *name == row.name).cloned() {
                row.fault = Some(fault.clone());
                context.warn(&[Warning::VersionsUnknown { extension, fault }]);
            }
        }
        Ok(())
    };
    let policy = read_policy(&context.user)?;
    let locked = |row: &Outdated| lock.entries.get(&row.name);
    inspect(|row| row.fits.as_deref(), &|row, newer| {
        row.fits_capabilities = change(locked(row), newer);
        row.fits_annotations = annotations(&blobs, newer.source.manifest_digests().next(), newer.component);
        let granted: Vec<&Grants> =
            manifest.extensions.get(&row.name).iter().map(|extension| &extension.capabilities).collect();
        row.fits_needs = missing(&newer.imports, &granted);
        row.fits_denied = policy.denied(&whole(&row.fits_needs)).map(|(capability, _)| capability).collect();
    })?;
    let other_newest: TagOf = |row| row.newest.as_deref().filter(|newest| row.fits.as_deref() != Some(*newest));
    inspect(other_newest, &|row, newer| {
        row.newest_capabilities = change(locked(row), newer);
        row.newest_annotations = annotations(&blobs, newer.source.manifest_digests().next(), newer.component);
    })?;
    for row in extensions.iter_mut().filter(|row| row.newest == row.fits) {
        row.newest_capabilities.clone_from(&row.fits_capabilities);
        row.newest_annotations.clone_from(&row.fits_annotations);
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
        repository: repository.to_string(),
        locked,
        moved: None,
        fits: None,
        newest: None,
        fits_capabilities: None,
        newest_capabilities: None,
        fits_annotations: Annotations::default(),
        newest_annotations: Annotations::default(),
        fits_needs: Vec::new(),
        fits_denied: Vec::new(),
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
            let is_outdated = is_newer(row.fits.as_deref(), locked) || is_newer(row.newest.as_deref(), locked);
            match moved(registry, source, entry).await {
                Ok(moved) => row.moved = moved,
                // Of one that is outdated anyway, that is not needed.
                Err(error) if !is_outdated => row.fault = Some(Error::from(error).fault()),
                Err(_) => {}
            }
            if !is_outdated && row.moved.is_none() && row.fault.is_none() {
                return None;
            }
        }
    }
    Some(row)
}

/// What a locked tag names now, if that is something else. A pinned reference is not asked for its tag, and a mirror need not have
/// the tag that is locked.
async fn moved(
    registry: &SourceSelector,
    source: &ComponentSource,
    entry: Option<&LockEntry>,
) -> Result<Option<Digest>, registry::Error> {
    let is_pinned = matches!(source, ComponentSource::Oci(reference) if reference.provenance().is_some());
    let Some(LockedSource::Oci { reference, provenance, .. }) = entry.map(|entry| &entry.source) else {
        return Ok(None);
    };
    if is_pinned {
        return Ok(None);
    }
    match registry.resolve(reference).await {
        Ok(found) => Ok(Some(found.provenance).filter(|found| found != provenance)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a tag is a newer version than another; of a tag that is none, no version is newer.
fn is_newer(tag: Option<&str>, locked: &str) -> bool {
    tag.and_then(version).zip(version(locked)).is_some_and(|(tag, locked)| tag > locked)
}

/// One of the tags of an extension.
type TagOf = fn(&Outdated) -> Option<&str>;

/// Where a tag leads, if it is newer than the locked one, or is that one and was moved.
fn newer_source(manifest: &Manifest, row: &Outdated, tag: &str) -> Option<ComponentSource> {
    let is_moved = |locked: &str| row.moved.is_some() && tag == locked;
    let is_newer = row.locked.as_deref().is_none_or(|locked| is_newer(Some(tag), locked) || is_moved(locked));
    let repository = manifest.extensions.get(&row.name)?.source.repository().filter(|_| is_newer)?;
    Some(ComponentSource::Oci(repository.at(tag).ok()?))
}

/// How the capabilities of a component differ from those of the locked one.
fn change(locked: Option<&LockEntry>, newer: &LockEntry) -> Option<CapabilityChange> {
    let before = locked.map(|locked| capabilities(&locked.imports)).unwrap_or_default();
    let after = capabilities(&newer.imports);
    let change = CapabilityChange { added: &after - &before, removed: &before - &after };
    (after != before).then_some(change)
}
