//! Generations of a profile, and which of them is live. A generation's file is never changed.
//!
//! Whoever runs extensions of a generation holds it: a shared lock on its file, which the kernel frees when the process ends.
//! What is held is not removed, and neither is anything that it names.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::model::fault::file_problem::FileProblem;
use crate::model::name::ProfileName;
use crate::model::plan::generation::{Generation, ProfileHold, VERSION};
use crate::model::plan::generation_problem::GenerationProblem;
use crate::store::owner;

use super::error::{Error, is_damage, unread};
use super::paths::StorePaths;
use super::trusted_files::{entries, open_any, open_trusted};
use super::write::{self, Durability};

/// The profiles that there are. Folders with other names are not profiles.
///
/// # Errors
/// [`Error::Io`] if they cannot be read.
pub fn profiles(paths: &StorePaths) -> Result<BTreeSet<ProfileName>, Error> {
    let folders = entries(&paths.profiles())?.into_iter().filter(|entry| entry.path().is_dir());
    Ok(folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok()).collect())
}

/// The numbers of all generations of a profile. Files with other names are not generations.
pub fn numbers(paths: &StorePaths, profile: &ProfileName) -> Result<BTreeSet<u64>, Error> {
    let mut numbers = BTreeSet::new();
    for entry in entries(&paths.generations(profile))? {
        let name = entry.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".toml"));
        let number = stem.and_then(|stem| stem.parse::<u32>().ok().filter(|number| number.to_string() == stem));
        numbers.extend(number.map(u64::from));
    }
    Ok(numbers)
}

