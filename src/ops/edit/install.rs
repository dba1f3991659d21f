//! `install` and `add`: add an extension to the manifest, the lock and the active set, or to none of them.
//!
//! The order is that of any change by hand: the manifest is written, then the lock, then the set is activated. If a
//! step fails, the files are put back; if the process is killed, the next `sync` completes what the manifest says by
//! then.

use crate::host::grants::capabilities;
use crate::model::capability::grant::{Grant, collect, format_grants};
use crate::model::capability::{Capability, Grants, Scope, additions, without_grants};
use crate::model::digest::Digest;
use crate::model::lock::{LockEntry, LockedSource};
use crate::model::manifest::edit::{EntryChange, WrittenSource};
use crate::model::manifest::{ComponentSource, EntryForm, Extension, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::registries::Registries;
use crate::model::report::extension::InstallReport;
use crate::model::report::sync::SyncReport;
use crate::ops::context::Context;
use crate::ops::edit::consent::NewComponent;
use crate::ops::error::Error;
use crate::ops::error::edit::EditError;
use crate::ops::error::project::ProjectError;
use crate::ops::policy::checks::{check_rule, fail_on_faults, read_policy, whole};
use crate::ops::project::DROP_INS;
use crate::ops::project::files::{read_component, read_file, read_whole};
use crate::ops::sync::lock::{ResolvedEntries, resolve_all, resolve_and_write_with};
use crate::ops::sync::narrow::after_edit;
use crate::ops::sync::options::{NarrowingTarget, ProfileTakeover, UpgradeSelection};
use crate::store::blobs::Blobs;

use super::consent::{Agreement, Consent, ConsentRequest, Previous, request_consent};
use super::grants::left_of_narrowed;
use super::init::TEMPLATE;
use super::install_source::{DeclaredVersions, FoundVersion, InstallSource, find_version, lost_range, written_source};
use super::manifest_files::{EntryPlace, InstallTarget, entry_file, revoke, write_entry};
use super::transaction::{AfterEdit, activate_if_synced, all_or_nothing, check_profile_manifest};
use super::undo::Undo;

/// What to install.
pub struct InstallOptions<'a> {
    pub origin: InstallSource,
    pub versions: DeclaredVersions,
    /// Instead of the last part of the repository, or the stem of the file.
    pub name: Option<ExtensionName>,
    pub grants: Vec<Grant>,
    /// Where it is written, if it is not written yet.
    pub target: InstallTarget,
    pub then: AfterEdit,
    /// Asked when the component needs more than is granted.
    pub consent: &'a dyn Fn(&ConsentRequest<'_>) -> Consent<Grants>,
    pub profile: Option<ProfileName>,
}

/// Installs an extension, or puts another revision in the place of the one that has the name.
///
/// # Errors
/// Any of `lock` and `sync`; [`EditError::NoConsent`] if it needs what nobody grants. Then manifest, lock and live set
/// are as before.
pub fn install(context: &Context, install: &InstallOptions<'_>) -> Result<InstallReport, Error> {
    let name = match &install.name {
        Some(name) => name.clone(),
        None => default_name(&install.origin)?,
    };
    // A manifest with another name has no drop-ins.
    let place = if context.project.has_usual_name() { install.target } else { InstallTarget::Manifest };
    let guard = context.lock_store()?;
    let manifest = context.project.read_manifest_or_empty()?;
    if install.then == AfterEdit::Sync {
        check_profile_manifest(context, install.profile.as_ref(), &manifest)?;
    }
    let existing = manifest.extensions.get(&name);
    let FoundVersion { origin, range } = &find_version(context, &name, &install.origin, &install.versions, &manifest)?;
    check_copy(context, &name, origin, &manifest)?;
    let (source, entry) = resolve_and_inspect(context, &name, origin, &manifest.registries)?;
    drop(guard);
    let granted = collect(&install.grants).map_err(EditError::Grants)?;
    let previous = match existing {
        None => Previous::Nothing,
        Some(existing) if is_same(context, &name, existing, origin)? => Previous::Same(existing),
        Some(existing) => Previous::Other(existing),
    };
    let is_same_component = matches!(previous, Previous::Same(_));
    let lost_range = lost_range(existing, origin, &install.versions);
    let new = NewComponent { name: &name, source: &source, entry: &entry, previous, lost_range };
    let agreement = request_consent(&new, granted, install.consent)?;
    // Another run may have worked on the store and the manifest during the question.
    let _guard = context.lock_store()?;
    all_or_nothing(context, |undo| {
        let manifest = start_manifest(context, undo)?;
        let asked_about =
            |extension: &Extension| (extension.source.clone(), extension.capabilities.clone(), extension.form);
        if manifest.extensions.get(&name).map(asked_about) != existing.map(asked_about) {
            let place = EntryPlace::of(&name, &manifest, place);
            return Err(EditError::ChangedMeanwhile(entry_file(context, &name, place).0).into());
        }
        check_copy(context, &name, origin, &manifest)?;
        let source = written_source(existing, origin, range.as_ref(), &install.versions);
        let new = NewEntry { name: &name, origin, source, place, agreement: &agreement, entry: &entry };
        write_manifest(context, undo, &manifest, &new)?;
        let manifest = context.project.read_manifest()?;
        let written = manifest.extensions.get(&name).ok_or(Error::Bug("what was installed is not in the manifest"))?;
        let known = (name.clone(), locked_as_written(&entry, written));
        undo.remember(&context.project.lock_path())?;
        let (_, lock) = resolve_and_write_with(context, &manifest, &UpgradeSelection::Nothing, [known].into())?;
        let file = match written.form {
            EntryForm::DropIn => context.project.drop_in_path(&name).1,
            EntryForm::Short | EntryForm::Table => context.project.shown_manifest(),
        };
        let sync = activate_if_synced(context, install.then, install.profile.as_ref())?;
        // Another component does not change what the held one is granted.
        let before = existing.filter(|_| is_same_component);
        let sync = sync.map(|sync| narrow_held(context, install, (&name, before, written), sync)).transpose()?;
        let (source, capabilities) = (written.source.to_string(), format_grants(&written.capabilities));
        let narrowed = narrowed_grants(existing, written);
        let locked = matches!(written.source, ComponentSource::Range(_)).then(|| entry.source.to_string());
        let kept_range = locked.clone().filter(|_| existing.is_some_and(|existing| existing.source == written.source));
        let replaced = existing.map(|existing| existing.source.to_string()).filter(|replaced| *replaced != source);
        let name = name.clone();
        Ok(InstallReport { name, source, replaced, file, capabilities, locked, kept_range, narrowed, lock, sync })
    })
}

