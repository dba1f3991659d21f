//! From granted folders to folders on this machine, and which of them are never given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::context::User;
use super::project::{DROP_INS, LOCK, MANIFEST};
use crate::host::state::Folder;
use crate::model::capability::{Capability, Grants};
use crate::store::paths::StorePaths;

/// Why a folder is not given to an extension.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("the granted folder {} cannot be used", path.display())]
    Missing { path: PathBuf, source: std::io::Error },
    #[error("the granted folder {} is no folder", .0.display())]
    NotAFolder(PathBuf),
    #[error("the granted folder {} holds or lies in {}, which is sesame's own", path.display(), own.display())]
    Own { path: PathBuf, own: PathBuf },
    #[error("the granted folder {} is below the home folder, and there is none", .0.display())]
    NoHome(PathBuf),
}

/// Where granted folders are looked for, and which are never given.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// What `~` stands for.
    home: Option<PathBuf>,
    /// What relative folders are relative to.
    base: PathBuf,
    /// Folders that a granted one must neither hold nor lie in.
    own: Vec<PathBuf>,
    /// The same for folders that are granted for writing: the files that do the granting.
    unwritable: Vec<PathBuf>,
}

impl Places {
    /// The places of a user, for a manifest in the folder `project`.
    pub fn new(paths: &StorePaths, user: &User, project: &Path) -> Self {
        Self {
            home: user.home.clone(),
            base: project.to_owned(),
            own: vec![paths.data.clone(), paths.cache.clone(), paths.state.clone(), user.configuration.clone()],
            unwritable: [MANIFEST, LOCK, DROP_INS].iter().map(|name| project.join(name)).collect(),
        }
    }
}

/// The folders that `grants` name. One that is granted for both reading and writing is there once.
pub fn folders(grants: &Grants, places: &Places) -> Vec<Result<Folder, FolderError>> {
    let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
    for (capability, writable) in [(Capability::FsRead, false), (Capability::FsWrite, true)] {
        for folder in grants.get(&capability).into_iter().flat_map(|scope| scope.items()) {
            *wanted.entry(folder).or_default() |= writable;
        }
    }
    wanted.into_iter().map(|(guest, writable)| folder(guest, writable, places)).collect()
}

fn folder(guest: &str, writable: bool, places: &Places) -> Result<Folder, FolderError> {
    let named = match guest.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = places.home.as_ref().ok_or_else(|| FolderError::NoHome(guest.into()))?;
            home.join(rest.trim_start_matches('/'))
        }
        _ => places.base.join(guest),
    };
    let path = fs::canonicalize(&named).map_err(|source| FolderError::Missing { path: named.clone(), source })?;
    if !path.is_dir() {
        return Err(FolderError::NotAFolder(named));
    }
    let unwritable = places.unwritable.iter().filter(|_| writable);
    for own in places.own.iter().chain(unwritable) {
        let own = canonical(own);
        if path.starts_with(&own) || own.starts_with(&path) {
            return Err(FolderError::Own { path: named, own });
        }
    }
    Ok(Folder { path, guest: guest.to_owned(), writable })
}

/// A path with its links followed, as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    match (fs::canonicalize(path), path.parent(), path.file_name()) {
        (Ok(path), ..) => path,
        (Err(_), Some(parent), Some(name)) => canonical(parent).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::Scope;

    #[test]
    fn sesames_own_folders_are_never_given() {
        let top = tempfile::tempdir().unwrap();
        let at = |path: &str| top.path().join(path);
        for folder in ["home/data/pds/blobs", "home/notes", "home/project/data", "home/project/extensions"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        std::os::unix::fs::symlink(at("home/data"), at("home/link")).unwrap();
        let paths = StorePaths { data: at("home/data/pds"), cache: at("home/cache/pds"), state: at("home/state/pds") };
        let user = User { home: Some(at("home")), configuration: at("home/config/pds"), policies: Vec::new() };
        let places = Places::new(&paths, &user, &at("home/project"));
        let given = |capability, folder: &str| {
            let grants = [(capability, Scope::only([folder.to_owned()]).unwrap())].into();
            folders(&grants, &places).remove(0)
        };
        for folder in ["~/notes", "data", "~/project"] {
            assert!(given(Capability::FsRead, folder).is_ok(), "{folder}");
        }
        for folder in ["~/notes", "data"] {
            let given = given(Capability::FsWrite, folder).unwrap();
            assert!(given.writable && given.guest == folder);
        }
        for folder in ["~", "/", "~/link", "~/link/pds/blobs", "../data"] {
            assert!(matches!(given(Capability::FsRead, folder), Err(FolderError::Own { .. })), "{folder}");
        }
        for folder in [".", "extensions", "~/project"] {
            assert!(matches!(given(Capability::FsWrite, folder), Err(FolderError::Own { .. })), "{folder}");
        }
        assert!(matches!(given(Capability::FsRead, "nowhere"), Err(FolderError::Missing { .. })));
    }

    #[test]
    fn a_folder_for_reading_and_writing_is_there_once() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("notes")).unwrap();
        let places = Places { base: top.path().to_owned(), ..Places::default() };
        let scope = || Scope::only(["notes".to_owned()]).unwrap();
        let grants = [(Capability::FsRead, scope()), (Capability::FsWrite, scope())].into();
        let given: Vec<Folder> = folders(&grants, &places).into_iter().map(Result::unwrap).collect();
        assert!(given.len() == 1 && given[0].writable, "{given:?}");
    }
}