/// The right to rely on a generation and all that it names, until it is dropped.
#[derive(Debug)]
pub struct GenerationHold(#[expect(dead_code, reason = "the lock is on the open file")] File);

/// The live generation and its number, if one was ever activated.
///
/// # Errors
/// [`Error::UnknownActive`] if what is live cannot be told.
pub fn active_generation(paths: &StorePaths, profile: &ProfileName) -> Result<Option<(u64, Generation)>, Error> {
    Ok(hold_active(paths, profile)?.map(|(number, generation, _)| (number, generation)))
}

/// The same, held.
///
/// # Errors
/// As [`active_generation`].
pub fn hold_active(
    paths: &StorePaths,
    profile: &ProfileName,
) -> Result<Option<(u64, Generation, GenerationHold)>, Error> {
    let mut before = None;
    loop {
        let Some(number) = current(paths, profile)? else {
            // A first activation that was killed leaves one generation that was never live; several make it known that one was.
            let known = numbers(paths, profile)?.len();
            let lost = Error::UnknownActive {
                path: paths.current(profile),
                source: GenerationProblem::NoRecord { generations: known },
            };
            return if known > 1 { Err(lost) } else { Ok(None) };
        };
        match hold(paths, profile, number) {
            // Before it was held, another may have become live and this one have been removed.
            Ok((generation, hold)) if current(paths, profile)? == Some(number) => {
                return Ok(Some((number, generation, hold)));
            }
            Err(Error::BadGeneration { source, .. }) if before == Some(number) => {
                let source = GenerationProblem::Unusable { number, problem: Box::new(source) };
                return Err(Error::UnknownActive { path: paths.current(profile), source });
            }
            Ok(_) | Err(Error::BadGeneration { .. }) => before = Some(number),
            Err(error) => return Err(error),
        }
    }
}

/// The number of the live generation, whether there is one of that number or not.
///
/// # Errors
/// [`Error::UnknownActive`] if it cannot be told.
pub fn current(paths: &StorePaths, profile: &ProfileName) -> Result<Option<u64>, Error> {
    Ok(read_current(paths, profile)?.map(|(number, _)| number))
}

/// Whether a profile is held at its active generation.
///
/// # Errors
/// As [`current`].
pub fn hold_of(paths: &StorePaths, profile: &ProfileName) -> Result<ProfileHold, Error> {
    Ok(read_current(paths, profile)?.map_or(ProfileHold::Free, |(_, hold)| hold))
}

/// The file `current` has one line: the number, and ` held` behind it if the profile is held.
fn read_current(paths: &StorePaths, profile: &ProfileName) -> Result<Option<(u64, ProfileHold)>, Error> {
    let path = paths.current(profile);
    let opened = open_trusted(&path).map_err(|error| match owner::check_store_owner(paths) {
        // Where the whole store is another user's, that says more than what is wrong with one file.
        Err(foreign) => foreign,
        Ok(()) => match why_unusable(error) {
            Ok(problem) => Error::UnknownActive { path: path.clone(), source: problem.into() },
            Err(error) => error,
        },
    });
    let Some((file, _)) = opened? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(32).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_end();
    let (number, hold) = match text.strip_suffix(" held") {
        Some(number) => (number, ProfileHold::Held),
        None => (text, ProfileHold::Free),
    };
    let number = number.parse().map_err(|_| Error::UnknownActive { path, source: GenerationProblem::NotANumber })?;
    Ok(Some((number, hold)))
}

/// Reads one generation.
pub fn read(paths: &StorePaths, profile: &ProfileName, number: u64) -> Result<Generation, Error> {
    let path = paths.generation(profile, number);
    parse(&open(&path)?, path, profile, number)
}

/// Reads one generation and holds it. Where files cannot be locked, nothing can be held; nothing can be removed there
/// either.
fn hold(paths: &StorePaths, profile: &ProfileName, number: u64) -> Result<(Generation, GenerationHold), Error> {
    let path = paths.generation(profile, number);
    let file = open(&path)?;
    // Others lock it to try whether it is held, and while they delete it.
    let _ = file.lock_shared();
    Ok((parse(&file, path, profile, number)?, GenerationHold(file)))
}

fn open(path: &Path) -> Result<File, Error> {
    let bad = |problem: FileProblem| Error::BadGeneration { path: path.to_owned(), source: problem.into() };
    match open_trusted(path) {
        Ok(opened) => Ok(opened.ok_or_else(|| bad(FileProblem::Missing))?.0),
        Err(error) => Err(why_unusable(error).map_or_else(|error| error, bad)),
    }
}

/// Why a file is of no use that cannot be opened, if that is the file's fault and not that of the moment.
fn why_unusable(error: Error) -> Result<FileProblem, Error> {
    match error {
        Error::Untrusted { source, .. } => Ok(source),
        Error::Io { source, .. } if is_damage(&source) => Ok(unread(&source)),
        error => Err(error),
    }
}

fn parse(mut file: &File, path: PathBuf, profile: &ProfileName, number: u64) -> Result<Generation, Error> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    Generation::parse(bytes, profile, number).map_err(|source| Error::BadGeneration { path, source })
}

/// Writes a generation and then makes it the active one, in one step each.
///
/// # Errors
/// [`Error::Io`]; then the one that was active still is.
pub fn activate(paths: &StorePaths, number: u64, generation: &Generation, hold: ProfileHold) -> Result<(), Error> {
    let path = paths.generation(&generation.profile, number);
    let text = render(&path, generation, number)?;
    write::replace(&path, &[text.as_bytes()], Durability::Synced)?;
    switch(paths, &generation.profile, number, hold)
}

/// Makes a generation that is there the live one, held or not, in one step.
///
/// # Errors
/// [`Error::Io`]; then the one that was live still is.
pub fn switch(paths: &StorePaths, profile: &ProfileName, number: u64, hold: ProfileHold) -> Result<(), Error> {
    write::replace(&paths.current(profile), &[current_line(number, hold).as_bytes()], Durability::Synced)
}

fn current_line(number: u64, hold: ProfileHold) -> String {
    match hold {
        ProfileHold::Held => format!("{number} held\n"),
        ProfileHold::Free => format!("{number}\n"),
    }
}

