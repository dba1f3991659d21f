//! `lock`: resolves what the lock does not satisfy, looks at it, and writes `sesame.lock`.
//!
//! A satisfied lock costs no request and no write. In a dry run everything is fetched into a temporary folder.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::compiler::client::Compiler;
use crate::model::bounds::MAX_PROJECT_FILE;
use crate::model::digest::Digest;
use crate::model::fault::Fault;
use crate::model::lock::merge::LoadedLock;
use crate::model::lock::{Lock, LockChange, LockEntry, LockedSource, Staleness};
use crate::model::manifest::{ComponentSource, Manifest, OciRange};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::step::FetchSource;
use crate::model::plan::{Plan, ResolvedComponent};
use crate::model::reference::OciReference;
use crate::model::registries::Registries;
use crate::model::report::event::Event;
use crate::model::report::sync::{LockOutcome, LockReport, SetSummary};
use crate::model::report::warning::Warning;
use crate::model::version::{Requirement, unversioned_tags};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::lock::LockError;
use crate::ops::error::policy::PolicyError;
use crate::ops::policy::checks::{check_manifest, check_offered, fail_on_faults, read_policy, ungranted};
use crate::ops::policy::registries;
use crate::ops::sync::options::{UpgradeSelection, WriteMode};
use crate::registry::source::selection::SourceSelector;
use crate::store::blobs::Blobs;
use crate::store::integrity::scan::{CacheUpdates, ScanRequest};
use crate::store::write::temporary_folder;

use super::apply::{ApplyContext, apply_collecting_faults};
use super::noop_check::NoopCheck;
use super::observe::{Observation, fresh_entries, look, stale_entries};

/// How many components are inspected at a time.
const INSPECTIONS: usize = 8;

/// Makes the lock satisfy the manifest.
///
/// # Errors
/// [`LockError::Extensions`] with every extension that cannot be locked; then nothing is written.
pub fn lock(context: &Context, mode: WriteMode, upgrade: &UpgradeSelection) -> Result<LockReport, Error> {
    let (report, warnings) = lock_with_warnings(context, mode, upgrade)?;
    context.warn(&warnings);
    Ok(report)
}

/// The same, with its warnings for the caller.
pub(crate) fn lock_with_warnings(
    context: &Context,
    mode: WriteMode,
    upgrade: &UpgradeSelection,
) -> Result<(LockReport, Vec<Warning>), Error> {
    let noop = (*upgrade == UpgradeSelection::Nothing).then(|| NoopCheck::of_lock(context));
    if let Some(answer) = noop.as_ref().and_then(NoopCheck::recorded) {
        return Ok((satisfied(context, answer.extensions), Vec::new()));
    }
    let mut observed = Observation::read(context, None)?;
    check_upgrade(context, &observed.manifest, upgrade)?;
    let old = context.project.read_lock_or_merge()?;
    if let Some(noop) = noop
        && let Some(LoadedLock { lock: old, had_conflict: false, .. }) = &old
        && observed.stale(old)?.is_empty()
    {
        observed.check_policy(Some(old))?;
        fail_on_faults(observed.ungranted(old))?;
        let warnings = observed.unused_grants(old);
        let extensions = old.entries.len();
        if warnings.is_empty() && mode == WriteMode::Write {
            let answer = SetSummary { profile: ProfileName::default(), generation: None, extensions };
            noop.record_lock(&observed.manifest, answer);
        }
        return Ok((satisfied(context, extensions), warnings));
    }
    let (lock, report) = match mode {
        WriteMode::Preview => preview(context, &observed.manifest, upgrade)?,
        WriteMode::Write => {
            let _guard = context.lock_store()?;
            // While we waited, another run may have changed the manifest.
            observed = Observation::read(context, None)?;
            check_upgrade(context, &observed.manifest, upgrade)?;
            resolve_and_write(context, &observed.manifest, upgrade)?
        }
    };
    Ok((report, observed.unused_grants(&lock)))
}

/// Makes and writes the lock. For whoever holds the store's guard.
pub(crate) fn resolve_and_write(
    context: &Context,
    manifest: &Manifest,
    upgrade: &UpgradeSelection,
) -> Result<(Lock, LockReport), Error> {
    resolve_and_write_with(context, manifest, upgrade, BTreeMap::new())
}

