//! `grant` and `revoke`: change what the manifest grants to an extension, and sync. A revocation stays although the sync after it
//! is refused, and so does a grant if the sync would have been refused without it, too: several may be needed until it is not.

use crate::ops::query::profiles::warn_of_other_profiles;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, PathBuf};

use crate::host::grants::{missing, unused_grants};
use crate::model::capability::grant::{Grant, collect, format_grants};
use crate::model::capability::{Capability, Grants, Scope, add, additions, with_additions, without_grants};
use crate::model::manifest::edit::EntryChange;
use crate::model::manifest::{Extension, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::ActiveExtension;
use crate::model::plan::generation::ProfileHold;
use crate::model::plan::narrowing::{HeldChange, Withdrawal, narrowed_to};
use crate::model::plan::set_change::GrantChanges;
use crate::model::report::extension::GrantsReport;
use crate::model::report::sync::Forecast;
use crate::ops::context::Context;
use crate::ops::error::edit::{ConfirmedAction, EditError};
use crate::ops::error::{Error, KeptEdit};
use crate::ops::policy::checks::{check_rule, read_policy};
use crate::ops::query::generations::check_profile;
use crate::ops::sync::forecast::forecast;
use crate::ops::sync::narrow::{after_held_sync, after_refusal_guarded};
use crate::ops::sync::observe::{fresh_entries, stale_entries};
use crate::ops::sync::options::{LockPolicy, SyncOptions, WriteMode};
use crate::ops::sync::sync_guarded;
use crate::store::generations;

use super::consent::Consent;
use super::manifest_files::{EntryPlace, InstallTarget, entry_file, revoke, write_entry};
use super::transaction::{AfterEdit, all_or_nothing, check_profile_manifest};
use super::undo::Undo;

/// A change to what an extension is granted.
#[derive(Debug, Clone)]
pub enum GrantEdit {
    /// Items take the place of a capability that is granted as a whole.
    Grant(Vec<Grant>),
    /// A scope of items takes these, and the whole takes all that is granted.
    Revoke(Vec<Grant>),
}

/// What to change.
pub struct GrantOptions<'a> {
    pub name: &'a ExtensionName,
    pub edit: GrantEdit,
    pub then: AfterEdit,
    /// Asked before anything is written.
    pub consent: &'a dyn Fn(&GrantPreview) -> Consent,
    pub profile: Option<&'a ProfileName>,
}

/// What a change would do.
#[derive(Debug)]
pub struct GrantPreview {
    pub name: ExtensionName,
    /// The reference or path that is declared.
    pub source: String,
    /// The manifest that would be changed.
    pub file: String,
    pub before: Grants,
    pub after: Grants,
    /// Whether the lock says what the component imports.
    pub is_locked: bool,
    /// What the component imports and would not be granted.
    pub missing: Vec<Capability>,
    /// What would be granted now although no import can use it.
    pub unused: Vec<Capability>,
    pub then: AfterEdit,
}

/// Changes what an extension is granted.
///
/// # Errors
/// [`ProfileError::NoExtension`](crate::ops::error::profile::ProfileError::NoExtension) if it is not declared,
/// [`EditError::NotGranted`] and [`EditError::GrantedAsWhole`] for what cannot be revoked,
/// [`PolicyError::Denied`](crate::ops::error::policy::PolicyError::Denied) for what a policy denies, and those of a consent that is not
/// given; then nothing is changed. [`Error::Kept`] if the sync after it was refused, and the change stays.
pub fn change_grants(context: &Context, options: &GrantOptions<'_>) -> Result<GrantsReport, Error> {
    let guard = context.lock_store()?;
    let manifest = context.project.read_manifest()?;
    if options.then == AfterEdit::Sync {
        check_profile(context, options.profile)?;
        check_profile_manifest(context, options.profile, &manifest)?;
    }
    let extension = declared(context, &manifest, options.name)?;
    let held = held_extension(context, options, &manifest);
    let change = Change::new(context, options, extension, held.as_ref())?;
    if !change.added.is_empty() {
        check_rule(&read_policy(&context.user)?, options.name.as_str(), None, &change.added)?;
    }
    let place = EntryPlace::of(options.name, &manifest, InstallTarget::Manifest);
    let (path, file) = entry_file(context, options.name, place);
    let changes = GrantChanges::new(&extension.capabilities, &change.after);
    if changes.is_empty() && change.withdrawn.is_empty() {
        // It may not be active yet.
        return finish(context, options, (report(options, file, &change, changes), &change), false);
    }
    let preview = preview(context, options, &manifest, &file, &change)?;
    drop(guard);
    (options.consent)(&preview).require(ConfirmedAction::ChangeGrants(options.name.clone()))?;
    // Another run may have worked on the store and the manifest during the question.
    let _guard = context.lock_store()?;
    all_or_nothing(context, |undo| {
        let manifest = context.project.read_manifest()?;
        let now = declared(context, &manifest, options.name)?;
        if (&now.source, &now.capabilities, now.form) != (&extension.source, &extension.capabilities, extension.form) {
            return Err(EditError::ChangedMeanwhile(path).into());
        }
        let would_be_refused = matches!(options.edit, GrantEdit::Grant(_))
            && options.then == AfterEdit::Sync
            && matches!(forecast(context, options.profile).0, Forecast::Refused { .. });
        write(context, undo, options.name, place, &change)?;
        let report = report(options, file, &change, changes);
        finish(context, options, (report, &change), would_be_refused)
    })
}

