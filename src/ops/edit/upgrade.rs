//! `upgrade`: resolves extensions again and activates the set. What a newer version asks for is granted only with consent;
//! an extension without it stays as it is, and the others are upgraded.

use crate::model::capability::grant::collect;
use std::collections::{BTreeMap, BTreeSet};

use crate::host::grants::missing;
use crate::model::capability::grant::Grant;
use crate::model::capability::{Capability, Grants, with_additions};
use crate::model::lock::{Lock, LockEntry, Staleness};
use crate::model::manifest::Manifest;
use crate::model::manifest::edit::EntryChange;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::policy::Policy;
use crate::model::report::extension::{LeftExtension, UpgradeReport};
use crate::model::report::sync::{LockOutcome, SyncReport};
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::edit::EditError;
use crate::ops::error::policy::PolicyError;
use crate::ops::policy::checks::{check_rule, fail_on_faults, read_policy, whole};
use crate::ops::query::generations::check_profile;
use crate::ops::sync::lock::{ResolvedEntries, check_upgrade, preview_with, resolve_all, resolve_and_write_with};
use crate::ops::sync::observe::Observation;
use crate::ops::sync::options::{UpgradeSelection, WriteMode};
use crate::ops::sync::preview_of;
use crate::store::blobs::Blobs;
use crate::store::write::temporary_folder;

use super::consent::{Consent, ConsentRequest};
use super::manifest_files::{EntryPlace, InstallTarget, entry_file, write_entry};
use super::transaction::{activate, all_or_nothing, check_profile_manifest};

/// What to upgrade.
pub struct UpgradeOptions<'a> {
    pub mode: WriteMode,
    pub selection: &'a UpgradeSelection,
    /// Granted to the selected extensions as far as their newer versions ask for it.
    pub grants: &'a [Grant],
    /// Asked when a newer version needs more than is granted.
    pub consent: &'a dyn Fn(&ConsentRequest<'_>) -> Consent<Grants>,
    pub profile: Option<&'a ProfileName>,
}

/// Takes the newest revisions that the manifest allows, and that need no more than is granted or agreed to; or reports which it
/// would take.
///
/// # Errors
/// Any of `lock` and `sync`; [`EditError::GrantForSeveral`] if it is not clear for which extension a grant is. Then manifest,
/// lock and active set are as before.
pub fn upgrade(context: &Context, options: &UpgradeOptions<'_>) -> Result<UpgradeReport, Error> {
    match options.mode {
        WriteMode::Preview => {
            let scratch = temporary_folder()?;
            let blobs = Blobs::overlay_on(&context.paths, scratch.path().to_owned());
            preview(context, options, decide_all(context, options, &blobs)?, &blobs)
        }
        WriteMode::Write => {
            let guard = context.lock_store()?;
            let decided = decide_all(context, options, &Blobs::new(&context.paths))?;
            drop(guard);
            write(context, options, decided)
        }
    }
}

/// What the manifest was when it was decided what to take of it.
struct Decided {
    manifest: Manifest,
    decisions: Decisions,
}

fn decide_all(context: &Context, options: &UpgradeOptions<'_>, blobs: &Blobs) -> Result<Decided, Error> {
    let observed = Observation::read(context, options.profile)?;
    check_upgrade(context, &observed.manifest, options.selection)?;
    check_profile(context, options.profile)?;
    check_profile_manifest(context, options.profile, &observed.manifest)?;
    let lock = context.project.read_lock_or_merge()?.unwrap_or_default().lock;
    let stale = observed.stale(&lock)?;
    let newer = resolve_selected(context, &observed.manifest, options.selection, blobs)?;
    let before =
        Before { manifest: &observed.manifest, lock: &lock, stale: &stale, policy: read_policy(&context.user)? };
    let decisions = decide(context, options, &before, newer)?;
    Ok(Decided { manifest: observed.manifest, decisions })
}

