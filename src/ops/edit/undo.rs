//! Changes to files of the person's that are put back if a later step fails.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ops::error::Error;
use crate::ops::error::edit::EditError;
use crate::ops::project::files::read_whole;
use crate::store::write;
use crate::store::write::user_files::FileAside;

/// The changes so far, in their order. Dropped without [`keep`](Self::commit), it puts everything back as well as it can.
#[derive(Default)]
pub(crate) struct Undo(Vec<UndoStep>);

enum UndoStep {
    /// A file was written: what it held before, and what it holds now, if that is known.
    Written { path: PathBuf, old: Option<Vec<u8>>, new: Option<Vec<u8>> },
    /// A file, or a link to one, was moved aside.
    Removed { path: PathBuf, aside: FileAside },
    /// A folder was made.
    Folder(PathBuf),
}

impl Undo {
    /// Remembers a file as it is now, for a change that somebody else makes.
    pub(crate) fn remember(&mut self, path: &Path) -> Result<(), Error> {
        self.0.push(UndoStep::Written { path: path.to_owned(), old: read_whole(path)?, new: None });
        Ok(())
    }

    /// Writes a file, and makes the folder that it is in. A link is followed, the mode is kept.
    pub(crate) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        if let Some(folder) = path.parent() {
            self.0.extend(write::user_files::create_user_folder(folder)?.into_iter().map(UndoStep::Folder));
        }
        let old = read_whole(path)?;
        self.0.push(UndoStep::Written { path: path.to_owned(), old, new: Some(bytes.to_vec()) });
        Ok(write::user_files::replace_user_file(path, bytes)?)
    }

    /// Takes a file away; of a link, the link.
    pub(crate) fn remove(&mut self, path: &Path) -> Result<(), Error> {
        let aside = write::user_files::set_aside(path)?;
        self.0.push(UndoStep::Removed { path: path.to_owned(), aside });
        Ok(())
    }

    /// The changes stay.
    ///
    /// # Errors
    /// The first that was moved aside and cannot be removed; the others are.
    pub(crate) fn commit(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        for change in std::mem::take(&mut self.0) {
            if let UndoStep::Removed { aside, .. } = change {
                result = result.and(aside.remove().map_err(Error::from));
            }
        }
        result
    }

    /// Puts everything back, the last change first.
    ///
    /// # Errors
    /// The first file that cannot be put back, or that somebody has changed meanwhile; the others are.
    pub(crate) fn put_back(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        for change in std::mem::take(&mut self.0).into_iter().rev() {
            result = result.and(change.put_back());
        }
        result
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        for change in std::mem::take(&mut self.0).into_iter().rev() {
            let _ = change.put_back();
        }
    }
}

impl UndoStep {
    fn put_back(self) -> Result<(), Error> {
        match self {
            Self::Written { path, old, new } => {
                let now = read_whole(&path)?;
                if now == old {
                    return Ok(());
                }
                if new.is_some() && now != new {
                    return Err(EditError::ChangedMeanwhile(path).into());
                }
                match old {
                    Some(bytes) => Ok(write::user_files::replace_user_file(&path, &bytes)?),
                    None => Ok(write::remove(&path)?),
                }
            }
            Self::Removed { path, aside } => Ok(aside.put_back(&path)?),
            Self::Folder(path) => {
                // It may hold something else by now, and then it stays.
                let empty = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
                if empty { Ok(write::user_files::remove_empty_folder(&path)?) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the bans are the program's")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn links_modes_and_folders_come_back_as_they_were() {
        let top = tempfile::tempdir().unwrap();
        let at = |path: &str| top.path().join(path);
        fs::write(at("real"), "old").unwrap();
        fs::set_permissions(at("real"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", at("link")).unwrap();
        let mut undo = Undo::default();
        undo.write(&at("link"), b"new").unwrap();
        undo.remove(&at("link")).unwrap();
        undo.write(&at("folder/new"), b"x").unwrap();
        assert!(!at("link").exists() && at("folder/new").exists());
        undo.put_back().unwrap();
        assert_eq!(fs::read_link(at("link")).unwrap(), Path::new("real"));
        assert_eq!(fs::read_to_string(at("real")).unwrap(), "old");
        assert_eq!(fs::metadata(at("real")).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 2);
    }

    #[test]
    fn dropped_it_puts_back_and_kept_it_does_not() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("file");
        fs::write(&path, "old").unwrap();
        let mut undo = Undo::default();
        undo.write(&path, b"new").unwrap();
        drop(undo);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let mut undo = Undo::default();
        undo.write(&path, b"new").unwrap();
        undo.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn what_somebody_changed_meanwhile_is_left_alone() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("file");
        let mut undo = Undo::default();
        undo.write(&path, b"new").unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(undo.put_back(), Err(Error::Edit(EditError::ChangedMeanwhile(_)))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }
}
