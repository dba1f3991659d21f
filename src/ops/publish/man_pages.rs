//! Writes manual pages, which whoever reads the command line has made.

use std::path::Path;

use crate::ops::error::Error;
use crate::ops::project::files::read_file;
use crate::store::write;

/// The first line of each page, which identifies it.
pub const MARK: &str = "Written by `sesame man`.";

/// Whether a file is one of the pages that [`write()`] wrote.
pub fn is_written(path: &Path) -> bool {
    let start = read_file(path, 4096).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&start).lines().next().is_some_and(|line| line.contains(MARK))
}

/// Writes pages, each a file's name and its bytes, into a folder, which is made where there is none.
///
/// # Errors
/// [`Error::Store`] if one cannot be written.
pub fn write(folder: &Path, pages: &[(String, Vec<u8>)]) -> Result<(), Error> {
    write::user_files::create_user_folder(folder)?;
    for (name, bytes) in pages {
        write::user_files::put_user_file(&folder.join(name), bytes)?;
    }
    Ok(())
}