fn preview(
    context: &Context,
    options: &UpgradeOptions<'_>,
    Decided { mut manifest, decisions: Decisions { accepted, granted, left } }: Decided,
    blobs: &Blobs,
) -> Result<UpgradeReport, Error> {
    for (name, grants) in &granted {
        if let Some(extension) = manifest.extensions.get_mut(name) {
            extension.capabilities = with_additions(&extension.capabilities, grants);
        }
    }
    let (lock, report) = preview_with(context, &manifest, accepted, blobs)?;
    let files = Vec::new();
    Ok(UpgradeReport { sync: preview_of(context, options.profile, manifest, (lock, report))?, files, left })
}

fn write(
    context: &Context,
    options: &UpgradeOptions<'_>,
    Decided { manifest: observed, decisions: Decisions { accepted, granted, left } }: Decided,
) -> Result<UpgradeReport, Error> {
    // Another run may have worked on the store and the manifest during the question.
    let _guard = context.lock_store()?;
    all_or_nothing(context, |undo| {
        let manifest = context.project.read_manifest()?;
        let asked_for = |manifest: &Manifest, name| {
            manifest.extensions.get(name).map(|extension| (extension.source.clone(), extension.capabilities.clone()))
        };
        if accepted.keys().any(|name| asked_for(&manifest, name) != asked_for(&observed, name)) {
            return Err(EditError::ChangedMeanwhile(context.project.manifest().to_owned()).into());
        }
        let mut files = BTreeSet::new();
        for (name, grants) in &granted {
            let place = EntryPlace::of(name, &manifest, InstallTarget::Manifest);
            files.insert(entry_file(context, name, place).1);
            write_entry(context, undo, name, place, &EntryChange { source: None, grants: grants.clone() })?;
        }
        undo.remember(&context.project.lock_path())?;
        let manifest = context.project.read_manifest()?;
        let (_, mut lock) = resolve_and_write_with(context, &manifest, &UpgradeSelection::Nothing, accepted)?;
        if lock.outcome == LockOutcome::Satisfied {
            lock.outcome = LockOutcome::Unchanged;
        }
        let sync = SyncReport { lock: Some(lock), ..activate(context, options.profile)? };
        Ok(UpgradeReport { sync, files: files.into_iter().collect(), left })
    })
}

fn resolve_selected(
    context: &Context,
    manifest: &Manifest,
    selection: &UpgradeSelection,
    blobs: &Blobs,
) -> Result<BTreeMap<ExtensionName, LockEntry>, Error> {
    let selected: Vec<_> = manifest
        .extensions
        .iter()
        .filter(|(name, _)| selection.contains(name))
        .map(|(name, extension)| (name, &extension.source))
        .collect();
    let ResolvedEntries { entries, faults } = resolve_all(context, &manifest.registries, &selected, blobs)?;
    fail_on_faults(faults)?;
    Ok(entries.into_iter().collect())
}

/// Which newer versions are taken.
#[derive(Default)]
struct Decisions {
    accepted: BTreeMap<ExtensionName, LockEntry>,
    /// What is granted for them, beside what the manifest grants.
    granted: BTreeMap<ExtensionName, Grants>,
    left: Vec<LeftExtension>,
}

/// What there is before an upgrade.
struct Before<'a> {
    manifest: &'a Manifest,
    lock: &'a Lock,
    stale: &'a BTreeMap<ExtensionName, Staleness>,
    policy: Policy,
}

impl Before<'_> {
    /// What a newer version needs and is not granted. Nothing if it is the locked one.
    fn missing(&self, name: &ExtensionName, entry: &LockEntry) -> Vec<Capability> {
        match self.manifest.extensions.get(name) {
            Some(declared) if self.lock.entries.get(name) != Some(entry) => {
                missing(&entry.imports, &[&declared.capabilities])
            }
            _ => Vec::new(),
        }
    }

    /// The locked reference or path, if the extension can stay there.
    fn locked(&self, name: &ExtensionName) -> Option<String> {
        let entry = self.lock.entries.get(name).filter(|_| !self.stale.contains_key(name))?;
        Some(entry.source.to_string())
    }
}

