//! Whose a store is.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::store::error::Error;
use crate::store::paths::StorePaths;

/// Refuses a store of another user, or one that would be made among another user's folders.
///
/// # Errors
/// [`Error::OwnedByOther`].
pub fn check_store_owner(paths: &StorePaths) -> Result<(), Error> {
    let user = effective_uid();
    for top in [&paths.data, &paths.cache, &paths.state] {
        let there = top.ancestors().find_map(|folder| Some((folder, fs::metadata(folder).ok()?)));
        let Some((folder, metadata)) = there else { continue };
        let owner = metadata.uid();
        // Where there is no store yet, others than root fail to make one in the right place, and say so themselves.
        if owner != user && (folder == top || user == 0 && owner != 0) {
            return Err(Error::OwnedByOther { path: folder.to_owned(), owner, user });
        }
    }
    Ok(())
}

/// Whether a folder is this user's.
pub(crate) fn is_own(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.uid() == effective_uid())
}

pub(crate) fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
