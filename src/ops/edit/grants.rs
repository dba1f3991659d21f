//! `grant` and `revoke`: change what the manifest grants to an extension, and sync. A revocation stays although the sync after it
//! is refused, and so does a grant if the sync would have been refused without it, too: several may be needed until it is not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::host::grants::{missing, unused_grants};
use crate::model::capability::{Capability, Grants, Scope, add, additions};
use crate::model::capability::grant::{Grant, collect, format_grants};
use crate::model::manifest::edit::EntryChange;
use crate::model::manifest::{Extension, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::set_change::GrantChanges;
use crate::model::report::extension::GrantsReport;
use crate::model::report::sync::Forecast;
use crate::ops::context::Context;
use crate::ops::error::edit::EditError;
use crate::ops::error::{Error, KeptEdit};
use crate::ops::policy::checks::{check_rule, read_policy};
use crate::ops::query::generations::check_profile;
use crate::ops::sync::forecast::forecast;
use crate::ops::sync::narrow::{after_held_sync, after_refusal_guarded};
use crate::ops::sync::observe::{fresh_entries, stale_entries};
use crate::ops::sync::options::{LockPolicy, SyncOptions, WriteMode};
use crate::ops::sync::sync_guarded;

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
    let change = Change::new(context, options, extension)?;
    if !change.added.is_empty() {
        check_rule(&read_policy(&context.user)?, options.name.as_str(), None, &change.added)?;
    }
    let place = EntryPlace::of(options.name, &manifest, InstallTarget::Manifest);
    let (path, file) = entry_file(context, options.name, place);
    let changes = GrantChanges::new(&extension.capabilities, &change.after);
    if changes.is_empty() {
        return Ok(report(options, file, &change, changes));
    }
    let preview = preview(context, options, &manifest, &file, &change)?;
    drop(guard);
    match (options.consent)(&preview) {
        Consent::Granted(()) => {}
        Consent::Refused => return Err(EditError::ActionDeclined { action: action(options.name) }.into()),
        Consent::NoPrompt => return Err(EditError::Unconfirmed { action: action(options.name) }.into()),
        Consent::Interrupted => return Err(Error::Interrupted),
    }
    // Another run may have worked on the store and the manifest during the question.
    let _guard = context.lock_store()?;
    all_or_nothing(context, |undo| {
        let manifest = context.project.read_manifest()?;
        let now = declared(context, &manifest, options.name)?;
        if (&now.source, &now.capabilities, now.form) != (&extension.source, &extension.capabilities, extension.form) {
            return Err(EditError::ChangedMeanwhile(path).into());
        }
        let before = forecast(context, options.profile).0;
        write(context, undo, options.name, place, &change)?;
        let report = report(options, file, &change, changes);
        finish(context, options, report, &before)
    })
}

/// Syncs, if that comes then.
fn finish(
    context: &Context,
    options: &GrantOptions<'_>,
    mut report: GrantsReport,
    before: &Forecast,
) -> Result<GrantsReport, Error> {
    if options.then == AfterEdit::Leave {
        return Ok(report);
    }
    let sync = SyncOptions::own(WriteMode::Write, LockPolicy::Update, options.profile);
    match sync_guarded(context, &sync) {
        Ok(done) => {
            let changed = BTreeSet::from([options.name.clone()]);
            report.sync = Some(after_held_sync(context, sync.narrowing_target(), &changed, done)?);
        }
        Err(refusal) if matches!(options.edit, GrantEdit::Revoke(_)) || matches!(before, Forecast::Refused { .. }) => {
            let refusal = Box::new(after_refusal_guarded(context, sync.narrowing_target(), refusal));
            return Err(Error::Kept { edit: Box::new(KeptEdit::Grants(report)), refusal });
        }
        Err(refusal) => return Err(refusal),
    }
    Ok(report)
}

fn declared<'a>(context: &Context, manifest: &'a Manifest, name: &ExtensionName) -> Result<&'a Extension, Error> {
    let known = manifest.extensions.keys();
    let missing = || Error::no_extension(name, context.project.shown_manifest(), known);
    manifest.extensions.get(name).ok_or_else(missing)
}

fn action(name: &ExtensionName) -> String {
    format!("changing the grants of `{name}`")
}

/// A change, as it is written.
struct Change {
    added: Grants,
    /// As the manifest has them.
    revoked: Grants,
    after: Grants,
}

impl Change {
    fn new(context: &Context, options: &GrantOptions<'_>, extension: &Extension) -> Result<Self, Error> {
        let before = &extension.capabilities;
        match &options.edit {
            GrantEdit::Grant(grants) => {
                let granted = collect(grants).map_err(EditError::Grants)?;
                let added = additions(&granted, before);
                let mut after = before.clone();
                for (capability, scope) in &added {
                    if after.get(capability) == Some(&Scope::Whole) {
                        after.remove(capability);
                    }
                    add(&mut after, *capability, scope.clone());
                }
                Ok(Self { added, revoked: Grants::new(), after })
            }
            GrantEdit::Revoke(grants) => {
                collect(grants).map_err(EditError::Grants)?;
                let mut revoked = Grants::new();
                for grant in grants {
                    add(&mut revoked, grant.capability, held(context, options.name, grant, before)?);
                }
                let after = before.iter().filter_map(|(capability, scope)| match revoked.get(capability) {
                    None => Some((*capability, scope.clone())),
                    Some(taken) => Some((*capability, scope.minus(Some(taken))?)),
                });
                Ok(Self { added: Grants::new(), after: after.collect(), revoked })
            }
        }
    }
}

/// What of a revocation is granted, in the words of the manifest.
///
/// # Errors
/// [`EditError::NotGranted`] if some of it is not, [`EditError::GrantedAsWhole`] if items are named and no items are granted.
fn held(context: &Context, name: &ExtensionName, grant: &Grant, before: &Grants) -> Result<Scope, Error> {
    let capability = grant.capability;
    let not_granted = |items: Vec<String>| {
        Error::Edit(EditError::NotGranted { name: name.clone(), capability, items, granted: format_grants(before) })
    };
    match (&grant.scope, before.get(&capability)) {
        (Scope::Only(_), Some(Scope::Whole)) => {
            Err(EditError::GrantedAsWhole { name: name.clone(), capability }.into())
        }
        (Scope::Whole, Some(_)) => Ok(Scope::Whole),
        (scope, None) => Err(not_granted(scope.items().map(str::to_owned).collect())),
        (Scope::Only(items), Some(Scope::Only(granted))) => {
            // Folders may be written in several ways.
            let key = |item: &str| match Capability::FOLDERS.contains(&capability) {
                true => absolute(context, item),
                false => PathBuf::from(item),
            };
            let is_granted = |item: &String| granted.iter().any(|granted| key(granted) == key(item));
            let missing: Vec<String> = items.iter().filter(|item| !is_granted(item)).cloned().collect();
            if !missing.is_empty() {
                return Err(not_granted(missing));
            }
            let is_revoked = |granted: &&String| items.iter().any(|item| key(item) == key(granted));
            Ok(Scope::Only(granted.iter().filter(is_revoked).cloned().collect()))
        }
    }
}

fn absolute(context: &Context, folder: &str) -> PathBuf {
    match (folder.strip_prefix('~'), &context.user.home) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
        _ => context.project.manifest().with_file_name(folder),
    }
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
