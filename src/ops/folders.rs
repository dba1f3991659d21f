//! From granted folders to folders on this machine, and which of them are never given.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::User;
use super::project::{DROP_INS, LOCK};
use crate::host::state::Folder;
use crate::model::capability::{Capability, Grants};
use crate::store::paths::StorePaths;

/// Folders of the system through which a guest could reach into processes and devices.
const SYSTEM: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Why a folder is not given to an extension.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("the granted folder {} cannot be used", path.display())]
    Missing { path: PathBuf, source: std::io::Error },
    #[error("the granted folder {} holds or lies in {}, which is sesame's own", path.display(), own.display())]
    Own { path: PathBuf, own: PathBuf },
    #[error("the granted folder {} holds or lies in {}, which is the system's", path.display(), system.display())]
    System { path: PathBuf, system: PathBuf },
    #[error("the granted folder {} lies in {}, which is granted for writing", path.display(), outer.display())]
    Nested { path: PathBuf, outer: PathBuf },
    #[error("the granted folder {} is below the home folder, and there is none", .0.display())]
    NoHome(PathBuf),
}

impl FolderError {
    /// Whether the folder may never be given, on this machine or another.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Own { .. } | Self::System { .. } | Self::Nested { .. })
    }
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
    /// The places of a user. Relative folders are relative to `base`.
    pub fn new(paths: &StorePaths, user: &User, base: &Path) -> Self {
        Self {
            home: user.home.clone(),
            base: base.to_owned(),
            own: vec![paths.data.clone(), paths.cache.clone(), paths.state.clone(), user.configuration.clone()],
            unwritable: Vec::new(),
        }
    }

    /// The places of a project: nobody may write where its manifest is.
    pub fn of_project(paths: &StorePaths, user: &User, manifest: &Path) -> Self {
        let folder = manifest.parent().unwrap_or(manifest);
        let unwritable = vec![manifest.to_owned(), folder.join(LOCK), folder.join(DROP_INS)];
        Self { unwritable, ..Self::new(paths, user, folder) }
    }
}

/// The folders that `grants` name. One that is granted for both reading and writing is there once. None may lie in one
/// that is granted for writing, here or by `others`: whoever writes there could put a link in its place.
pub fn folders<'a>(
    grants: &'a Grants,
    others: impl IntoIterator<Item = &'a Grants>,
    places: &Places,
) -> Vec<Result<Folder, FolderError>> {
    let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
    for (capability, writable) in [(Capability::FsRead, false), (Capability::FsWrite, true)] {
        for folder in named(grants, capability) {
            *wanted.entry(folder).or_default() |= writable;
        }
    }
    let written = others.into_iter().chain([grants]).flat_map(|grants| named(grants, Capability::FsWrite));
    let written: Vec<PathBuf> = written.filter_map(|folder| fs::canonicalize(places.path(folder).ok()?).ok()).collect();
    let open = |(guest, writable): (&str, bool)| {
        let folder = folder(guest, writable, places)?;
        match written.iter().find(|outer| folder.path != **outer && folder.path.starts_with(outer)) {
            Some(outer) => Err(FolderError::Nested { path: folder.path, outer: outer.clone() }),
            None => Ok(folder),
        }
    };
    wanted.into_iter().map(open).collect()
}

fn named(grants: &Grants, capability: Capability) -> impl Iterator<Item = &str> {
    grants.get(&capability).into_iter().flat_map(|scope| scope.items())
}

impl Places {
    /// A folder as it is granted, as a path of this machine.
    fn path(&self, folder: &str) -> Result<PathBuf, FolderError> {
        match folder.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let home = self.home.as_ref().ok_or_else(|| FolderError::NoHome(folder.into()))?;
                Ok(home.join(rest.trim_start_matches('/')))
            }
            _ => Ok(self.base.join(folder)),
        }
    }
}

/// Opens a folder and then looks where it is, so that what is checked is what the guest gets.
fn folder(guest: &str, writable: bool, places: &Places) -> Result<Folder, FolderError> {
    let named = places.path(guest)?;
    let missing = |source| FolderError::Missing { path: named.clone(), source };
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let opened = rustix::fs::open(&named, flags, rustix::fs::Mode::empty()).map_err(|error| missing(error.into()))?;
    let path = fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).map_err(missing)?;
    let touches = |other: &Path| path.starts_with(other) || other.starts_with(&path);
    // What holds `/proc` is `/`, which holds everything else as well.
    if let Some(system) = SYSTEM.iter().map(Path::new).find(|system| path.starts_with(system)) {
        return Err(FolderError::System { path: named, system: system.to_owned() });
    }
    let unwritable = places.unwritable.iter().filter(|_| writable);
    for own in places.own.iter().chain(unwritable) {
        let own = canonical(own);
        if touches(&own) {
            return Err(FolderError::Own { path: named, own });
        }
    }
    Ok(Folder { path, opened: Arc::new(opened), guest: guest.to_owned(), writable })
}

/// A path with its links followed, as far as it exists.
pub(super) fn canonical(path: &Path) -> PathBuf {
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
        let places = Places::of_project(&paths, &user, &at("home/project/sesame.toml"));
        let given = |capability, folder: &str| {
            let grants = [(capability, Scope::only([folder.to_owned()]).unwrap())].into();
            folders(&grants, [], &places).remove(0)
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
        for folder in ["/proc", "/proc/self", "/dev", "/sys"] {
            assert!(matches!(given(Capability::FsRead, folder), Err(FolderError::System { .. })), "{folder}");
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
        let given: Vec<Folder> = folders(&grants, [], &places).into_iter().map(Result::unwrap).collect();
        assert!(given.len() == 1 && given[0].writable, "{given:?}");
    }

    #[test]
    fn no_folder_is_given_within_one_that_can_be_written_to() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("x/sub")).unwrap();
        let places = Places { base: top.path().to_owned(), ..Places::default() };
        let grants =
            |capability, folder: &str| -> Grants { [(capability, Scope::only([folder.to_owned()]).unwrap())].into() };
        let (outer, inner) = (grants(Capability::FsWrite, "x"), grants(Capability::FsRead, "x/sub"));
        let given = |others: &[Grants]| folders(&inner, others, &places).remove(0);
        assert!(given(&[]).is_ok() && given(&[grants(Capability::FsRead, "x")]).is_ok());
        assert!(matches!(given(std::slice::from_ref(&outer)), Err(FolderError::Nested { .. })));
        let both: Grants = outer.into_iter().chain(inner.clone()).collect();
        assert_eq!(folders(&both, [], &places).iter().filter(|folder| folder.is_err()).count(), 1);
    }
}