/// Takes from a held set what narrower grants of the same component take.
fn narrow_held(
    context: &Context,
    install: &InstallOptions<'_>,
    (name, before, written): (&ExtensionName, Option<&Extension>, &Extension),
    sync: SyncReport,
) -> Result<SyncReport, Error> {
    let target = NarrowingTarget { profile: install.profile.as_ref(), ownership: ProfileTakeover::Refuse };
    after_edit(context, target, Ok(sync), |one| match before.filter(|_| one.name == *name) {
        Some(before) => Some(left_of_narrowed(&one.capabilities, &before.capabilities, &written.capabilities)),
        None => Some(one.capabilities.clone()),
    })
}

/// Whether an extension comes from the same repository, from the file that sesame copied, or from the very same file.
fn is_same(
    context: &Context,
    name: &ExtensionName,
    existing: &Extension,
    origin: &InstallSource,
) -> Result<bool, Error> {
    let path = match origin {
        InstallSource::Registry(new) => return Ok(existing.source.repository() == Some(new.without_revision())),
        InstallSource::Newest(new) => return Ok(existing.source.repository() == Some(new)),
        InstallSource::File(_) => copied(name),
        InstallSource::InPlace(file) => context.project.path_in_manifest(file, false)?,
    };
    Ok(existing.source == ComponentSource::Path(path))
}

/// The entry of the lock, with the path as the manifest has it.
fn locked_as_written(entry: &LockEntry, written: &Extension) -> LockEntry {
    let source = match (&entry.source, &written.source) {
        (LockedSource::Path(_), ComponentSource::Path(path)) => LockedSource::Path(path.clone()),
        (locked, _) => locked.clone(),
    };
    LockEntry { source, ..entry.clone() }
}

/// The grants of items that take the place of a whole capability.
fn narrowed_grants(existing: Option<&Extension>, written: &Extension) -> Vec<String> {
    let was_whole = |capability: &Capability| {
        existing.and_then(|existing| existing.capabilities.get(capability)) == Some(&Scope::Whole)
    };
    let narrowed = written.capabilities.iter().filter(|(name, scope)| **scope != Scope::Whole && was_whole(name));
    format_grants(&narrowed.map(|(name, scope)| (*name, scope.clone())).collect())
}

/// Refuses to copy a component over a file that is not this extension's alone.
fn check_copy(
    context: &Context,
    name: &ExtensionName,
    origin: &InstallSource,
    manifest: &Manifest,
) -> Result<(), Error> {
    let InstallSource::File(file) = origin else { return Ok(()) };
    let copy = ComponentSource::Path(copied(name));
    let users: Vec<&ExtensionName> =
        manifest.extensions.iter().filter(|(_, extension)| extension.source == copy).map(|(name, _)| name).collect();
    let path = context.project.component_path(&copied(name));
    let is_free = match users[..] {
        // What is in the store as well, such as a copy that an earlier install made, is not lost.
        [] => read_whole(&path)?.is_none_or(|bytes| {
            Blobs::new(&context.paths).read(Digest::of(&bytes)).is_ok()
                || read_component(file).is_ok_and(|new| new == bytes)
        }),
        [user] => user == name,
        _ => false,
    };
    if is_free { Ok(()) } else { Err(EditError::CopyExists { path }.into()) }
}

