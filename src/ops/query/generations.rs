//! `generations`: lists the generations of a profile, and removes some.

use crate::model::name::ProfileName;
use crate::model::plan::generation::Generation;
use crate::model::plan::generation::ProfileHold;
use crate::model::plan::set_change::set_changes;
use crate::model::report::query::generations::{
    GenerationReport, GenerationsDiffReport, GenerationsReport, RemovedGenerationsReport,
};
use crate::model::text::nearest;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::profile::ProfileError;
use crate::store::generations;
use crate::store::paths::StorePaths;
use crate::store::{self, owner};

/// Lists the generations of a profile, the newest first, each with what it changed.
///
/// # Errors
/// [`Error::Store`] if they cannot be read. One that is damaged is listed as such; where it cannot be told which is live, none is.
pub fn list(paths: &StorePaths, profile: &ProfileName) -> Result<GenerationsReport, Error> {
    owner::check_store_owner(paths)?;
    let live = generations::current(paths, profile).ok().flatten();
    let mut reports = Vec::new();
    let mut before: Option<Generation> = None;
    for number in generations::numbers(paths, profile)? {
        let is_live = live == Some(number);
        match generations::read(paths, profile, number) {
            Ok(generation) => {
                let changes = before.as_ref().map(|before| set_changes(before, &generation, [])).unwrap_or_default();
                reports.push(GenerationReport::new(number, is_live, &generation, changes));
                before = Some(generation);
            }
            // Another run has removed it meanwhile.
            Err(_) if paths.generation(profile, number).symlink_metadata().is_err() => {}
            Err(store::Error::BadGeneration { source, .. }) => {
                reports.push(GenerationReport::damaged(number, is_live, source));
            }
            Err(error) => return Err(error.into()),
        }
    }
    reports.reverse();
    let is_held = generations::hold_of(paths, profile).is_ok_and(|hold| hold == ProfileHold::Held);
    Ok(GenerationsReport { profile: profile.clone(), active: live, is_held, generations: reports })
}

/// What changes from one generation of a profile to another, or else to the active one.
///
/// # Errors
/// [`ProfileError::NoGeneration`] for one that is not there, [`ProfileError::NothingActive`] if no generation is active,
/// [`Error::Store`] if one cannot be read.
pub fn diff(
    paths: &StorePaths,
    profile: &ProfileName,
    from: u64,
    to: Option<u64>,
) -> Result<GenerationsDiffReport, Error> {
    owner::check_store_owner(paths)?;
    let known = generations::numbers(paths, profile)?;
    let nothing_active = || Error::Profile(ProfileError::NothingActive { profile: profile.clone() });
    let to = match to {
        Some(to) => to,
        None => generations::current(paths, profile)?.ok_or_else(nothing_active)?,
    };
    let read = |number| match known.contains(&number) {
        true => Ok(generations::read(paths, profile, number)?),
        false => {
            Err(Error::Profile(ProfileError::NoGeneration { profile: profile.clone(), number, known: known.clone() }))
        }
    };
    let changes = set_changes(&read(from)?, &read(to)?, []);
    Ok(GenerationsDiffReport { profile: profile.clone(), from, to, changes })
}

/// Checks that there is a profile, for commands that are about one that is there: the one that the manifest declares, the usual one, or
/// any on this machine.
///
/// # Errors
/// [`ProfileError::NoProfile`] with the closest name that there is, [`Error::Store`] if they cannot be read.
pub fn check_profile(context: &Context, profile: Option<&ProfileName>) -> Result<(), Error> {
    let Some(profile) = profile else { return Ok(()) };
    let declared = context.project.read_profile().ok().flatten();
    check_known_profile(&context.paths, profile, declared.as_ref())
}

/// Refuses if extensions of a profile run.
///
/// # Errors
/// [`ProfileError::InUse`] with the generation that they are of.
pub(crate) fn check_idle(paths: &StorePaths, profile: &ProfileName) -> Result<(), Error> {
    let mut numbers = generations::numbers(paths, profile)?.into_iter();
    match numbers.find(|number| generations::is_in_use(&paths.generation(profile, *number))) {
        Some(number) => Err(ProfileError::InUse { profile: profile.clone(), number }.into()),
        None => Ok(()),
    }
}

/// The same with the profile that the manifest declares, if there is a manifest.
///
/// # Errors
/// As [`check_profile`].
pub fn check_known_profile(
    paths: &StorePaths,
    profile: &ProfileName,
    declared: Option<&ProfileName>,
) -> Result<(), Error> {
    let known = generations::profiles(paths)?;
    if known.contains(profile) || declared == Some(profile) || *profile == ProfileName::default() {
        return Ok(());
    }
    let closest = nearest(profile.as_str(), known.iter().map(ProfileName::as_str)).map(str::to_owned);
    Err(ProfileError::NoProfile { profile: profile.clone(), closest }.into())
}

/// Removes generations, all or none of them. What only they needed goes with the next `gc`.
///
/// # Errors
/// [`ProfileError::NoGeneration`] for one that is not there, [`ProfileError::IsActive`] for the live one, [`ProfileError::InUse`]
/// for one whose extensions run.
pub fn delete(context: &Context, profile: &ProfileName, numbers: &[u64]) -> Result<RemovedGenerationsReport, Error> {
    let _guard = context.lock_store()?;
    let paths = &context.paths;
    let live = generations::current(paths, profile)?;
    let known = generations::numbers(paths, profile)?;
    for number in numbers.iter().copied() {
        if live == Some(number) {
            return Err(ProfileError::IsActive { profile: profile.clone(), number }.into());
        }
        if !known.contains(&number) {
            return Err(ProfileError::NoGeneration { profile: profile.clone(), number, known }.into());
        }
        if generations::is_in_use(&paths.generation(profile, number)) {
            return Err(ProfileError::InUse { profile: profile.clone(), number }.into());
        }
    }
    for number in numbers.iter().copied() {
        if !generations::remove(paths, profile, number)? {
            return Err(ProfileError::InUse { profile: profile.clone(), number }.into());
        }
    }
    Ok(RemovedGenerationsReport { profile: profile.clone(), removed: numbers.to_vec() })
}
