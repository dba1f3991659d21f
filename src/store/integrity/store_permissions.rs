//! Whose the folders of a store are. Nothing is written into a store of another user, not by root either: what root leaves in
//! it, its user could not change any more.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::model::fault::file_problem::FileProblem;
use crate::store::code::cache_usage::engine_folders;
use crate::store::error::Error;
use crate::store::owner::effective_uid;
use crate::store::paths::StorePaths;
use crate::store::{generations, write};

/// Takes from others the right to write to the folders of this store; says to which they had it.
///
/// # Errors
/// [`Error::OwnedByOther`] for a folder that is another's.
pub fn repair(paths: &StorePaths) -> Result<Vec<PathBuf>, Error> {
    let mut mended = Vec::new();
    for (path, problem) in find_problems(paths) {
        match problem {
            FileProblem::OwnedByOther { owner, user } => return Err(Error::OwnedByOther { path, owner, user }),
            FileProblem::WritableByOthers { .. } | FileProblem::Closed { .. } => {
                write::make_private(&path)?;
                mended.push(path);
            }
            // Whoever needs it says so.
            _ => {}
        }
    }
    Ok(mended)
}

/// The folders of a store that this user cannot write to, without those below them. Where one is still to be made, the folder
/// that it is made in.
pub fn find_unwritable(paths: &StorePaths) -> Vec<(PathBuf, Errno)> {
    let mut unwritable: Vec<(PathBuf, Errno)> = Vec::new();
    for folder in folders(paths) {
        let Some(folder) = folder.ancestors().find(|folder| folder.is_dir()) else { continue };
        let is_below = unwritable.iter().any(|(outer, _)| folder.starts_with(outer));
        let writable = || accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
        if !is_below && let Err(error) = writable() {
            unwritable.push((folder.to_owned(), error));
        }
    }
    unwritable
}

/// The folders of a store with which something is wrong. A link to a folder is as good as the folder, if this user made it.
/// What is in a folder that cannot be read is not seen.
pub fn find_problems(paths: &StorePaths) -> Vec<(PathBuf, FileProblem)> {
    let problems = folders(paths).into_iter().filter_map(|folder| {
        let own = folder.symlink_metadata().ok()?;
        let problem = match fs::metadata(&folder) {
            Ok(target) => problem_of(&own)
                .or_else(|| problem_of(&target))
                .or((!target.is_dir()).then_some(FileProblem::NotAFolder))?,
            Err(_) => FileProblem::NotAFolder,
        };
        Some((folder, problem))
    });
    problems.collect()
}

/// All folders of a store, those that are there and those that are still to be made, each after the one that it is in.
fn folders(paths: &StorePaths) -> BTreeSet<PathBuf> {
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
    all
}

fn problem_of(metadata: &Metadata) -> Option<FileProblem> {
    if metadata.uid() != effective_uid() {
        Some(FileProblem::OwnedByOther { owner: metadata.uid(), user: effective_uid() })
    } else if metadata.is_dir() && metadata.mode() & 0o022 != 0 {
        Some(FileProblem::WritableByOthers { mode: metadata.mode() & 0o7777 })
    } else if metadata.is_dir() && metadata.mode() & 0o700 == 0 {
        Some(FileProblem::Closed { mode: metadata.mode() & 0o7777 })
    } else {
        None
    }
}
