//! Generations of a profile, and which of them is live. A generation's file is never changed.
//!
//! Whoever runs extensions of a generation holds it: a shared lock on its file, which the kernel frees when the process ends.
//! What is held is not removed, and neither is anything that it names.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::model::name::ProfileName;
use crate::model::plan::generation::{Generation, OLDEST_VERSION, VERSION};
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
                why: format!("it is not there, and {known} generations are"),
                is_other: false,
            };
            return if known > 1 { Err(lost) } else { Ok(None) };
        };
        match hold(paths, profile, number) {
            // Before it was held, another may have become live and this one have been removed.
            Ok((generation, hold)) if current(paths, profile)? == Some(number) => {
                return Ok(Some((number, generation, hold)));
            }
            Err(Error::BadGeneration { why, is_other, .. }) if before == Some(number) => {
                let why = format!("generation {number} cannot be used: {why}");
                return Err(Error::UnknownActive { path: paths.current(profile), why, is_other });
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
    let path = paths.current(profile);
    let opened = open_trusted(&path).map_err(|error| match owner::check_store_owner(paths) {
        // Where the whole store is another user's, that says more than what is wrong with one file.
        Err(foreign) => foreign,
        Ok(()) => match why_unusable(error) {
            Ok(why) => Error::UnknownActive { path: path.clone(), why, is_other: false },
            Err(error) => error,
        },
    });
    let Some((file, _)) = opened? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(32).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
    let why = "it does not contain the number of a generation".to_owned();
    number.map(Some).ok_or(Error::UnknownActive { path, why, is_other: false })
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
    // Others only try for the blink of an eye whether it is held.
    let _ = file.lock_shared();
    Ok((parse(&file, path, profile, number)?, GenerationHold(file)))
}

fn open(path: &Path) -> Result<File, Error> {
    let bad = |why: String| Error::BadGeneration { path: path.to_owned(), why, is_other: false };
    match open_trusted(path) {
        Ok(opened) => Ok(opened.ok_or_else(|| bad("there is no such file".to_owned()))?.0),
        Err(error) => Err(why_unusable(error).map_or_else(|error| error, bad)),
    }
}

/// Why a file is of no use that cannot be opened, if that is the file's fault and not that of the moment.
fn why_unusable(error: Error) -> Result<String, Error> {
    match error {
        Error::Untrusted { why, .. } => Ok(why),
        Error::Io { source, .. } if is_damage(&source) => Ok(unread(&source)),
        error => Err(error),
    }
}

fn parse(mut file: &File, path: PathBuf, profile: &ProfileName, number: u64) -> Result<Generation, Error> {
    let bad = |why: String| Error::BadGeneration { path: path.clone(), why, is_other: false };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))?;
    let is_read = |version: i64| (i64::from(OLDEST_VERSION)..=i64::from(VERSION)).contains(&version);
    match toml::from_str::<Generation>(&text) {
        Ok(generation) if is_read(generation.version.into()) => match generation.number {
            _ if generation.profile != *profile => Err(bad(format!("it is of the profile `{}`", generation.profile))),
            Some(own) if own != number => Err(bad(format!("it is generation {own}"))),
            None if generation.version > OLDEST_VERSION => Err(bad("it does not say its number".to_owned())),
            _ => Ok(generation),
        },
        read => {
            let version = text.parse::<toml::Table>().ok().and_then(|table| table.get("version")?.as_integer());
            let is_other = version.is_some_and(|version| !is_read(version));
            let why = match (version, read) {
                (Some(version), _) if is_other => {
                    format!(
                        "another sesame wrote it, in version {version}; this one reads versions {OLDEST_VERSION} to {VERSION}"
                    )
                }
                (_, Err(error)) => error.message().to_owned(),
                (_, Ok(generation)) => format!("its version is {}", generation.version),
            };
            Err(Error::BadGeneration { path, why, is_other })
        }
    }
}

/// Writes a generation and then makes it the live one, in one step each.
///
/// # Errors
/// [`Error::Io`]; then the one that was live still is.
pub fn activate(paths: &StorePaths, number: u64, generation: &Generation) -> Result<(), Error> {
    let path = paths.generation(&generation.profile, number);
    let numbered = Generation { number: Some(number), ..generation.clone() };
    let text = toml::to_string(&numbered).map_err(|error| Error::BadGeneration {
        path: path.clone(),
        why: error.to_string(),
        is_other: false,
    })?;
    write::replace(&path, &[text.as_bytes()], Durability::Synced)?;
    switch(paths, &generation.profile, number)
}

/// Makes a generation that is there the live one, in one step.
///
/// # Errors
/// [`Error::Io`]; then the one that was live still is.
pub fn switch(paths: &StorePaths, profile: &ProfileName, number: u64) -> Result<(), Error> {
    write::replace(&paths.current(profile), &[format!("{number}\n").as_bytes()], Durability::Synced)
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

/// Whether somebody holds the generation in a file, or that cannot be told just now. Of one that is not live nobody can begin
/// to. One that somebody has made unreadable is held by nobody.
pub fn is_in_use(path: &Path) -> bool {
    match open_any(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied),
    }
}
