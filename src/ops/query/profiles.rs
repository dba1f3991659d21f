//! `profile list`: the profiles of this machine, what is active in each, and which manifest made it.

use crate::model::capability::Grants;
use crate::model::capability::grant::format_grants;
use crate::model::capability::without_grants;
use crate::model::name::ExtensionName;
use std::path::Path;

use crate::model::name::ProfileName;
use crate::model::plan::generation::Generation;
use crate::model::plan::generation::ProfileHold;
use crate::model::report::query::profiles::{ActiveProfile, DeclaredProfile, ListedProfile, ProfilesReport};
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::project::Project;
use crate::ops::project::search::Search;
use crate::ops::sync::options::WriteMode;
use crate::store::generations;
use crate::store::owner;
use crate::store::paths::StorePaths;

/// Lists the profiles of this machine.
///
/// # Errors
/// [`Error::Store`] if it is not known which there are. One whose active set cannot be read is listed as such.
pub fn profiles(paths: &StorePaths) -> Result<ProfilesReport, Error> {
    owner::check_store_owner(paths)?;
    let profiles = generations::profiles(paths)?.into_iter().map(|name| listed(paths, name));
    Ok(ProfilesReport { profiles: profiles.collect::<Result<_, _>>()? })
}

fn listed(paths: &StorePaths, name: ProfileName) -> Result<ListedProfile, Error> {
    let generations = generations::numbers(paths, &name)?.len();
    let (active, fault) = match generations::active_generation(paths, &name) {
        Ok(active) => (active, None),
        Err(error) => (None, Some(Error::from(error).fault())),
    };
    let hold = generations::hold_of(paths, &name).unwrap_or(ProfileHold::Free);
    let active = active.map(|(generation, set)| ActiveProfile {
        generation,
        extensions: set.extensions.len(),
        is_held: hold == ProfileHold::Held,
        declares: declared(&set),
        manifest: set.manifest,
    });
    Ok(ListedProfile { name, generations, active, fault })
}

/// Which profile the manifest of a set declares by now.
pub(crate) fn declared(set: &Generation) -> DeclaredProfile {
    let path: &Path = set.manifest.as_path();
    if path.symlink_metadata().is_err() {
        return DeclaredProfile::NoManifest;
    }
    let named = Search { named: Some(path.to_owned()), ..Search::default() };
    match Project::find(&named).and_then(|project| project.read_profile()) {
        Err(_) => DeclaredProfile::Unknown,
        Ok(declared) => match declared.unwrap_or_default() {
            profile if profile == set.profile => DeclaredProfile::This,
            profile => DeclaredProfile::Other { profile },
        },
    }
}

/// The sets of other profiles that the manifest has made.
fn other_sets(context: &Context, profile: &ProfileName) -> Vec<Generation> {
    let profiles = generations::profiles(&context.paths).unwrap_or_default();
    let others = profiles.into_iter().filter(|other| other != profile);
    let active = others.filter_map(|other| generations::active_generation(&context.paths, &other).ok().flatten());
    active.map(|(_, set)| set).filter(|set| context.project.has_made(set)).collect()
}

/// Warns of what is still active in other profiles that the manifest made, after a change to `profile`: the extension, if it was removed, or
/// grants that are not among those `left`.
pub(crate) fn warn_of_other_profiles(
    context: &Context,
    profile: Option<&ProfileName>,
    name: &ExtensionName,
    left: Option<&Grants>,
) {
    let declared = || context.project.read_profile().ok().flatten();
    let profile = profile.cloned().or_else(declared).unwrap_or_default();
    for set in other_sets(context, &profile) {
        let Some(active) = set.extensions.iter().find(|extension| extension.name == *name) else { continue };
        let grants = left.map(|left| format_grants(&without_grants(&active.capabilities, left)));
        if grants.as_ref().is_none_or(|grants| !grants.is_empty()) {
            let (extension, profile) = (name.clone(), set.profile);
            context.warn(&[Warning::ActiveElsewhere { extension, profile, grants: grants.unwrap_or_default() }]);
        }
    }
}

/// The sets of other profiles that the manifest has made and that stay active although it declares another profile by now: for a
/// profile in which nothing is active yet.
pub(crate) fn left_active(context: &Context, profile: &ProfileName, mode: WriteMode) -> Vec<Warning> {
    let profiles = generations::profiles(&context.paths).unwrap_or_default();
    // A sync that writes takes the name.
    let is_name_free = mode == WriteMode::Preview && !profiles.contains(profile);
    other_sets(context, profile)
        .into_iter()
        .filter(|set| !set.extensions.is_empty())
        .map(|set| Warning::OtherProfileActive {
            extensions: set.extensions.len(),
            active: set.profile,
            declared: profile.clone(),
            is_name_free,
        })
        .collect()
}
