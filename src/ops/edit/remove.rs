//! `remove`: removes extensions from the manifest, the lock and the active set. Nothing is resolved for it, so it does not fail
//! because of another extension: if the sync after it is refused, they stay removed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::lock::Lock;
use crate::model::manifest::edit::entry::remove_entry;
use crate::model::manifest::{ComponentSource, EntryForm, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::ActiveExtension;
use crate::model::report::extension::{RemoveReport, Removed};
use crate::model::report::sync::{LockOutcome, LockReport};
use crate::ops::context::Context;
use crate::ops::error::{Error, KeptEdit};
use crate::ops::query::generations::check_profile;
use crate::ops::query::profiles::warn_of_other_profiles;
use crate::ops::sync::narrow::after_edit;
use crate::ops::sync::options::{LockPolicy, SyncOptions, WriteMode};
use crate::ops::sync::sync_guarded;

use super::manifest_files::{edit_failed, read_text};
use super::transaction::{AfterEdit, all_or_nothing, check_profile_manifest};
use super::undo::Undo;

/// Removes extensions, wherever they are written. A component's file stays where it is.
///
/// # Errors
/// [`ProfileError::NoExtension`](crate::ops::error::profile::ProfileError::NoExtension) if one is not declared, and those of files that
/// cannot be changed; then nothing is changed. [`Error::Kept`] if the sync after it was refused.
pub fn remove(
    context: &Context,
    names: &[ExtensionName],
    profile: Option<&ProfileName>,
    then: AfterEdit,
) -> Result<RemoveReport, Error> {
    let _guard = context.lock_store()?;
    all_or_nothing(context, |undo| {
        let manifest = context.project.read_manifest()?;
        if then == AfterEdit::Sync {
            check_profile(context, profile)?;
            check_profile_manifest(context, profile, &manifest)?;
        }
        let names: BTreeSet<&ExtensionName> = names.iter().collect();
        let removed: Vec<Removed> =
            names.iter().map(|name| remove_one(context, undo, &manifest, name)).collect::<Result<_, _>>()?;
        undo.remember(&context.project.lock_path())?;
        let old = match (context.project.read_lock(), then) {
            // The sync after it says what is wrong with it.
            (Err(_), AfterEdit::Sync) => None,
            (read, _) => read?,
        };
        let lock = remove_from_lock(context, &names, old.unwrap_or_default())?;
        if then == AfterEdit::Leave {
            return Ok(RemoveReport { removed, lock, sync: None });
        }
        // Whatever comes of the sync, they stay removed.
        for name in &names {
            warn_of_other_profiles(context, profile, name, None);
        }
        let options = SyncOptions::own(WriteMode::Write, LockPolicy::Update, profile);
        let synced = sync_guarded(context, &options);
        let left = |one: &ActiveExtension| (!names.contains(&one.name)).then(|| one.capabilities.clone());
        match after_edit(context, options.narrowing_target(), synced, left) {
            Ok(mut sync) => Ok(RemoveReport { removed, lock: with_changes(lock, sync.lock.take()), sync: Some(sync) }),
            Err(refusal) => Err(kept(removed, lock, refusal)),
        }
    })
}

/// That extensions stay removed, although what came then failed.
fn kept(removed: Vec<Removed>, lock: LockReport, refusal: Error) -> Error {
    let edit = KeptEdit::Removed(RemoveReport { removed, lock, sync: None });
    Error::Kept { edit: Box::new(edit), refusal: Box::new(refusal) }
}

/// Removes the entries from the lock.
fn remove_from_lock(context: &Context, names: &BTreeSet<&ExtensionName>, old: Lock) -> Result<LockReport, Error> {
    let mut new = old.clone();
    new.entries.retain(|name, _| !names.contains(name));
    let changes = old.changes(&new);
    let outcome = if changes.is_empty() { LockOutcome::Satisfied } else { LockOutcome::Written };
    if outcome == LockOutcome::Written {
        context.project.write_lock(&new)?;
    }
    Ok(LockReport {
        file: context.project.shown_lock(),
        outcome,
        stale: BTreeMap::new(),
        changes,
        merged: BTreeMap::new(),
        extensions: new.entries.len(),
        texts: None,
    })
}

/// What was removed from the lock, and what the sync after it has locked.
fn with_changes(removed: LockReport, locked: Option<LockReport>) -> LockReport {
    let Some(locked) = locked else { return removed };
    let changes = removed.changes.into_iter().chain(locked.changes).collect();
    let outcome = if removed.outcome == LockOutcome::Written { removed.outcome } else { locked.outcome };
    LockReport { changes, outcome, ..locked }
}

fn remove_one(context: &Context, undo: &mut Undo, manifest: &Manifest, name: &ExtensionName) -> Result<Removed, Error> {
    let Some(extension) = manifest.extensions.get(name) else {
        return Err(Error::no_extension(name, context.project.shown_manifest(), manifest.extensions.keys()));
    };
    let file = match extension.form {
        EntryForm::DropIn => {
            let (path, shown) = context.project.drop_in_path(name);
            undo.remove(&path)?;
            shown
        }
        EntryForm::Short | EntryForm::Table => {
            let (path, shown) = (context.project.manifest(), context.project.shown_manifest());
            let edited = remove_entry(&read_text(path)?, name).map_err(edit_failed(&shown))?;
            undo.write(path, edited.as_bytes())?;
            shown
        }
    };
    let kept = match &extension.source {
        ComponentSource::Path(path) => Some(path.clone()).filter(|path| context.project.component_path(path).exists()),
        ComponentSource::Oci(_) | ComponentSource::Range(_) => None,
    };
    Ok(Removed { name: name.clone(), file, kept })
}