/// Syncs, unless the active set is to stay as it is.
fn finish(
    context: &Context,
    options: &GrantOptions<'_>,
    (mut report, change): (GrantsReport, &Change),
    would_be_refused: bool,
) -> Result<GrantsReport, Error> {
    if options.then == AfterEdit::Leave {
        return Ok(report);
    }
    let sync = SyncOptions::own(WriteMode::Write, LockPolicy::Update, options.profile);
    let warn = || {
        if !change.revoked.is_empty() || !change.withdrawn.is_empty() {
            warn_of_other_profiles(context, options.profile, options.name, Some(&change.after));
        }
    };
    let stays = matches!(options.edit, GrantEdit::Revoke(_)) || would_be_refused;
    let refusal = match sync_guarded(context, &sync) {
        Ok(done) => {
            match after_held_sync(context, options.name, HeldChange::Withdrawn(change.withdrawn.clone()), done) {
                Ok(done) => {
                    report.sync = Some(done);
                    warn();
                    return Ok(report);
                }
                Err(refusal) => refusal,
            }
        }
        Err(refusal) if stays => after_refusal_guarded(context, sync.narrowing_target(), refusal),
        Err(refusal) => refusal,
    };
    if !stays {
        return Err(refusal);
    }
    warn();
    Err(Error::Kept { edit: Box::new(KeptEdit::Grants(report)), refusal: Box::new(refusal) })
}

fn declared<'a>(context: &Context, manifest: &'a Manifest, name: &ExtensionName) -> Result<&'a Extension, Error> {
    let known = manifest.extensions.keys();
    let missing = || Error::no_extension(name, context.project.shown_manifest(), known);
    manifest.extensions.get(name).ok_or_else(missing)
}

/// The extension in the active set, if that is held.
fn held_extension(context: &Context, options: &GrantOptions<'_>, manifest: &Manifest) -> Option<ActiveExtension> {
    let profile = options.profile.or(manifest.profile.as_ref()).cloned().unwrap_or_default();
    let hold = generations::hold_of(&context.paths, &profile).ok()?;
    let (_, active) = generations::active_generation(&context.paths, &profile).ok().flatten()?;
    let is_used = hold == ProfileHold::Held && options.then == AfterEdit::Sync;
    active.extensions.into_iter().find(|extension| is_used && extension.name == *options.name)
}

/// A change, as it is written.
struct Change {
    added: Grants,
    /// As the manifest has them.
    revoked: Grants,
    after: Grants,
    /// The same for a set that is held.
    withdrawn: BTreeMap<Capability, Withdrawal>,
}

impl Change {
    fn new(
        context: &Context,
        options: &GrantOptions<'_>,
        extension: &Extension,
        held: Option<&ActiveExtension>,
    ) -> Result<Self, Error> {
        let before = &extension.capabilities;
        match &options.edit {
            GrantEdit::Grant(grants) => {
                let granted = collect(grants).map_err(EditError::Grants)?;
                let added = additions(&granted, before);
                let after = with_additions(before, &added);
                Ok(Self { withdrawn: narrowed_to(before, &after), added, revoked: Grants::new(), after })
            }
            GrantEdit::Revoke(grants) => {
                collect(grants).map_err(EditError::Grants)?;
                let mut revoked = Grants::new();
                for grant in grants {
                    if let Some(scope) = revocable(context, options.name, grant, (before, held))? {
                        add(&mut revoked, grant.capability, scope);
                    }
                }
                let after = without_grants(before, &revoked);
                let withdrawn = grants.iter().map(|Grant { capability, scope }| {
                    let left = after.get(capability).cloned();
                    let withdrawal = match revoked.get(capability).unwrap_or(scope) {
                        Scope::Whole => Withdrawal::Whole,
                        Scope::Only(items) => Withdrawal::Items { items: items.clone(), left },
                    };
                    (*capability, withdrawal)
                });
                let withdrawn = if held.is_some() { withdrawn.collect() } else { BTreeMap::new() };
                Ok(Self { added: Grants::new(), after, revoked, withdrawn })
            }
        }
    }
}