/// Like [`resolve_and_write`], with entries that are known already and are not resolved again.
pub(crate) fn resolve_and_write_with(
    context: &Context,
    manifest: &Manifest,
    upgrade: &UpgradeSelection,
    known: BTreeMap<ExtensionName, LockEntry>,
) -> Result<(Lock, LockReport), Error> {
    let blobs = Blobs::new(&context.paths);
    let (lock, mut report) = build_lock(context, manifest, upgrade, known, &blobs)?;
    if report.outcome == LockOutcome::WouldChange {
        context.project.write_lock(&lock)?;
        report.outcome = LockOutcome::Written;
    }
    Ok((lock, report))
}

/// Makes the lock that [`resolve_and_write`] would write, and leaves the store alone.
pub(crate) fn preview(
    context: &Context,
    manifest: &Manifest,
    upgrade: &UpgradeSelection,
) -> Result<(Lock, LockReport), Error> {
    let scratch = temporary_folder()?;
    let blobs = Blobs::overlay_on(&context.paths, scratch.path().to_owned());
    build_lock(context, manifest, upgrade, BTreeMap::new(), &blobs)
}

/// Makes the lock that [`resolve_and_write_with`] would write, with what it has to fetch in `blobs`.
pub(crate) fn preview_with(
    context: &Context,
    manifest: &Manifest,
    known: BTreeMap<ExtensionName, LockEntry>,
    blobs: &Blobs,
) -> Result<(Lock, LockReport), Error> {
    build_lock(context, manifest, &UpgradeSelection::Nothing, known, blobs)
}

/// Refuses to resolve again what the manifest does not name.
pub(crate) fn check_upgrade(context: &Context, manifest: &Manifest, upgrade: &UpgradeSelection) -> Result<(), Error> {
    let UpgradeSelection::Names(names) = upgrade else { return Ok(()) };
    match names.iter().find(|name| !manifest.extensions.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::no_extension(name, context.project.shown_manifest(), manifest.extensions.keys())),
    }
}

/// As much of the lock that [`resolve_and_write`] would write as is known without a request: the entries that stay, and those of
/// components in the project. Nothing is written.
///
/// # Errors
/// [`LockError::Extensions`] with each of them that cannot be locked.
pub(crate) fn lock_without_requests(
    context: &Context,
    manifest: &Manifest,
    lock: &Lock,
    stale: &BTreeMap<ExtensionName, Staleness>,
) -> Result<Lock, Error> {
    let files = manifest.extensions.iter().map(|(name, extension)| (name, &extension.source));
    let files: Vec<(&ExtensionName, &ComponentSource)> = files
        .filter(|(name, source)| stale.contains_key(*name) && matches!(source, ComponentSource::Path(_)))
        .collect();
    let scratch = temporary_folder()?;
    let blobs = Blobs::overlay_on(&context.paths, scratch.path().to_owned());
    let ResolvedEntries { entries, mut faults } = resolve_all(context, &manifest.registries, &files, &blobs)?;
    let mut known = fresh_entries(lock, stale);
    known.entries.extend(entries);
    faults.extend(ungranted(&read_policy(&context.user)?, manifest, &known));
    fail_on_faults(faults).map(|()| known)
}

fn satisfied(context: &Context, extensions: usize) -> LockReport {
    LockReport {
        file: context.project.shown_lock(),
        outcome: LockOutcome::Satisfied,
        stale: BTreeMap::new(),
        changes: Vec::new(),
        merged: BTreeMap::new(),
        extensions,
        texts: None,
    }
}

