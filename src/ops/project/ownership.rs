//! Whose the files of a project are. A file that was come across and not named must be this user's.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::ops::error::Error;
use crate::ops::error::project::{ProjectError, UntrustedOwnership};

/// Refuses a file of a project that was come across and not named, unless it is this user's: the file, the link that leads
/// to it, and the folder that it is in. A link of somebody else, or their folder, would lend them what this user trusts.
pub(crate) fn check_file_owner(path: &Path, manifest: &Path) -> Result<(), Error> {
    check_owners(path, manifest, &[effective_uid()])
}

/// The same for a component, which may also be the system's.
pub(crate) fn check_component_file_owner(path: &Path, manifest: &Path) -> Result<(), Error> {
    check_owners(path, manifest, &[effective_uid(), 0])
}

pub(crate) fn check_owners(path: &Path, manifest: &Path, owners: &[u32]) -> Result<(), Error> {
    let unread = |source| Error::Project(ProjectError::Read { path: path.to_owned(), source });
    let foreign = |path: &Path, why| {
        Error::Project(ProjectError::ForeignFile { path: path.to_owned(), why, manifest: manifest.to_owned() })
    };
    for metadata in [path.symlink_metadata(), fs::metadata(path)] {
        let owner = metadata.map_err(unread)?.uid();
        if !owners.contains(&owner) {
            return Err(foreign(path, UntrustedOwnership::Owner(owner)));
        }
    }
    let Some(folder) = path.parent() else { return Ok(()) };
    let metadata = fs::metadata(folder)
        .map_err(|source| Error::Project(ProjectError::Read { path: folder.to_owned(), source }))?;
    if metadata.uid() != effective_uid() && metadata.uid() != 0 {
        return Err(foreign(folder, UntrustedOwnership::Owner(metadata.uid())));
    }
    // Some file systems show every folder of one's own as open. One that is meant for everyone is sticky, as `/tmp`.
    let is_shared = metadata.uid() != effective_uid() || metadata.mode() & 0o1000 != 0;
    if is_shared && metadata.mode() & 0o002 != 0 {
        return Err(foreign(folder, UntrustedOwnership::WorldWritable));
    }
    Ok(())
}

pub(crate) fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
