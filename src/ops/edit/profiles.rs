//! `profile delete` and `profile rename`. Whatever happens meanwhile, each profile is whole, or is not there.

use crate::model::manifest::edit::profile::declare_profile;
use crate::model::name::ProfileName;
use crate::model::plan::generation::Generation;
use crate::model::report::query::profiles::{
    DeclaredProfile, DeletedProfilesReport, ListedProfile, RenamedProfileReport,
};
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::edit::ConfirmedAction;
use crate::ops::error::profile::ProfileError;
use crate::ops::query::generations::{check_idle, check_known_profile};
use crate::ops::query::profiles::{declared, profiles};
use crate::store::generations;

use super::consent::Consent;
use super::manifest_files::{edit_failed, read_text};
use super::transaction::all_or_nothing;

/// Deletes profiles with all their generations, so that nothing is active in them. What only they needed goes with the next `gc`.
///
/// # Errors
/// [`ProfileError::NoProfile`] for one that is not there, [`ProfileError::InUse`] for one whose extensions run, and those of a
/// consent that is not given; then none is deleted. [`ProfileError::Running`] if extensions are started while the command runs; then those
/// before it are deleted.
pub fn delete(
    context: &Context,
    names: &[ProfileName],
    consent: &dyn Fn(&[ListedProfile]) -> Consent,
) -> Result<DeletedProfilesReport, Error> {
    let mut listed = profiles(&context.paths)?.profiles;
    for name in names {
        if !listed.iter().any(|profile| profile.name == *name) {
            return Err(no_profile(context, name));
        }
    }
    listed.retain(|profile| names.contains(&profile.name));
    consent(&listed).require(ConfirmedAction::DeleteProfiles(names.to_vec()))?;
    let _guard = context.lock_store()?;
    for name in names {
        check_idle(&context.paths, name)?;
    }
    names.iter().try_for_each(|name| delete_unused(context, name))?;
    Ok(DeletedProfilesReport { deleted: listed.into_iter().map(|profile| profile.name).collect() })
}

/// Gives a profile another name, in the store and in the manifest of `context`, if that made its active set and declares it. If it is
/// interrupted, both names are there, each with the whole profile.
///
/// # Errors
/// [`ProfileError::NoProfile`] and [`ProfileError::ProfileExists`], [`ProfileError::InUse`] if its extensions run,
/// [`Error::Store`] if a generation cannot be read. Then both are as before.
pub fn rename(context: &Context, from: &ProfileName, to: &ProfileName) -> Result<RenamedProfileReport, Error> {
    let _guard = context.lock_store()?;
    if from == to {
        return Err(ProfileError::SameName { profile: to.clone() }.into());
    }
    let known = generations::profiles(&context.paths)?;
    if !known.contains(from) {
        return Err(no_profile(context, from));
    }
    if known.contains(to) {
        return Err(ProfileError::ProfileExists { profile: to.clone() }.into());
    }
    check_idle(&context.paths, from)?;
    let active = generations::active_generation(&context.paths, from)?.map(|(_, active)| active);
    let is_declared = |active: &&Generation| declared(active) == DeclaredProfile::This;
    let declaring = active.as_ref().filter(is_declared);
    let own = declaring.filter(|active| context.project.has_made(active));
    generations::copy_profile(&context.paths, from, to)?;
    let declared_anew = all_or_nothing(context, |undo| {
        if own.is_some() {
            let (path, shown) = (context.project.manifest(), context.project.shown_manifest());
            let edited = declare_profile(&read_text(path)?, to).map_err(edit_failed(&shown))?;
            undo.write(path, edited.as_bytes())?;
        }
        Ok(())
    });
    if let Err(error) = declared_anew {
        if let Err(left) = delete_unused(context, to) {
            context.warn(&[Warning::LeftOver { fault: left.fault() }]);
        }
        return Err(error);
    }
    // Both are whole by now. That the old one stays is untidy, no more.
    if let Err(error) = delete_unused(context, from) {
        context.warn(&[Warning::LeftOver { fault: error.fault() }]);
    }
    Ok(RenamedProfileReport {
        from: from.clone(),
        to: to.clone(),
        file: own.map(|_| context.project.shown_manifest()),
        still_declared_by: declaring.filter(|_| own.is_none()).map(|active| active.manifest.clone()),
    })
}

/// Deletes a profile of which no extensions run.
fn delete_unused(context: &Context, profile: &ProfileName) -> Result<(), Error> {
    match generations::delete_profile(&context.paths, profile)? {
        true => Ok(()),
        false => Err(ProfileError::Running { profile: profile.clone() }.into()),
    }
}

fn no_profile(context: &Context, name: &ProfileName) -> Error {
    match check_known_profile(&context.paths, name, None) {
        Err(error) => error,
        // The usual name is known without being there.
        Ok(()) => ProfileError::NoProfile { profile: name.clone(), closest: None }.into(),
    }
}
