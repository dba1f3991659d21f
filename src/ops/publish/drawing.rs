//! Writes a drawing of the graph, which the caller has made.

use std::path::Path;

use crate::ops::error::Error;
use crate::store::write;

/// Writes a drawing to a file, a pipe or a device.
///
/// # Errors
/// [`Error::Store`] if it cannot be written.
pub fn write(path: &Path, drawing: &str) -> Result<(), Error> {
    Ok(write::user_files::write_user_output(path, drawing.as_bytes())?)
}
