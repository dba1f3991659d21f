//! The folders that a whole set is granted, checked before the set becomes active.

use crate::model::capability::Grants;
use crate::model::fault::Fault;
use crate::model::manifest::Manifest;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::Generation;
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::policy::PolicyError;
use crate::ops::policy::checks::fail_on_faults;
use crate::ops::policy::preopens::open_folders;
use crate::ops::policy::protected_paths::{OnUnreadable, ProtectedPaths, active_generations};

use super::preopen_rules::{GrantedFolder, PreopenRules, granted_folders_by_path, writable_folders};

/// A granted folder that cannot be used on this machine, and may be on another.
#[derive(Debug)]
pub(crate) struct UnusableFolder {
    pub extension: ExtensionName,
    /// Why, with what to do about it.
    pub fault: Fault,
}

impl From<UnusableFolder> for Warning {
    fn from(UnusableFolder { extension, fault }: UnusableFolder) -> Self {
        Self::UnusableFolder { extension, fault }
    }
}

/// Checks the folders that a manifest grants, before it becomes active in `profile`. Returns those that cannot be used
/// on this machine.
///
/// # Errors
/// [`LockError::Extensions`](crate::ops::error::lock::LockError::Extensions) if a folder is never given,
/// [`PolicyError::WrittenByOther`] if an extension of another profile may write to something that the manifest reads,
/// and those of [`ProtectedPaths::of_machine`].
pub(crate) fn check_manifest(
    context: &Context,
    manifest: &Manifest,
    profile: &ProfileName,
) -> Result<Vec<UnusableFolder>, Error> {
    let (paths, user, project) = (&context.paths, &context.user, &context.project);
    let others = active_generations(paths, Some(profile));
    let written = writable_folders(&others, user);
    let made_elsewhere =
        |other: &&Result<Generation, Error>| other.as_ref().is_ok_and(|other| !project.has_made(other));
    // What this manifest has made active in another profile cannot go before it.
    let granted = granted_folders_by_path(others.iter().filter(made_elsewhere), user);
    if !written.is_empty() {
        let mut own = ProtectedPaths::default();
        own.add_project(project, manifest);
        refuse_written(&written, &own)?;
    }
    let protected = || {
        let mut protected = ProtectedPaths::of_machine(user, others, OnUnreadable::Refuse)?;
        protected.add_project(project, manifest);
        Ok(protected)
    };
    let grants = || manifest.extensions.iter().map(|(name, extension)| (name, &extension.capabilities));
    let base = project.manifest().parent().unwrap_or(project.manifest());
    let rules = PreopenRules::new(paths, user, base, grants().map(|(_, grants)| grants), protected)?
        .with_others(&written, granted);
    check(grants(), &rules)
}

/// The same for a generation, before it becomes active again. Its grants were agreed to before, so a manifest that
/// cannot be read does not stop it.
pub(crate) fn check_generation(context: &Context, set: &Generation) -> Result<Vec<UnusableFolder>, Error> {
    let (paths, user) = (&context.paths, &context.user);
    let others = active_generations(paths, Some(&set.profile));
    let written = writable_folders(&others, user);
    if !written.is_empty() {
        let mut own = ProtectedPaths::default();
        match own.add_generation(set) {
            Err(Error::UnreadableDependent { .. }) => {}
            read => read?,
        }
        refuse_written(&written, &own)?;
    }
    let grants = || set.extensions.iter().map(|extension| (&extension.name, &extension.capabilities));
    let all = grants().map(|(_, grants)| grants);
    let granted = granted_folders_by_path(&others, user);
    let read = others.into_iter().chain([Ok(set.clone())]);
    let protected = || ProtectedPaths::of_machine(user, read, OnUnreadable::Skip);
    let rules = PreopenRules::new(paths, user, set.folder(), all, protected)?.with_others(&written, granted);
    check(grants(), &rules)
}

pub(crate) fn check<'a>(
    extensions: impl Iterator<Item = (&'a ExtensionName, &'a Grants)>,
    rules: &PreopenRules,
) -> Result<Vec<UnusableFolder>, Error> {
    let (mut faults, mut unusable) = (Vec::new(), Vec::new());
    for (name, grants) in extensions {
        for source in open_folders(grants, rules).into_iter().filter_map(Result::err) {
            if source.is_refusal() {
                faults.push((
                    name.clone(),
                    Error::Policy(PolicyError::Folder { name: name.to_string(), source }).fault(),
                ));
            } else {
                let fault = Fault::new(source.kind(), &source, [source.hint()]);
                unusable.push(UnusableFolder { extension: name.clone(), fault });
            }
        }
    }
    fail_on_faults(faults).map(|()| unusable)
}

/// Refuses a set that reads what an extension of another profile may write to.
pub(crate) fn refuse_written(written: &[GrantedFolder], own: &ProtectedPaths) -> Result<(), Error> {
    for GrantedFolder { profile, manifest, name, folder } in written {
        if let Some((read, reader)) = own.dependent_of(folder) {
            return Err(PolicyError::WrittenByOther {
                profile: profile.clone(),
                manifest: manifest.clone(),
                name: name.clone(),
                folder: folder.clone(),
                read: read.to_owned(),
                what: reader.what.clone(),
                by: reader.by.clone(),
            }
            .into());
        }
    }
    Ok(())
}
