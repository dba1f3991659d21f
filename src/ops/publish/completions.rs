//! Writes the script that makes a shell complete, where the shell looks for it.

use std::path::Path;

use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;
use crate::ops::project::files::read_file;
use crate::store::write;

/// A line of each script that is written, by which it is known again.
pub const MARK: &str = "# Written by `sesame completions --install`.";

/// How much of a file is looked at, in bytes.
const START: u64 = 4096;

/// Writes a script, which has [`MARK`] among its first lines, to a file, or in the place of an earlier one.
///
/// # Errors
/// [`ProjectError::CompletionsExist`] if there is another file, [`Error::Store`] if it cannot be written.
pub fn install(path: &Path, script: &str) -> Result<(), Error> {
    if path.symlink_metadata().is_ok() && !is_installed(path) {
        return Err(ProjectError::CompletionsExist(path.to_owned()).into());
    }
    if let Some(folder) = path.parent() {
        write::user_files::create_user_folder(folder)?;
    }
    Ok(write::user_files::replace_user_file(path, script.as_bytes())?)
}

/// Whether a file is one that [`install`] wrote.
pub fn is_installed(path: &Path) -> bool {
    let start = read_file(path, START).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&start).lines().any(|line| line == MARK)
}