/// The text of a generation's file.
fn render(path: &Path, generation: &Generation, number: u64) -> Result<String, Error> {
    let numbered = Generation { version: VERSION, number: Some(number), ..generation.clone() };
    toml::to_string(&numbered).map_err(|error| Error::BadGeneration {
        path: path.to_owned(),
        source: GenerationProblem::Toml { message: error.to_string() },
    })
}

/// Removes the record of a generation, unless it is held; says whether it is gone.
///
/// # Errors
/// [`Error::Io`] if it cannot be removed.
pub fn remove(paths: &StorePaths, profile: &ProfileName, number: u64) -> Result<bool, Error> {
    let path = paths.generation(profile, number);
    if is_in_use(&path) {
        return Ok(false);
    }
    write::remove(&path)?;
    Ok(true)
}

/// Removes a profile with all its generations in one step, unless extensions of one of them run; returns whether it is gone.
///
/// # Errors
/// [`Error::Io`] if something cannot be removed.
pub fn delete_profile(paths: &StorePaths, profile: &ProfileName) -> Result<bool, Error> {
    let numbers = numbers(paths, profile)?;
    // While these are locked, no program begins to run what is removed.
    let locks: Option<Vec<Option<File>>> =
        numbers.iter().map(|number| lock_unused(&paths.generation(profile, *number))).collect();
    let Some(_locks) = locks else { return Ok(false) };
    let removed = paths.unfinished_profile(profile);
    write::remove_folder(&removed)?;
    if paths.profile(profile).symlink_metadata().is_ok() {
        write::rename_stored(&paths.profile(profile), &removed)?;
    }
    write::remove_folder(&removed)?;
    Ok(true)
}

/// Removes what a copy or a removal of a profile has left that was interrupted. That something stays costs only room.
pub(super) fn sweep_unfinished(paths: &StorePaths) {
    for entry in entries(&paths.profiles()).unwrap_or_default() {
        let name = entry.file_name();
        let profile = name.to_str().and_then(|name| name.strip_prefix('.')?.parse::<ProfileName>().ok());
        if let Some(profile) = profile.filter(|_| entry.path().is_dir()) {
            let _ = write::remove_folder(&paths.unfinished_profile(&profile));
        }
    }
}

/// Copies a profile, whole, to a name that is not taken.
///
/// # Errors
/// [`Error::BadGeneration`] if a generation cannot be read, [`Error::UnknownActive`] if it is not known which is active,
/// [`Error::Io`]; then there is no copy.
pub fn copy_profile(paths: &StorePaths, from: &ProfileName, to: &ProfileName) -> Result<(), Error> {
    let copy = paths.unfinished_profile(to);
    // One that was interrupted left it behind.
    write::remove_folder(&copy)?;
    for number in numbers(paths, from)? {
        let renamed = Generation { profile: to.clone(), ..read(paths, from, number)? };
        let path = copy.join("generations").join(format!("{number}.toml"));
        write::replace(&path, &[render(&path, &renamed, number)?.as_bytes()], Durability::Synced)?;
    }
    if let Some((number, hold)) = read_current(paths, from)? {
        write::replace(&copy.join("current"), &[current_line(number, hold).as_bytes()], Durability::Synced)?;
    }
    write::rename_stored(&copy, &paths.profile(to))
}

/// The file of a generation, locked so that no program can begin to run its extensions: `Some(None)` if it cannot be opened, `None` if
/// extensions run.
fn lock_unused(path: &Path) -> Option<Option<File>> {
    match open_any(path) {
        Ok(file) => file.try_lock().ok().map(|()| Some(file)),
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied).then_some(None),
    }
}

/// Whether somebody holds the generation in a file, or that cannot be told just now. Of one that is not live nobody can begin
/// to. One that somebody has made unreadable is held by nobody.
pub fn is_in_use(path: &Path) -> bool {
    lock_unused(path).is_none()
}
