//! Writes manual pages, which whoever reads the command line has made.

use std::path::Path;

use crate::ops::error::Error;
use crate::store::write;

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
