//! Whose the folders of a store are. Nothing is written into a store of another user, not by root either: what root leaves in
//! it, its user could not change any more.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::store::code::cache_usage::engine_folders;
use crate::store::error::Error;
use crate::store::owner::effective_uid;
use crate::store::paths::StorePaths;
use crate::store::{generations, write};

/// What is wrong with a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionProblem {
    /// Something else has its name.
    NoFolder,
    /// It, or the link that leads to it, belongs to this other user.
    OwnedByOther(u32),
    /// Others can write to it: its mode.
    WritableByOthers(u32),
    /// Not even this user can use it: its mode.
    Closed(u32),
}

/// Takes from others the right to write to the folders of this store; says to which they had it.
///
/// # Errors
/// [`Error::OwnedByOther`] for a folder that is another's.
pub fn repair(paths: &StorePaths) -> Result<Vec<PathBuf>, Error> {
    let mut mended = Vec::new();
    for (path, problem) in find_problems(paths) {
        match problem {
            // Whoever needs it says so.
            PermissionProblem::NoFolder => {}
            PermissionProblem::OwnedByOther(owner) => {
                return Err(Error::OwnedByOther { path, owner, user: effective_uid() });
            }
            PermissionProblem::WritableByOthers(_) | PermissionProblem::Closed(_) => {
                write::make_private(&path)?;
                mended.push(path);
            }
        }
    }
    Ok(mended)
}

/// The folders of a store with which something is wrong. A link to a folder is as good as the folder, if this user made it.
/// What is in a folder that cannot be read is not seen.
pub fn find_problems(paths: &StorePaths) -> Vec<(PathBuf, PermissionProblem)> {
    let mut folders = vec![paths.blobs(), paths.staging(), paths.quarantine(), paths.profiles()];
    folders.extend([paths.codes(), paths.functions(), paths.noop_records(), paths.logs()]);
    for profile in generations::profiles(paths).unwrap_or_default() {
        folders.push(paths.generations(&profile));
    }
    for engines in [paths.codes(), paths.functions()] {
        folders.extend(engine_folders(&engines).unwrap_or_default());
    }
    let tops = [&paths.data, &paths.cache, &paths.state];
    let mut all: BTreeSet<PathBuf> = tops.into_iter().cloned().collect();
    for folder in folders {
        let within = |part: &&Path| tops.iter().any(|top| part.starts_with(top));
        all.extend(folder.ancestors().take_while(within).map(Path::to_owned));
    }
    let problems = all.into_iter().filter_map(|folder| {
        let own = folder.symlink_metadata().ok()?;
        let problem = match fs::metadata(&folder) {
            Ok(target) => problem_of(&own)
                .or_else(|| problem_of(&target))
                .or((!target.is_dir()).then_some(PermissionProblem::NoFolder))?,
            Err(_) => PermissionProblem::NoFolder,
        };
        Some((folder, problem))
    });
    problems.collect()
}

fn problem_of(metadata: &Metadata) -> Option<PermissionProblem> {
    if metadata.uid() != effective_uid() {
        Some(PermissionProblem::OwnedByOther(metadata.uid()))
    } else if metadata.is_dir() && metadata.mode() & 0o022 != 0 {
        Some(PermissionProblem::WritableByOthers(metadata.mode() & 0o7777))
    } else if metadata.is_dir() && metadata.mode() & 0o700 == 0 {
        Some(PermissionProblem::Closed(metadata.mode() & 0o7777))
    } else {
        None
    }
}

impl std::fmt::Display for PermissionProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoFolder => f.write_str("it is no folder"),
            Self::OwnedByOther(owner) => write!(f, "it belongs to the user {owner}, not to {}", effective_uid()),
            Self::WritableByOthers(mode) => write!(f, "others can write to it (mode {mode:o})"),
            Self::Closed(mode) => write!(f, "nobody can use it (mode {mode:o})"),
        }
    }
}
