//! `install` and `remove`: one extension more or less, in the manifest, the lock and the live set, or in none of them.
//!
//! The order is that of any change by hand: the manifest is written, then the lock, then the set is activated. If a step
//! fails, the files are put back; if the process is killed, the next `sync` completes what the manifest says by then.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::error::Error;
use super::init::TEMPLATE;
use super::live::read_component;
use super::lock::{Mode, Resolved, Upgrade, resolve_all, write_with};
use super::permission::refuse;
use super::project::{DROP_INS, read_file};
use super::sync::{LockPolicy, Options, Ownership, sync_guarded};
use super::undo::Undo;
use crate::host::grants::{capabilities, needed};
use crate::model::capability::{Capability, Grant, Grants, Scope, add, shown};
use crate::model::lock::{LockEntry, LockedSource};
use crate::model::manifest::{ComponentSource, Extension, Form, Manifest};
use crate::model::manifest_edit::{Change, WrittenSource, edit_drop_in, edit_entry, new_drop_in, remove_entry};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::reference::OciReference;
use crate::model::report::{InstallReport, RemoveReport, SyncReport};
use crate::model::text::nearest;
use crate::store::blobs::Blobs;

/// Where the component comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    Registry(OciReference),
    /// A component's file, which is copied beside the manifest.
    File(PathBuf),
}

/// What to install.
pub struct Install<'a> {
    pub origin: Origin,
    /// Instead of the last part of the repository, or the stem of the file.
    pub name: Option<ExtensionName>,
    pub grants: Vec<Grant>,
    /// Asked when the component needs more than is granted.
    pub consent: &'a dyn Fn(&Asks<'_>) -> Consent,
    pub profile: Option<ProfileName>,
}

/// What an extension asks for.
#[derive(Debug)]
pub struct Asks<'a> {
    pub name: &'a ExtensionName,
    pub source: &'a str,
    pub entry: &'a LockEntry,
    /// What it needs and is not granted yet.
    pub missing: &'a [Capability],
    /// What it is granted already.
    pub granted: &'a Grants,
}

/// What the person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Granted,
    Refused,
    /// There is nobody to ask.
    Nobody,
}

/// Installs an extension, or puts another revision in the place of the one that has the name.
///
/// # Errors
/// Any of `lock` and `sync`; [`Error::NoConsent`] if it needs what nobody grants. Then manifest, lock and live set are as
/// before.
pub fn install(context: &Context, install: &Install<'_>) -> Result<InstallReport, Error> {
    let name = match &install.name {
        Some(name) => name.clone(),
        None => default_name(&install.origin)?,
    };
    let guard = context.guard()?;
    let existing = context.project.read_manifest_or_empty()?.extensions.remove(&name);
    let mut grants = existing.as_ref().map(|extension| extension.capabilities.clone()).unwrap_or_default();
    let before = grants.clone();
    for Grant { capability, scope } in &install.grants {
        add(&mut grants, *capability, scope.clone());
    }
    let (shown_source, entry) = look(context, &name, &install.origin)?;
    drop(guard);
    let missing: Vec<Capability> =
        capabilities(&entry.imports).into_iter().filter(|capability| !grants.contains_key(capability)).collect();
    if !missing.is_empty() {
        let asks = Asks { name: &name, source: &shown_source, entry: &entry, missing: &missing, granted: &grants };
        match (install.consent)(&asks) {
            Consent::Granted => grants.extend(missing.into_iter().map(|capability| (capability, Scope::Whole))),
            Consent::Refused => return Err(Error::Declined { name }),
            Consent::Nobody => return Err(Error::NoConsent { name, capabilities: missing }),
        }
    }
    let new: Grants = grants.into_iter().filter(|(capability, scope)| before.get(capability) != Some(scope)).collect();
    // Somebody else may work on the store while the person thinks.
    let _guard = context.guard()?;
    change(context, install.profile.as_ref(), |undo| {
        let manifest = start_manifest(context, undo)?;
        let existing = manifest.extensions.get(&name);
        let source = match &install.origin {
            Origin::Registry(reference) => WrittenSource::Oci(reference.to_string()),
            Origin::File(file) => copy_component(context, undo, &name, file, existing)?,
        };
        let file = write_entry(context, undo, &name, existing, &Change { source, grants: new.clone() })?;
        let manifest = context.project.read_manifest()?;
        let written = manifest.extensions.get(&name).ok_or(Error::Bug("what was installed is not in the manifest"))?;
        let source = match (&entry.source, &written.source) {
            (LockedSource::Path(_), ComponentSource::Path(path)) => LockedSource::Path(path.clone()),
            (source, _) => source.clone(),
        };
        let known = (name.clone(), LockEntry { source, ..entry.clone() });
        undo.remember(&context.project.lock_path())?;
        write_with(context, &manifest, &Upgrade::Nothing, Some(known))?;
        Ok((file, shown(&written.capabilities)))
    })
    .map(|((file, capabilities), sync)| InstallReport {
        name: name.clone(),
        source: shown_source.clone(),
        file,
        capabilities,
        sync,
    })
}

