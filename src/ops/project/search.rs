//! Where the manifest of a project is.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::model::manifest::manifest_path::ManifestPath;
use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;

use super::links::canonical;
use super::ownership::check_file_owner;
use super::{MANIFEST, Project};

/// Where to look for a manifest.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What the command line names; a folder stands for the manifest in it.
    pub named: Option<PathBuf>,
    /// What `$SESAME_MANIFEST` names.
    pub from_environment: Option<PathBuf>,
    /// The folder to start from, absolute.
    pub start: PathBuf,
    /// The folder above which nothing is looked for.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME/pds`
    pub configuration: PathBuf,
}

impl Project {
    /// Finds the manifest: named, in the environment, in the start folder or above it, in the user's configuration.
    ///
    /// # Errors
    /// [`ProjectError::NoManifest`] lists where it looked; [`ProjectError::ForeignFile`] if one that was come across belongs to
    /// another user.
    pub fn find(search: &Search) -> Result<Self, Error> {
        if let Some(named) = search.named.as_ref().or(search.from_environment.as_ref()) {
            // Without the `.` in the middle of it.
            let path: PathBuf = search.start.join(named).components().collect();
            let path = if path.is_dir() { path.join(MANIFEST) } else { path };
            // Whatever else has that name is reported when it is read.
            return if path.symlink_metadata().is_ok() {
                check_name(&path)?;
                Self::at(&path, &search.start, true)
            } else {
                Err(ProjectError::NoSuchManifest(path).into())
            };
        }
        let mut searched = Vec::new();
        let device = fs::metadata(&search.start).map(|metadata| metadata.dev()).ok();
        for folder in search.start.ancestors() {
            let metadata = fs::metadata(folder).ok();
            if metadata.map(|metadata| metadata.dev()) != device {
                break;
            }
            let path = folder.join(MANIFEST);
            if path.symlink_metadata().is_ok() {
                check_file_owner(&path, &path)?;
                return Self::at(&path, &search.start, false);
            }
            searched.push(path);
            if search.home.as_deref() == Some(folder) {
                break;
            }
        }
        let own = search.configuration.join(MANIFEST);
        if own.symlink_metadata().is_ok() {
            return Ok(Self { own: true, ..Self::at(&own, &search.start, false)? });
        }
        searched.push(own);
        Err(ProjectError::NoManifest { searched }.into())
    }

    /// Finds the manifest, or takes the place of the user's own, where none is yet.
    ///
    /// # Errors
    /// As [`find`](Self::find), but for there being none.
    pub fn find_or_default(search: &Search) -> Result<Self, Error> {
        match Self::find(search) {
            Err(Error::Project(ProjectError::NoManifest { .. })) => Ok(Self::user_default(search)),
            found => found,
        }
    }

    /// The place of a manifest, whether one is there or not: the one that is named, or the user's own.
    pub fn named_or_default(search: &Search) -> Self {
        let Some(named) = search.named.as_ref().or(search.from_environment.as_ref()) else {
            return Self::user_default(search);
        };
        let path: PathBuf = search.start.join(named).components().collect();
        let is_file = path.is_file() || !path.is_dir() && path.extension().is_some_and(|extension| extension == "toml");
        let path = if is_file { path } else { path.join(MANIFEST) };
        let folder = canonical(path.parent().unwrap_or(&path));
        let shown = named.parent().filter(|_| is_file).unwrap_or(named).to_owned();
        let manifest = folder.join(path.file_name().unwrap_or(MANIFEST.as_ref()));
        Self { manifest, shown, folder, trusted: true, own: false }
    }

    /// The place of the user's own manifest.
    fn user_default(search: &Search) -> Self {
        // As later runs will know it, links followed.
        let folder = canonical(&search.configuration);
        let (manifest, shown) = (folder.join(MANIFEST), search.configuration.clone());
        Self { manifest, shown, folder, trusted: false, own: true }
    }

    /// The project of a manifest that made a generation, whether it is still there or not. Who made it live answered for
    /// its files.
    pub(crate) fn of_generation(manifest: &ManifestPath) -> Self {
        let folder = manifest.folder().to_owned();
        Self { manifest: manifest.as_path().to_owned(), shown: folder.clone(), folder, trusted: true, own: false }
    }

    fn at(path: &Path, start: &Path, trusted: bool) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(path);
        let canonical = fs::canonicalize(folder)
            .map_err(|source| Error::Project(ProjectError::Read { path: folder.to_owned(), source }))?;
        let shown = folder.strip_prefix(start).unwrap_or(folder).to_owned();
        let name = path.file_name().unwrap_or(MANIFEST.as_ref());
        Ok(Self { manifest: canonical.join(name), folder: canonical, shown, trusted, own: false })
    }
}

/// Refuses to take a file with another ending for a manifest: its lock would be that of another manifest, or itself.
fn check_name(path: &Path) -> Result<(), Error> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        Ok(())
    } else {
        Err(ProjectError::NotAManifest { path: path.to_owned() }.into())
    }
}
