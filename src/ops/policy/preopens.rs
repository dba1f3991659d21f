//! Opens the folders that an extension is granted. Which of them are never given is for `preopen_rules`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use crate::host::state::Preopen;
use crate::model::capability::{Capability, Grants};
use crate::ops::error::folder::FolderError;
use crate::ops::policy::preopen_rules::{PreopenRules, named_folders, refusal};
use crate::ops::project::links::canonical;

/// The folders that `grants` name. One that is granted for both reading and writing is there once. None may lie in one
/// that is granted for writing: whoever writes there could put a link in its place.
pub(crate) fn open_folders(grants: &Grants, rules: &PreopenRules) -> Vec<Result<Preopen, FolderError>> {
    let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
    for (capability, writable) in [(Capability::FsRead, false), (Capability::FsWrite, true)] {
        for folder in named_folders(grants, capability) {
            *wanted.entry(folder).or_default() |= writable;
        }
    }
    wanted.into_iter().map(|(guest, writable)| open_folder(guest, writable, rules)).collect()
}

/// Opens a folder and then looks where it is, so that what is checked is what the guest gets.
fn open_folder(guest: &str, writable: bool, rules: &PreopenRules) -> Result<Preopen, FolderError> {
    let named = rules.path(guest)?;
    let missing = |source| FolderError::Missing { path: named.clone(), source };
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let opened = match rustix::fs::open(&named, flags, rustix::fs::Mode::empty()) {
        Ok(opened) => opened,
        // What will never be given is refused before it is there, too.
        Err(error) => {
            return Err(refusal(&named, &canonical(&named), writable, rules).unwrap_or_else(|| missing(error.into())));
        }
    };
    let path =
        fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).map_err(|source| match source.kind() {
            ErrorKind::NotFound => FolderError::NoProc(named.clone()),
            _ => missing(source),
        })?;
    match refusal(&named, &path, writable, rules) {
        Some(refusal) => Err(refusal),
        None => Ok(Preopen { path, opened: Arc::new(opened), guest: guest.to_owned(), writable }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::Scope;
    use crate::model::manifest::Manifest;
    use crate::model::manifest::manifest_path::ManifestPath;
    use crate::ops::context::UserPaths;
    use crate::ops::policy::protected_paths::ProtectedPaths;
    use crate::ops::project::Project;
    use crate::store::paths::StorePaths;

    #[test]
    fn sesames_own_folders_are_never_given() {
        let top = tempfile::tempdir().unwrap();
        let at = |path: &str| top.path().join(path);
        for folder in ["home/data/pds/blobs", "home/notes", "home/project/data", "home/project/extensions"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        std::os::unix::fs::symlink(at("home/data"), at("home/link")).unwrap();
        let paths = StorePaths { data: at("home/data/pds"), cache: at("home/cache/pds"), state: at("home/state/pds") };
        let user = UserPaths { home: Some(at("home")), configuration: at("home/config/pds"), policies: Vec::new() };
        let given = |capability, folder: &str| {
            let grants: Grants = [(capability, Scope::only([folder.to_owned()]).unwrap())].into();
            let protected = || {
                let mut protected = ProtectedPaths::default();
                protected.add_project(
                    &Project::of_generation(&ManifestPath::new(&at("home/project/sesame.toml"))),
                    &Manifest::default(),
                );
                Ok(protected)
            };
            let rules = PreopenRules::new(&paths, &user, &at("home/project"), [&grants], protected).unwrap();
            open_folders(&grants, &rules).remove(0)
        };
        for folder in ["~/notes", "data", "~/project"] {
            assert!(given(Capability::FsRead, folder).is_ok(), "{folder}");
        }
        for folder in ["~/notes", "data"] {
            let given = given(Capability::FsWrite, folder).unwrap();
            assert!(given.writable && given.guest == folder);
        }
        for folder in ["~", "/", "~/link", "~/link/pds/blobs", "../data"] {
            assert!(matches!(given(Capability::FsRead, folder), Err(FolderError::SesameFolder { .. })), "{folder}");
        }
        for folder in [".", "extensions", "~/project"] {
            assert!(
                matches!(given(Capability::FsWrite, folder), Err(FolderError::HoldsProtectedPath { .. })),
                "{folder}"
            );
        }
        for folder in ["/proc", "/proc/self", "/dev", "/sys"] {
            assert!(matches!(given(Capability::FsRead, folder), Err(FolderError::System { .. })), "{folder}");
        }
        assert!(matches!(given(Capability::FsRead, "nowhere"), Err(FolderError::Missing { .. })));
        // Not there yet.
        for folder in ["~/config", "~/config/pds", "~/cache/pds/cwasm", "../state"] {
            assert!(matches!(given(Capability::FsRead, folder), Err(FolderError::SesameFolder { .. })), "{folder}");
        }
        assert!(matches!(given(Capability::FsWrite, "sesame.toml"), Err(FolderError::HoldsProtectedPath { .. })));
    }

    #[test]
    fn a_folder_for_reading_and_writing_is_there_once() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("notes")).unwrap();
        let paths = StorePaths { data: "/d".into(), cache: "/c".into(), state: "/s".into() };
        let user = UserPaths { configuration: "/f".into(), ..UserPaths::default() };
        let protected = || Ok(ProtectedPaths::default());
        let rules = PreopenRules::new(&paths, &user, top.path(), [], protected).unwrap();
        let scope = || Scope::only(["notes".to_owned()]).unwrap();
        let grants = [(Capability::FsRead, scope()), (Capability::FsWrite, scope())].into();
        let given: Vec<Preopen> = open_folders(&grants, &rules).into_iter().map(Result::unwrap).collect();
        assert!(given.len() == 1 && given[0].writable, "{given:?}");
    }

    #[test]
    fn no_folder_is_given_within_one_that_can_be_written_to() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("x/sub")).unwrap();
        let grants =
            |capability, folder: &str| -> Grants { [(capability, Scope::only([folder.to_owned()]).unwrap())].into() };
        let (outer, inner) = (grants(Capability::FsWrite, "x"), grants(Capability::FsRead, "x/sub"));
        let given = |all: &[&Grants], grants: &Grants| {
            let paths = StorePaths { data: "/d".into(), cache: "/c".into(), state: "/s".into() };
            let user = UserPaths { configuration: "/f".into(), ..UserPaths::default() };
            let rules =
                PreopenRules::new(&paths, &user, top.path(), all.iter().copied(), || Ok(ProtectedPaths::default()))
                    .unwrap();
            open_folders(grants, &rules)
        };
        assert!(given(&[&inner], &inner)[0].is_ok() && given(&[&grants(Capability::FsRead, "x")], &inner)[0].is_ok());
        assert!(matches!(given(&[&outer, &inner], &inner)[0], Err(FolderError::Nested { .. })));
        assert!(given(&[&outer, &inner], &outer)[0].is_ok());
        let both: Grants = outer.into_iter().chain(inner).collect();
        assert_eq!(given(&[&both], &both).iter().filter(|folder| folder.is_err()).count(), 1);
    }
}