/// Resolves, fetches, inspects. Writes nothing but blobs.
fn build_lock(
    context: &Context,
    manifest: &Manifest,
    upgrade: &UpgradeSelection,
    known: BTreeMap<ExtensionName, LockEntry>,
    blobs: &Blobs,
) -> Result<(Lock, LockReport), Error> {
    let policy = read_policy(&context.user)?;
    check_manifest(&policy, manifest, None)?;
    let old_text = context.project.lock_text()?;
    let found = context.project.read_lock_or_merge()?;
    if let (None, Some(earlier)) = (&found, context.project.earlier_lock()) {
        context.warn(&[Warning::EarlierLock { earlier, lock: context.project.shown_lock() }]);
    }
    // One that is still to be merged is written anew, whatever comes out.
    let existed = found.as_ref().is_some_and(|found| !found.had_conflict);
    let LoadedLock { lock: old, choices: mut merged, .. } = found.unwrap_or_default();
    merged.retain(|name, _| manifest.extensions.contains_key(name));
    let mut new = old.clone();
    new.entries.extend(known);
    let stale = stale_entries(context, manifest, &new)?;
    new.entries.retain(|name, _| !matches!(stale.get(name), Some(Staleness::NotWanted)));
    let wanted: Vec<(&ExtensionName, &ComponentSource)> = manifest
        .extensions
        .iter()
        .filter(|(name, _)| stale.contains_key(*name) || upgrade.contains(name))
        .map(|(name, extension)| (name, &extension.source))
        .collect();
    let ResolvedEntries { entries, mut faults } = resolve_all(context, &manifest.registries, &wanted, blobs)?;
    new.entries.extend(entries);
    let failed: BTreeSet<ExtensionName> = faults.iter().map(|(name, _)| name.clone()).collect();
    faults.extend(ungranted(&policy, manifest, &new).into_iter().filter(|(name, _)| !failed.contains(name)));
    if !faults.is_empty() {
        let faulty: BTreeSet<&ExtensionName> = faults.iter().map(|(name, _)| name).collect();
        let is_faulty = |change: &LockChange| faulty.contains(&change.name);
        let changes = old.changes(&new).into_iter().filter(is_faulty).collect();
        drop(faulty);
        faults.sort_by(|a, b| a.0.cmp(&b.0));
        return Err(LockError::Extensions { faults, changes }.into());
    }
    let changes = old.changes(&new);
    let outcome = match (changes.is_empty() && existed, stale.is_empty() && wanted.is_empty()) {
        (true, true) => LockOutcome::Satisfied,
        (true, false) => LockOutcome::Unchanged,
        (false, _) => LockOutcome::WouldChange,
    };
    let new_text = new.render();
    if new_text.len() > MAX_PROJECT_FILE {
        return Err(LockError::TooLarge { size: new_text.len() }.into());
    }
    let texts = (outcome == LockOutcome::WouldChange).then_some((old_text, new_text));
    let file = context.project.shown_lock();
    let report = LockReport { file, outcome, stale, changes, merged, extensions: new.entries.len(), texts };
    Ok((new, report))
}

/// What some extensions were resolved to, and why that failed for others.
#[derive(Default)]
pub(crate) struct ResolvedEntries {
    pub entries: Vec<(ExtensionName, LockEntry)>,
    pub faults: Vec<(ExtensionName, Fault)>,
}

/// Finds out what to lock some extensions to, and why that cannot be done for others. Looks at no grants.
pub(crate) fn resolve_all(
    context: &Context,
    registries: &Registries,
    wanted: &[(&ExtensionName, &ComponentSource)],
    blobs: &Blobs,
) -> Result<ResolvedEntries, Error> {
    if wanted.is_empty() {
        return Ok(ResolvedEntries::default());
    }
    context.observer.notice(&Event::Resolving { extensions: wanted.len() });
    let registry = registries::source_selector(context, registries)?;
    let mut faults: Vec<(ExtensionName, Fault)> = Vec::new();
    let resolved = context.block_on(async {
        let resolutions = stream::iter(wanted).map(|(name, source)| {
            let registry = &registry;
            async move { (*name, resolve(context, registry, name, source, blobs).await) }
        });
        Ok(resolutions.buffered(context.jobs.max(1)).collect::<Vec<_>>().await)
    })?;
    let mut candidates: Vec<(LockedSource, ResolvedComponent)> = Vec::new();
    for (name, result) in resolved {
        match result {
            Ok(found) => candidates.push(found),
            Err(error) => faults.push((name.clone(), error.fault())),
        }
    }
    let fetched: Vec<ResolvedComponent> = candidates.iter().map(|(_, candidate)| candidate.clone()).collect();
    faults.extend(fetch(context, &registry, &fetched, blobs)?);
    let failed: BTreeSet<&ExtensionName> = faults.iter().map(|(name, _)| name).collect();
    candidates.retain(|(_, candidate)| !failed.contains(&candidate.name));
    let compiler = Compiler::new(&context.compiler, &context.paths);
    let inspected = context.block_on(async {
        let inspections = candidates.into_iter().map(|(source, candidate)| {
            let compiler = &compiler;
            async move { (candidate.name.clone(), inspect_entry(compiler, source, &candidate, blobs).await) }
        });
        Ok(stream::iter(inspections).buffered(INSPECTIONS).collect::<Vec<_>>().await)
    })?;
    let mut entries = Vec::new();
    for (name, result) in inspected {
        match result {
            Ok(entry) => entries.push((name, entry)),
            Err(error) => faults.push((name, error.fault())),
        }
    }
    Ok(ResolvedEntries { entries, faults })
}

