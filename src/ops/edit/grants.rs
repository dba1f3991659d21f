//! `grant` and `revoke`: change what the manifest grants to an extension, and sync. A revocation stays although the sync after it
//! is refused, and so does a grant if the sync would have been refused without it, too: several may be needed until it is not.

use std::path::{Component, PathBuf};

use crate::host::grants::{missing, unused_grants};
use crate::model::capability::grant::{Grant, collect, format_grants};
use crate::model::capability::{Capability, Grants, Scope, additions, with_additions, without_grants};
use crate::model::manifest::edit::EntryChange;
use crate::model::manifest::{Extension, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::{ActiveExtension, ProfileHold};
use crate::model::plan::set_change::GrantChanges;
use crate::model::report::extension::GrantsReport;
use crate::model::report::sync::Forecast;
use crate::ops::context::Context;
use crate::ops::error::edit::{ConfirmedAction, EditError};
use crate::ops::error::{Error, KeptEdit};
use crate::ops::policy::checks::{check_rule, read_policy};
use crate::ops::query::generations::check_profile;
use crate::ops::query::profiles::warn_of_other_profiles;
use crate::ops::sync::forecast::forecast;
use crate::ops::sync::narrow::after_edit;
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
    /// The same in the active set, if the profile is held and they change there.
    pub held: Option<(Grants, Grants)>,
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
    let held_change = held.as_ref().map(|held| {
        let left = change.left_of_held(context, &held.capabilities);
        (held.capabilities.clone(), left)
    });
    let held_change = held_change.filter(|(before, after)| before != after);
    if changes.is_empty() && held_change.is_none() {
        // It may not be active yet.
        return finish(context, options, (report(options, file, &change, changes), &change), false);
    }
    let preview = GrantPreview { held: held_change, ..preview(context, options, &manifest, &file, &change)? };
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
    let stays = matches!(options.edit, GrantEdit::Revoke(_)) || would_be_refused;
    let done = match sync_guarded(context, &sync) {
        Err(refusal) if !stays => return Err(refusal),
        synced => after_edit(context, sync.narrowing_target(), synced, |one| {
            let is_changed = one.name == *options.name;
            Some(if is_changed { change.left_of_held(context, &one.capabilities) } else { one.capabilities.clone() })
        }),
    };
    if change.takes_something() {
        warn_of_other_profiles(context, options.profile, options.name, Some(&change.after));
    }
    match done {
        Ok(done) => {
            report.sync = Some(done);
            Ok(report)
        }
        Err(refusal) => Err(Error::Kept { edit: Box::new(KeptEdit::Grants(report)), refusal: Box::new(refusal) }),
    }
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
    before: Grants,
    after: Grants,
    added: Grants,
    /// As the manifest has them.
    revoked: Grants,
    /// As the command names them.
    named: Grants,
}

impl Change {
    /// # Errors
    /// For a revocation, those of [`check_revocation`].
    fn new(
        context: &Context,
        options: &GrantOptions<'_>,
        extension: &Extension,
        held: Option<&ActiveExtension>,
    ) -> Result<Self, Error> {
        let before = extension.capabilities.clone();
        match &options.edit {
            GrantEdit::Grant(grants) => {
                let added = additions(&collect(grants).map_err(EditError::Grants)?, &before);
                let after = with_additions(&before, &added);
                Ok(Self { before, after, added, revoked: Grants::new(), named: Grants::new() })
            }
            GrantEdit::Revoke(grants) => {
                let named = collect(grants).map_err(EditError::Grants)?;
                let is_same = |capability, one: &str, other: &str| is_same(context, capability, one, other);
                let after = left(&before, &named, &Grants::new(), is_same);
                let held = held.map(|held| &held.capabilities);
                check_revocation(context, options.name, &named, [Some(&before), Some(&after), held])?;
                let revoked = without_grants(&before, &after).into_keys();
                let revoked = revoked.map(|capability| {
                    let lost = before[&capability].minus(after.get(&capability)).unwrap_or(Scope::Whole);
                    (capability, if after.contains_key(&capability) { lost } else { Scope::Whole })
                });
                let revoked = revoked.collect();
                Ok(Self { before, after, added: Grants::new(), revoked, named })
            }
        }
    }

    /// What an extension of a held set keeps of its grants: of items, none that grants what is revoked or a part of that.
    fn left_of_held(&self, context: &Context, held: &Grants) -> Grants {
        let overlaps = |capability, one: &str, other: &str| {
            covers(context, capability, one, other) || covers(context, capability, other, one)
        };
        let narrowed = left_of_narrowed(held, &self.before, &self.after);
        left(&narrowed, &self.named, &self.after, overlaps)
    }

