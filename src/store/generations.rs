//! Generations of a profile, and which of them is live. A generation's file is never changed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read as _};

use super::paths::StorePaths;
use super::write::{self, Durability};
use super::{Error, open_trusted};
use crate::model::generation::{Generation, VERSION};
use crate::model::name::ProfileName;

/// The numbers of all generations of a profile. Files with other names are not generations.
pub fn numbers(paths: &StorePaths, profile: &ProfileName) -> Result<BTreeSet<u64>, Error> {
    let folder = paths.generations(profile);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(Error::io("read the folder", &folder)(error)),
    };
    let mut numbers = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read the folder", &folder))?;
        let name = entry.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".toml"));
        let number = stem.and_then(|stem| stem.parse::<u32>().ok().filter(|number| number.to_string() == stem));
        numbers.extend(number.map(u64::from));
    }
    Ok(numbers)
}

/// The live generation and its number, if one was ever activated.
///
/// # Errors
/// [`Error::BadGeneration`] if what is live cannot be told.
pub fn live(paths: &StorePaths, profile: &ProfileName) -> Result<Option<(u64, Generation)>, Error> {
    let path = paths.current(profile);
    let Some((file, _)) = open_trusted(&path)? else { return Ok(None) };
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).map_err(Error::io("read", &path))?;
    let number = text.trim_end().parse().map_err(|_| Error::BadGeneration {
        path: path.clone(),
        why: "it does not contain the number of a generation".to_owned(),
    })?;
    match read(paths, profile, number) {
        Ok(generation) => Ok(Some((number, generation))),
        Err(Error::BadGeneration { why, .. }) => {
            Err(Error::BadGeneration { path, why: format!("generation {number} cannot be read: {why}") })
        }
        Err(error) => Err(error),
    }
}

/// Reads one generation.
pub fn read(paths: &StorePaths, profile: &ProfileName, number: u64) -> Result<Generation, Error> {
    let path = paths.generation(profile, number);
    let bad = |why: String| Error::BadGeneration { path: path.clone(), why };
    let Some((mut file, _)) = open_trusted(&path)? else { return Err(bad("there is no such file".to_owned())) };
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(Error::io("read", &path))?;
    match toml::from_str::<Generation>(&text) {
        Ok(generation) if generation.version == VERSION => Ok(generation),
        read => {
            let version = text.parse::<toml::Table>().ok().and_then(|table| table.get("version")?.as_integer());
            Err(bad(match (version, read) {
                (Some(version), _) if version != i64::from(VERSION) => {
                    format!("another sesame wrote it, in version {version}; this one reads version {VERSION}")
                }
                (_, Err(error)) => error.message().to_owned(),
                (_, Ok(generation)) => format!("its version is {}", generation.version),
            }))
        }
    }
}

/// Writes a generation and then makes it the live one, in one step each.
pub fn activate(paths: &StorePaths, number: u64, generation: &Generation) -> Result<(), Error> {
    let path = paths.generation(&generation.profile, number);
    let text = toml::to_string(generation)
        .map_err(|error| Error::BadGeneration { path: path.clone(), why: error.to_string() })?;
    write::replace(&path, &[text.as_bytes()], Durability::Synced)?;
    let current = paths.current(&generation.profile);
    write::replace(&current, &[format!("{number}\n").as_bytes()], Durability::Synced)
}

/// Removes the record of a generation.
pub fn remove(paths: &StorePaths, profile: &ProfileName, number: u64) -> Result<(), Error> {
    write::remove(&paths.generation(profile, number))
}