/// Follows one source to its component, and keeps the documents on the way.
async fn resolve(
    context: &Context,
    registry: &SourceSelector,
    name: &ExtensionName,
    source: &ComponentSource,
    blobs: &Blobs,
) -> Result<(LockedSource, ResolvedComponent), Error> {
    let reference = match source {
        ComponentSource::Oci(reference) => reference.clone(),
        ComponentSource::Range(range) => newest_tag(context, registry, name, range).await?,
        ComponentSource::Path(path) => {
            let (digest, size) = context.project.component_digest(name, &context.project.shown_manifest(), path)?;
            return Ok((
                LockedSource::Path(path.clone()),
                candidate(name, digest, size, FetchSource::Path(path.clone())),
            ));
        }
    };
    let resolution = registry.resolve(&reference).await?;
    for (blob, bytes) in &resolution.documents {
        blobs.put(bytes, blob)?;
    }
    let shown = reference.to_string();
    let provenance = resolution.provenance;
    context.observer.notice(&Event::Resolved { name, reference: &shown, provenance });
    let reference = reference.without_provenance();
    let candidate = candidate(name, resolution.component, resolution.size, FetchSource::Registry(reference.clone()));
    Ok((LockedSource::Oci { reference, provenance, manifest: resolution.manifest }, candidate))
}

/// The newest revision that fits a requirement.
pub(crate) async fn newest_tag(
    context: &Context,
    registry: &SourceSelector,
    name: &ExtensionName,
    range: &OciRange,
) -> Result<OciReference, Error> {
    let tags = registry.tags(&range.repository).await?;
    let unversioned: Vec<&str> = unversioned_tags(tags.iter()).collect();
    if !unversioned.is_empty() {
        context.observer.notice(&Event::PassedOver { name, tags: &unversioned });
    }
    let newest = || Requirement::any().highest(tags.iter()).map(str::to_owned);
    let none =
        || Error::Lock(LockError::NoVersion { name: name.clone(), range: Box::new(range.clone()), newest: newest() });
    let tag = range.requirement.highest(tags.iter()).ok_or_else(none)?;
    range.repository.at(tag).map_err(|_| none())
}

fn candidate(name: &ExtensionName, component: Digest, size: u64, origin: FetchSource) -> ResolvedComponent {
    ResolvedComponent { name: name.clone(), component, size, origin }
}

/// Fetches and verifies what the store lacks of the candidates.
fn fetch(
    context: &Context,
    registry: &SourceSelector,
    candidates: &[ResolvedComponent],
    blobs: &Blobs,
) -> Result<Vec<(ExtensionName, Fault)>, Error> {
    let wanted = ScanRequest {
        blobs: candidates.iter().map(|candidate| candidate.component).collect(),
        ..ScanRequest::default()
    };
    let inventory = look(context, wanted, CacheUpdates::Leave)?;
    let plan = Plan::for_lock(candidates, &inventory);
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    apply_collecting_faults(&ApplyContext::new(context, Some(registry), blobs, None), &plan)
}

/// Looks into a component that is in the store, and makes its entry of the lock.
async fn inspect_entry(
    compiler: &Compiler,
    source: LockedSource,
    candidate: &ResolvedComponent,
    blobs: &Blobs,
) -> Result<LockEntry, Error> {
    let bytes = blobs.read(candidate.component)?;
    if bytes.len() as u64 != candidate.size {
        let (stated, found) = (candidate.size, bytes.len() as u64);
        return Err(LockError::BadSize { name: candidate.name.clone(), stated, found }.into());
    }
    let name = &candidate.name;
    let inspection = compiler.inspect(bytes).await.map_err(|error| Error::from(error).of_extension(name))?;
    let interface = inspection.interface;
    check_offered(name.as_str(), &interface.imports)?;
    if let Some(source) = inspection.unlinkable {
        return Err(PolicyError::Link { name: name.to_string(), source }.into());
    }
    Ok(LockEntry {
        source,
        component: candidate.component,
        size: candidate.size,
        imports: interface.imports,
        exports: interface.exports,
    })
}