/// What is to be written.
struct NewEntry<'a> {
    name: &'a ExtensionName,
    origin: &'a InstallSource,
    /// Where it is from a registry; none if what is declared stays.
    source: Option<WrittenSource>,
    place: InstallTarget,
    agreement: &'a Agreement,
    entry: &'a LockEntry,
}

/// Writes the manifest, and the component beside it. A component that is referred to already is replaced last, so that
/// there is never one that needs more than the manifest grants.
fn write_manifest(
    context: &Context,
    undo: &mut Undo,
    manifest: &Manifest,
    new_entry: &NewEntry<'_>,
) -> Result<(), Error> {
    let NewEntry { name, origin, ref source, place, agreement, entry } = *new_entry;
    let existing = manifest.extensions.get(name);
    let none = Grants::new();
    let kept = without_grants(existing.map_or(&none, |existing| &existing.capabilities), &agreement.revoked);
    let grants = additions(&agreement.granted, &kept);
    let place = EntryPlace::of(name, manifest, place);
    // First, so that there is never something else with grants that were declined.
    if !agreement.revoked.is_empty() {
        revoke(context, undo, name, place, &agreement.revoked)?;
    }
    let write = |undo: &mut Undo, source| {
        let change = EntryChange { source, grants: grants.clone() };
        if change.is_nothing() { Ok(()) } else { write_entry(context, undo, name, place, &change) }
    };
    match origin {
        InstallSource::Newest(_) => Err(Error::Bug("no tag was chosen")),
        InstallSource::Registry(_) => write(undo, source.clone()),
        InstallSource::InPlace(file) => {
            let in_drop_in = place.target() == InstallTarget::DropIn;
            write(undo, Some(WrittenSource::Path(context.project.path_in_manifest(file, in_drop_in)?)))
        }
        InstallSource::File(_) => {
            let bytes = Blobs::new(&context.paths).read(entry.component)?;
            let copy = context.project.component_path(&copied(name));
            let in_use = existing.is_some_and(|existing| existing.source == ComponentSource::Path(copied(name)));
            if !in_use {
                undo.write(&copy, &bytes)?;
            }
            write(
                undo,
                Some(WrittenSource::Path(match place.target() {
                    InstallTarget::Manifest => copied(name),
                    InstallTarget::DropIn => format!("{name}.wasm"),
                })),
            )?;
            if in_use { undo.write(&copy, &bytes) } else { Ok(()) }
        }
    }
}

/// Resolves, fetches and inspects one extension. What was verified stays in the store.
fn resolve_and_inspect(
    context: &Context,
    name: &ExtensionName,
    origin: &InstallSource,
    registries: &Registries,
) -> Result<(String, LockEntry), Error> {
    let blobs = Blobs::new(&context.paths);
    let (shown, source) = match origin {
        InstallSource::Registry(reference) => (reference.to_string(), ComponentSource::Oci(reference.clone())),
        InstallSource::Newest(_) => return Err(Error::Bug("no tag was chosen")),
        InstallSource::File(file) | InstallSource::InPlace(file) => {
            read_component(file)?;
            let path = std::path::absolute(file)
                .map_err(|source| Error::Project(ProjectError::Read { path: file.clone(), source }))?;
            let path = path.to_str().ok_or_else(|| Error::Project(ProjectError::NotUtf8(file.clone())))?.to_owned();
            (file.display().to_string(), ComponentSource::Path(path))
        }
    };
    let ResolvedEntries { mut entries, faults } = resolve_all(context, registries, &[(name, &source)], &blobs)?;
    fail_on_faults(faults)?;
    let (_, entry) = entries.pop().ok_or(Error::Bug("an extension was neither resolved nor refused"))?;
    let needed: Vec<Capability> = capabilities(&entry.imports).into_iter().collect();
    check_rule(&read_policy(&context.user)?, name.as_str(), None, &whole(&needed))?;
    Ok((shown, entry))
}

/// The manifest, which is begun where there is none.
fn start_manifest(context: &Context, undo: &mut Undo) -> Result<Manifest, Error> {
    let path = context.project.manifest();
    if read_file(path, 1)?.is_none() {
        undo.write(path, TEMPLATE.as_bytes())?;
    }
    context.project.read_manifest()
}

/// Where a copied component is, relative to the folder of `sesame.toml`.
fn copied(name: &ExtensionName) -> String {
    format!("{DROP_INS}/{name}.wasm")
}

fn last_part(repository: &str) -> String {
    repository.rsplit('/').next().unwrap_or(repository).to_owned()
}

/// The last part of the repository, or the stem of the file.
fn default_name(origin: &InstallSource) -> Result<ExtensionName, Error> {
    let text = match origin {
        InstallSource::Registry(reference) => last_part(&reference.repository()),
        InstallSource::Newest(repository) => last_part(&repository.name()),
        InstallSource::File(file) | InstallSource::InPlace(file) => {
            file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        }
    };
    text.parse().map_err(|source| Error::Edit(EditError::NoName { text, source }))
}