/// Takes an extension away, wherever it is written.
///
/// # Errors
/// [`Error::NoExtension`] if it is not wanted; any of `lock` and `sync`. Then nothing is changed.
pub fn remove(context: &Context, name: &ExtensionName, profile: Option<&ProfileName>) -> Result<RemoveReport, Error> {
    let _guard = context.guard()?;
    change(context, profile, |undo| {
        let manifest = context.project.read_manifest()?;
        let Some(extension) = manifest.extensions.get(name) else {
            let known = manifest.extensions.keys().map(ExtensionName::as_str);
            let closest = nearest(name.as_str(), known).map(str::to_owned);
            return Err(Error::NoExtension { name: name.clone(), place: context.project.shown_manifest(), closest });
        };
        let file = match extension.form {
            Form::DropIn => {
                let (path, shown) = context.project.drop_in(name);
                undo.remove(&path)?;
                shown
            }
            Form::Short | Form::Table => {
                let path = context.project.manifest();
                let text = read_text(path)?;
                let edited = remove_entry(&text, name).map_err(|source| edit_failed(context, source))?;
                undo.write(path, edited.as_bytes())?;
                context.project.shown_manifest()
            }
        };
        if extension.source == ComponentSource::Path(copied(name)) && extension.form == Form::DropIn {
            undo.remove(&context.project.component(&copied(name)))?;
        }
        undo.remember(&context.project.lock_path())?;
        write_with(context, &context.project.read_manifest()?, &Upgrade::Nothing, None)?;
        Ok(file)
    })
    .map(|(file, sync)| RemoveReport { name: name.clone(), file, sync })
}

/// Makes a change to the person's files and then the set live, or neither.
fn change<T>(
    context: &Context,
    profile: Option<&ProfileName>,
    edit: impl FnOnce(&mut Undo) -> Result<T, Error>,
) -> Result<(T, SyncReport), Error> {
    let mut undo = Undo::default();
    let options = Options {
        mode: Mode::Write,
        policy: LockPolicy::Locked,
        ownership: Ownership::Respect,
        profile: profile.cloned(),
    };
    let done = edit(&mut undo).and_then(|edited| Ok((edited, sync_guarded(context, &options)?)));
    match done {
        Ok(done) => {
            undo.keep();
            Ok(done)
        }
        Err(error) => match undo.put_back() {
            Ok(()) => Err(error),
            Err(second) => Err(Error::NotPutBack { error: Box::new(error), second: Box::new(second) }),
        },
    }
}

/// Resolves, fetches and inspects one extension. What was verified stays in the store.
fn look(context: &Context, name: &ExtensionName, origin: &Origin) -> Result<(String, LockEntry), Error> {
    let registries = context.project.read_manifest_or_empty()?.registries;
    let blobs = Blobs::new(&context.paths);
    let (shown, source) = match origin {
        Origin::Registry(reference) => (reference.to_string(), ComponentSource::Oci(reference.clone())),
        Origin::File(file) => {
            read_component(file)?;
            let path = std::path::absolute(file).map_err(|source| Error::Read { path: file.clone(), source })?;
            let path = path.to_str().ok_or_else(|| Error::NotUtf8(file.clone()))?.to_owned();
            (file.display().to_string(), ComponentSource::Path(path))
        }
    };
    let Resolved { mut entries, faults } = resolve_all(context, &registries, &[(name, &source)], &blobs)?;
    refuse(faults)?;
    let (_, entry) = entries.pop().ok_or(Error::Bug("an extension was neither resolved nor refused"))?;
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

/// Copies a component beside the manifest; gives the path that the manifest says.
fn copy_component(
    context: &Context,
    undo: &mut Undo,
    name: &ExtensionName,
    file: &Path,
    existing: Option<&Extension>,
) -> Result<WrittenSource, Error> {
    let bytes = read_component(file)?;
    undo.write(&context.project.component(&copied(name)), &bytes)?;
    Ok(WrittenSource::Path(match existing.map(|existing| existing.form) {
        Some(Form::Short | Form::Table) => copied(name),
        Some(Form::DropIn) | None => format!("{name}.wasm"),
    }))
}

/// Where a copied component is, relative to the folder of `sesame.toml`.
fn copied(name: &ExtensionName) -> String {
    format!("{DROP_INS}/{name}.wasm")
}

/// Writes the extension where it stands, or into a new drop-in; gives the file's name for people.
fn write_entry(
    context: &Context,
    undo: &mut Undo,
    name: &ExtensionName,
    existing: Option<&Extension>,
    change: &Change,
) -> Result<String, Error> {
    let (drop_in, shown_drop_in) = context.project.drop_in(name);
    let failed = |source| edit_failed(context, source);
    match existing.map(|existing| existing.form) {
        None => {
            undo.write(&drop_in, new_drop_in(name, change).as_bytes())?;
            Ok(shown_drop_in)
        }
        Some(Form::DropIn) => {
            let edited = edit_drop_in(&read_text(&drop_in)?, change).map_err(failed)?;
            undo.write(&drop_in, edited.as_bytes())?;
            Ok(shown_drop_in)
        }
        Some(Form::Short | Form::Table) => {
            let path = context.project.manifest();
            let edited = edit_entry(&read_text(path)?, name, change).map_err(failed)?;
            undo.write(path, edited.as_bytes())?;
            Ok(context.project.shown_manifest())
        }
    }
}

fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = read_file(path, u64::MAX)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| Error::NotUtf8(path.to_owned()))
}

fn edit_failed(context: &Context, source: crate::model::manifest_edit::EditError) -> Error {
    Error::Edit { file: context.project.shown_manifest(), source }
}

/// The last part of the repository, or the stem of the file.
fn default_name(origin: &Origin) -> Result<ExtensionName, Error> {
    let text = match origin {
        Origin::Registry(reference) => {
            let repository = reference.repository();
            repository.rsplit('/').next().unwrap_or(&repository).to_owned()
        }
        Origin::File(file) => file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    text.parse().map_err(|source| Error::NoName { text, source })
}

/// What of an extension's imports is neither of the host nor granted by a capability: the WASI packages, for people.
pub fn wasi_packages(entry: &LockEntry) -> Vec<&str> {
    let mut packages: Vec<&str> = entry
        .imports
        .iter()
        .filter(|import| needed(import) == Some(None) && import.starts_with("wasi:"))
        .filter_map(|import| import.split('/').next())
        .collect();
    packages.dedup();
    packages
}