    fn takes_something(&self) -> bool {
        !without_grants(&self.before, &self.after).is_empty()
    }
}

/// What is left of grants without those that are named. Items go that are the same as one of those; of a whole capability, `rest` stays.
fn left(granted: &Grants, named: &Grants, rest: &Grants, is_same: impl Fn(Capability, &str, &str) -> bool) -> Grants {
    let kept = |(capability, scope): (&Capability, &Scope)| {
        let kept = match (named.get(capability), scope) {
            (None, scope) => Some(scope.clone()),
            (Some(Scope::Whole), _) => None,
            (Some(Scope::Only(_)), Scope::Whole) => rest.get(capability).cloned(),
            (Some(Scope::Only(named)), Scope::Only(items)) => {
                let is_named = |item: &&String| named.iter().any(|named| is_same(*capability, named, item));
                Scope::only(items.iter().filter(|item| !is_named(item)).cloned())
            }
        };
        Some((*capability, kept?))
    };
    granted.iter().filter_map(kept).collect()
}

/// What is left of grants of a held set where the manifest now grants items instead of a whole capability.
pub(super) fn left_of_narrowed(held: &Grants, before: &Grants, after: &Grants) -> Grants {
    let left = held.iter().map(|(capability, scope)| match (before.get(capability), after.get(capability)) {
        (Some(Scope::Whole), Some(items @ Scope::Only(_))) => (*capability, items.clone()),
        _ => (*capability, scope.clone()),
    });
    left.collect()
}

/// Whether all that is named can be revoked from the grants of the manifest or, if the profile is held, of the active set.
///
/// # Errors
/// [`EditError::NotGranted`] if some of it is granted by neither, [`EditError::GrantedAsWhole`] if items are named and no items are
/// granted, [`EditError::Covered`] if another grant of the manifest that stays grants it, too.
fn check_revocation(
    context: &Context,
    name: &ExtensionName,
    named: &Grants,
    [before, after, held]: [Option<&Grants>; 3],
) -> Result<(), Error> {
    let items_of = |grants: Option<&Grants>, capability: Capability| -> Vec<String> {
        let scope = grants.and_then(|grants| grants.get(&capability));
        scope.into_iter().flat_map(Scope::items).map(str::to_owned).collect()
    };
    for (&capability, scope) in named {
        let [before_scope, held_scope] = [before, held].map(|grants| grants.and_then(|grants| grants.get(&capability)));
        if matches!((scope, before_scope), (Scope::Only(_), Some(Scope::Whole))) {
            return Err(EditError::GrantedAsWhole { name: name.clone(), capability }.into());
        }
        let granted = items_of(before, capability);
        let items = if *scope == Scope::Whole { granted.clone() } else { items_of(Some(named), capability) };
        // What may be written may be read, too.
        let also = if capability == Capability::FsRead { Capability::FsWrite } else { capability };
        for (item, by) in items.iter().flat_map(|item| [capability, also].map(|by| (item, by))) {
            let covering = items_of(after, by).into_iter().find(|other| covers(context, capability, other, item));
            if let Some(other) = covering {
                let is_folder = Capability::FOLDERS.contains(&by);
                let shown = if is_folder { absolute(context, &other).display().to_string() } else { other };
                let by = format!("{by}={shown}");
                return Err(EditError::Covered { name: name.clone(), capability, item: item.clone(), by }.into());
            }
        }
        let is_held = |item: &String| match held_scope {
            None => false,
            Some(Scope::Whole) => true,
            Some(Scope::Only(held)) => held
                .iter()
                .any(|held| covers(context, capability, held, item) || covers(context, capability, item, held)),
        };
        let is_granted =
            |item: &String| granted.iter().any(|granted| is_same(context, capability, granted, item)) || is_held(item);
        let missing: Vec<String> = items.into_iter().filter(|item| !is_granted(item)).collect();
        let is_nowhere = *scope == Scope::Whole && before_scope.is_none() && held_scope.is_none();
        if is_nowhere || !missing.is_empty() {
            let granted = format_grants(before.unwrap_or(&Grants::new()));
            return Err(EditError::NotGranted { name: name.clone(), capability, items: missing, granted }.into());
        }
    }
    Ok(())
}

/// Whether two items are the same.
fn is_same(context: &Context, capability: Capability, one: &str, other: &str) -> bool {
    key(context, capability, one) == key(context, capability, other)
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
        held: None,
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