/// What of a revocation the manifest grants, in its own words; none if only a set that is held does.
///
/// # Errors
/// [`EditError::NotGranted`] if some of it is granted by neither, [`EditError::GrantedAsWhole`] if items are named and no items are
/// granted, [`EditError::Covered`] if other items that stay grant it, too.
fn revocable(
    context: &Context,
    name: &ExtensionName,
    grant: &Grant,
    (before, held): (&Grants, Option<&ActiveExtension>),
) -> Result<Option<Scope>, Error> {
    let capability = grant.capability;
    let not_granted = |items: Vec<String>| {
        let is_held = held.is_some_and(|held| held.capabilities.contains_key(&capability));
        let granted = format_grants(before);
        match is_held {
            true => Ok(None),
            false => Err(EditError::NotGranted { name: name.clone(), capability, items, granted }.into()),
        }
    };
    let (items, granted) = match (&grant.scope, before.get(&capability)) {
        (Scope::Only(_), Some(Scope::Whole)) => {
            return Err(EditError::GrantedAsWhole { name: name.clone(), capability }.into());
        }
        (Scope::Whole, Some(_)) => return Ok(Some(Scope::Whole)),
        (scope, None) => return not_granted(scope.items().map(str::to_owned).collect()),
        (Scope::Only(items), Some(Scope::Only(granted))) => (items, granted),
    };
    let is_same = |one: &String, other: &String| key(context, capability, one) == key(context, capability, other);
    let is_revoked = |granted: &&String| items.iter().any(|item| is_same(item, granted));
    let (revoked, left): (BTreeSet<&String>, BTreeSet<&String>) = granted.iter().partition(is_revoked);
    if let Some((item, by)) = items.iter().find_map(|item| {
        let covers = |by: &&&String| covers(context, capability, by, item);
        Some((item, *left.iter().find(covers)?))
    }) {
        let (item, by) = (item.clone(), by.clone());
        return Err(EditError::Covered { name: name.clone(), capability, item, by }.into());
    }
    let missing: Vec<String> =
        items.iter().filter(|item| !granted.iter().any(|granted| is_same(item, granted))).cloned().collect();
    if missing.is_empty() { Ok(Scope::only(revoked.into_iter().cloned())) } else { not_granted(missing) }
}

/// Whether a grant of one item grants another.
fn covers(context: &Context, capability: Capability, by: &str, item: &str) -> bool {
    match capability {
        Capability::ConfigRead => Scope::only([by.to_owned()]).is_some_and(|scope| scope.contains_key(item)),
        _ if Capability::FOLDERS.contains(&capability) => {
            key(context, capability, item).starts_with(key(context, capability, by))
        }
        _ => by == item,
    }
}

/// What an item means: folders may be written in several ways.
fn key(context: &Context, capability: Capability, item: &str) -> PathBuf {
    if Capability::FOLDERS.contains(&capability) { absolute(context, item) } else { PathBuf::from(item) }
}

fn absolute(context: &Context, folder: &str) -> PathBuf {
    let path = match (folder.strip_prefix('~'), &context.user.home) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
        _ => context.project.manifest().with_file_name(folder),
    };
    // By its text, as the command line has it.
    path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
        path
    })
}

fn preview(
    context: &Context,
    options: &GrantOptions<'_>,
    manifest: &Manifest,
    file: &str,
    change: &Change,
) -> Result<GrantPreview, Error> {
    let lock = context.project.read_lock().ok().flatten().unwrap_or_default();
    let stale = stale_entries(context, manifest, &lock).unwrap_or_default();
    let fresh = fresh_entries(&lock, &stale);
    let entry = fresh.entries.get(options.name);
    let extension = declared(context, manifest, options.name)?;
    Ok(GrantPreview {
        name: options.name.clone(),
        source: entry.map_or_else(|| extension.source.to_string(), |entry| entry.source.to_string()),
        file: file.to_owned(),
        before: extension.capabilities.clone(),
        after: change.after.clone(),
        is_locked: entry.is_some(),
        missing: entry.map(|entry| missing(&entry.imports, &[&change.after])).unwrap_or_default(),
        unused: entry.map(|entry| unused_grants(&entry.imports, &change.added)).unwrap_or_default(),
        then: options.then,
    })
}

fn write(
    context: &Context,
    undo: &mut Undo,
    name: &ExtensionName,
    place: EntryPlace,
    change: &Change,
) -> Result<(), Error> {
    if !change.revoked.is_empty() {
        revoke(context, undo, name, place, &change.revoked)?;
    }
    let addition = EntryChange { source: None, grants: change.added.clone() };
    if addition.is_nothing() { Ok(()) } else { write_entry(context, undo, name, place, &addition) }
}

fn report(options: &GrantOptions<'_>, file: String, change: &Change, changes: GrantChanges) -> GrantsReport {
    let capabilities = format_grants(&change.after);
    GrantsReport { name: options.name.clone(), file, changes, capabilities, sync: None }
}