fn decide(
    context: &Context,
    options: &UpgradeOptions<'_>,
    before: &Before<'_>,
    newer: BTreeMap<ExtensionName, LockEntry>,
) -> Result<Decisions, Error> {
    let missing: BTreeMap<&ExtensionName, Vec<Capability>> =
        newer.iter().map(|(name, entry)| (name, before.missing(name, entry))).collect();
    let asking: Vec<ExtensionName> =
        missing.iter().filter(|(_, missing)| !missing.is_empty()).map(|(name, _)| (*name).clone()).collect();
    if asking.len() > 1 && !options.grants.is_empty() && *options.selection == UpgradeSelection::All {
        return Err(EditError::GrantForSeveral { names: asking }.into());
    }
    let is_asked_for = |grant: &&Grant| missing.values().any(|missing| missing.contains(&grant.capability));
    let unused: BTreeSet<Capability> =
        options.grants.iter().filter(|grant| !is_asked_for(grant)).map(|grant| grant.capability).collect();
    if !unused.is_empty() {
        context.warn(&[Warning::GrantsNotNeeded { capabilities: unused.into_iter().collect() }]);
    }
    let mut decisions = Decisions::default();
    for (name, entry) in &newer {
        let needed = missing.get(name).cloned().unwrap_or_default();
        match consented(options, before, (name, entry), needed)? {
            Agreement::Granted(grants) => {
                if !grants.is_empty() {
                    decisions.granted.insert(name.clone(), grants);
                }
                decisions.accepted.insert(name.clone(), entry.clone());
            }
            Agreement::Left(left) => decisions.left.push(left),
        }
    }
    Ok(decisions)
}

/// Whether a newer version gets what it asks for.
enum Agreement {
    Granted(Grants),
    Left(LeftExtension),
}

fn consented(
    options: &UpgradeOptions<'_>,
    before: &Before<'_>,
    (name, entry): (&ExtensionName, &LockEntry),
    needed: Vec<Capability>,
) -> Result<Agreement, Error> {
    let (locked, source) = (before.locked(name), entry.source.to_string());
    let left = |capabilities, denied_by: Option<String>| {
        let (locked, newer) = (locked.clone().unwrap_or_default(), source.clone());
        Agreement::Left(LeftExtension { name: name.clone(), locked, newer, capabilities, denied_by })
    };
    if let Err(denied) = check_rule(&before.policy, name.as_str(), None, &whole(&needed)) {
        let Error::Policy(PolicyError::Denied { capabilities, file, .. }) = denied else { return Err(denied) };
        return match locked {
            Some(_) => Ok(left(capabilities, Some(file))),
            None => Err(PolicyError::Denied { name: name.to_string(), capabilities, file }.into()),
        };
    }
    let answered = options.grants.iter().filter(|grant| needed.contains(&grant.capability));
    let mut granted = collect(answered).map_err(EditError::Grants)?;
    let missing: Vec<Capability> = needed.into_iter().filter(|capability| !granted.contains_key(capability)).collect();
    if missing.is_empty() {
        return Ok(Agreement::Granted(granted));
    }
    let asked = whole(&missing);
    let request = ConsentRequest {
        name,
        source: &source,
        replaced: locked.as_deref(),
        entry,
        missing: &asked,
        inherited: &Grants::new(),
        granted: &granted,
        lost_range: None,
    };
    match (options.consent)(&request) {
        Consent::Granted(agreed) if missing.iter().all(|capability| agreed.contains_key(capability)) => {
            granted.extend(agreed);
            Ok(Agreement::Granted(granted))
        }
        Consent::Interrupted => Err(Error::Interrupted),
        // Without a version to stay at, it is refused with what has to be granted.
        _ if locked.is_none() => Ok(Agreement::Granted(Grants::new())),
        _ => Ok(left(missing, None)),
    }
}
