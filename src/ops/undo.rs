//! Changes to files of the person's that are put back if a later step fails.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::project::read_file;
use crate::store::write;

/// The files as they were, in the order of the changes. Dropped without [`keep`](Self::keep), it puts them back.
#[derive(Default)]
pub(super) struct Undo {
    changed: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Undo {
    /// Remembers a file as it is now, for a change that somebody else makes.
    pub(super) fn remember(&mut self, path: &Path) -> Result<(), Error> {
        let old = read_file(path, u64::MAX)?;
        self.changed.push((path.to_owned(), old));
        Ok(())
    }

    /// Writes a file, and the folder that it is in.
    pub(super) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.remember(path)?;
        if let Some(folder) = path.parent() {
            write::create_user_folder(folder)?;
        }
        Ok(write::replace_user_file(path, bytes)?)
    }

    pub(super) fn remove(&mut self, path: &Path) -> Result<(), Error> {
        self.remember(path)?;
        Ok(write::remove(path)?)
    }

    /// The changes stay.
    pub(super) fn keep(mut self) {
        self.changed.clear();
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// The first file that cannot be put back; the others are.
    pub(super) fn put_back(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        for (path, old) in std::mem::take(&mut self.changed).into_iter().rev() {
            let put = match &old {
                Some(bytes) => write::replace_user_file(&path, bytes),
                None => write::remove(&path),
            };
            result = result.and(put);
        }
        Ok(result?)
    }
}
