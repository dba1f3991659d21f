//! Writes the entries of extensions where they stand: in `sesame.toml`, or in a drop-in manifest.

use std::path::{Path, PathBuf};

use crate::model::capability::Grants;
use crate::model::manifest::edit::drop_in::{edit_drop_in, new_drop_in};
use crate::model::manifest::edit::entry::{add_entry, edit_entry};
use crate::model::manifest::edit::revoke::{revoke_in_drop_in, revoke_in_entry};
use crate::model::manifest::edit::{EntryChange, ManifestEditError};
use crate::model::manifest::{EntryForm, Manifest};
use crate::model::name::ExtensionName;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::edit::EditError;
use crate::ops::error::project::ProjectError;
use crate::ops::project::files::read_whole;

use super::undo::Undo;

/// Where an extension is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallTarget {
    /// In a file of its own.
    DropIn,
    /// In `sesame.toml`.
    Manifest,
}

/// An entry, and whether it is there.
#[derive(Clone, Copy)]
pub(super) enum EntryPlace {
    Existing(InstallTarget),
    New(InstallTarget),
}

impl EntryPlace {
    /// Where an extension stands, or else where a new one is to stand.
    pub fn of(name: &ExtensionName, manifest: &Manifest, new: InstallTarget) -> Self {
        match manifest.extensions.get(name).map(|existing| existing.form) {
            Some(EntryForm::DropIn) => Self::Existing(InstallTarget::DropIn),
            Some(EntryForm::Short | EntryForm::Table) => Self::Existing(InstallTarget::Manifest),
            None => Self::New(new),
        }
    }

    pub fn target(self) -> InstallTarget {
        match self {
            Self::Existing(target) | Self::New(target) => target,
        }
    }
}

/// Writes an entry.
pub(super) fn write_entry(
    context: &Context,
    undo: &mut Undo,
    name: &ExtensionName,
    place: EntryPlace,
    change: &EntryChange,
) -> Result<(), Error> {
    let (path, shown) = entry_file(context, name, place);
    let edited = match place {
        EntryPlace::New(InstallTarget::DropIn) => Ok(new_drop_in(name, change)),
        EntryPlace::New(InstallTarget::Manifest) => add_entry(&read_text(&path)?, name, change),
        EntryPlace::Existing(InstallTarget::DropIn) => edit_drop_in(&read_text(&path)?, change),
        EntryPlace::Existing(InstallTarget::Manifest) => edit_entry(&read_text(&path)?, name, change),
    };
    undo.write(&path, edited.map_err(edit_failed(&shown))?.as_bytes())
}

/// Removes grants from an entry that is there.
pub(super) fn revoke(
    context: &Context,
    undo: &mut Undo,
    name: &ExtensionName,
    place: EntryPlace,
    revoked: &Grants,
) -> Result<(), Error> {
    let (path, shown) = entry_file(context, name, place);
    let text = read_text(&path)?;
    let edited = match place.target() {
        InstallTarget::DropIn => revoke_in_drop_in(&text, name, revoked),
        InstallTarget::Manifest => revoke_in_entry(&text, name, revoked),
    };
    undo.write(&path, edited.map_err(edit_failed(&shown))?.as_bytes())
}

/// The file that an entry stands in, and what it is called in messages.
pub(super) fn entry_file(context: &Context, name: &ExtensionName, place: EntryPlace) -> (PathBuf, String) {
    match place.target() {
        InstallTarget::DropIn => context.project.drop_in_path(name),
        InstallTarget::Manifest => (context.project.manifest().to_owned(), context.project.shown_manifest()),
    }
}

pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = read_whole(path)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| Error::Project(ProjectError::NotUtf8(path.to_owned())))
}

pub(super) fn edit_failed(file: &str) -> impl FnOnce(ManifestEditError) -> Error {
    move |source| Error::Edit(EditError::Manifest { file: file.to_owned(), source })
}
