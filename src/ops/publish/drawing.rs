//! Writes a drawing of the graph, which the caller has made.

use std::path::Path;

use crate::ops::error::Error;
use crate::store::write;

/// Writes a drawing into a file of the person's, or in the place of one.
///
/// # Errors
/// [`Error::Store`] if it cannot be written.
pub fn write(path: &Path, drawing: &str) -> Result<(), Error> {
    Ok(write::user_files::replace_user_file(path, drawing.as_bytes())?)
}
