//! From granted folders to folders on this machine, and which of them are never given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::host::state::Folder;
use crate::model::capability::{Capability, Grants};
use crate::model::manifest::Manifest;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::Generation;
use crate::ops::context::{Context, User};
use crate::ops::error::Error;
use crate::ops::project::Project;
use crate::store::paths::StorePaths;

use super::checks::refuse;
use super::links::{canonical, followed};
use super::protected_paths::{OnUnreadable, Readers, active_generations};

/// Folders of the system through which a guest could reach into processes and devices.
const SYSTEM: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Why a folder is not given to an extension.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("the granted folder {} cannot be used", path.display())]
    Missing { path: PathBuf, source: std::io::Error },
    #[error("the granted folder {} holds or lies in {}, which is sesame's own", path.display(), own.display())]
    Own { path: PathBuf, own: PathBuf },
    #[error("the granted folder {} can be used to change {}, {what} of {}", path.display(), read.display(), by.display())]
    Read {
        path: PathBuf,
        /// What it holds or lies in.
        read: PathBuf,
        what: String,
        /// The manifest or policy that reads it.
        by: PathBuf,
    },
    #[error("the granted folder {} cannot be checked, because /proc is not mounted", .0.display())]
    NoProc(PathBuf),
    #[error("the granted folder {} is, or lies in, {}, which is the system's", path.display(), system.display())]
    System { path: PathBuf, system: PathBuf },
    #[error("the granted folder {} holds {}, which `{name}` of profile `{profile}` is granted", path.display(), inner.display())]
    Holds {
        path: PathBuf,
        inner: PathBuf,
        name: ExtensionName,
        profile: ProfileName,
        /// The manifest that grants it.
        manifest: String,
    },
    #[error("the granted folder {} lies in {}, which {writer}", path.display(), outer.display())]
    Nested {
        path: PathBuf,
        outer: PathBuf,
        /// ``is granted for writing``, or which extension of which profile may write to it.
        writer: String,
    },
    #[error("the granted folder {} is below the home folder, and there is none", .0.display())]
    NoHome(PathBuf),
}

impl FolderError {
    /// Whether the folder is there, or could be, and is refused all the same.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Own { .. } | Self::Read { .. } | Self::System { .. } | Self::Holds { .. } | Self::Nested { .. } => {
                true
            }
            Self::Missing { .. } | Self::NoProc(_) | Self::NoHome(_) => false,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        let text = match self {
            Self::Missing { path, source } => match source.kind() {
                ErrorKind::NotFound if !path.is_symlink() => "create the folder, or remove the grant",
                ErrorKind::NotADirectory => "grant the folder that the file is in",
                ErrorKind::PermissionDenied => {
                    "make the folders above it searchable for your user, or remove the grant"
                }
                _ => "look where the path leads, or remove the grant",
            },
            Self::Own { .. } | Self::Read { .. } => {
                "grant a folder that neither holds it nor lies in it, such as one made for this extension"
            }
            Self::System { .. } => "remove the grant: no extension is given a folder of the system",
            Self::Holds { name, manifest, .. } => {
                return format!(
                    "grant a folder that lies elsewhere, or remove the grant of `{name}` in {manifest} and run \
                     `sesame sync` there"
                );
            }
            Self::Nested { .. } => "grant that outer folder instead, or one that lies elsewhere",
            Self::NoProc(_) => "mount it: `mount -t proc proc /proc`",
            Self::NoHome(_) => "set `HOME`, or grant an absolute path",
        };
        text.to_owned()
    }
}

/// Where granted folders are looked for, and which are never given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// What `~` stands for.
    home: Option<PathBuf>,
    /// What relative folders are relative to.
    base: PathBuf,
    /// Folders that a granted one must neither hold nor lie in, links followed.
    own: Vec<PathBuf>,
    /// The links that lead to them, which must not lie in one that is granted for writing.
    own_links: Vec<PathBuf>,
    /// What must not lie in one that is granted for writing.
    readers: Readers,
    /// The folders that extensions of other profiles are granted, and the links on the way to them, each with its owner: see
    /// [`FolderError::Holds`].
    granted: BTreeMap<PathBuf, Granted>,
    /// The folders that may be written to, links followed, each with who may: see [`FolderError::Nested`].
    written: BTreeMap<PathBuf, String>,
}

/// What a guest must not be able to change, besides what is active in other profiles.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// The active set of its own profile.
    pub set: Option<&'a Generation>,
    /// The project that the person is in.
    pub project: Option<&'a Project>,
    pub on_unreadable: OnUnreadable,
}

/// A folder that an active extension is granted.
#[derive(Debug, Clone)]
struct Granted {
    profile: ProfileName,
    /// The manifest that grants it.
    manifest: String,
    name: ExtensionName,
    /// Links followed.
    folder: PathBuf,
}

impl Places {
    /// The places of a user, for extensions that are granted `grants`. Relative folders are relative to `base`; `readers` is
    /// called only if there is anything to write to.
    ///
    /// # Errors
    /// Those of `readers`.
    pub(crate) fn new<'a>(
        paths: &StorePaths,
        user: &User,
        base: &Path,
        grants: impl IntoIterator<Item = &'a Grants>,
        readers: impl FnOnce() -> Result<Readers, Error>,
    ) -> Result<Self, Error> {
        let mut places = Self { home: user.home.clone(), base: base.to_owned(), ..Self::default() };
        for folder in [&paths.data, &paths.cache, &paths.state, &user.configuration] {
            let (links, end) = followed(folder);
            places.own_links.extend(links);
            places.own.push(end);
        }
        let written: BTreeSet<&str> =
            grants.into_iter().flat_map(|grants| named(grants, Capability::FsWrite)).collect();
        if !written.is_empty() {
            places.readers = readers()?;
        }
        let written = written.into_iter().filter_map(|folder| Some(canonical(&places.path(folder).ok()?)));
        places.written = written.map(|folder| (folder, "is granted for writing".to_owned())).collect();
        Ok(places)
    }

    /// The same beside everything that is active.
    ///
    /// # Errors
    /// Those of [`Readers::of_machine`] and [`Readers::project_as_it_is`].
    pub(crate) fn beside_active<'a>(
        paths: &StorePaths,
        user: &User,
        base: &Path,
        grants: impl IntoIterator<Item = &'a Grants>,
        beside: &Beside<'_>,
    ) -> Result<Self, Error> {
        let Beside { set, project, on_unreadable } = *beside;
        let mut active = active_generations(paths, set.map(|set| &set.profile));
        active.extend(set.cloned().map(Ok));
        let written = written_by_all(&active, user);
        // What is active was there before what is only called.
        let granted = if set.is_none() { granted_by_all(&active, user) } else { BTreeMap::new() };
        let readers = || {
            let mut readers = Readers::of_machine(user, active, on_unreadable)?;
            project.map_or(Ok(()), |project| readers.project_as_it_is(project))?;
            Ok(readers)
        };
        let mut places = Self::new(paths, user, base, grants, readers)?;
        places.add_written(&written);
        Ok(Self { granted, ..places })
    }

    /// Takes the folders that others may write to into account.
    fn add_written(&mut self, written: &[Granted]) {
        for Granted { profile, name, folder, .. } in written {
            let writer = || format!("`{name}` of profile `{profile}` may write to");
            self.written.entry(folder.clone()).or_insert_with(writer);
        }
    }

    /// A folder as it is granted, as a path of this machine.
    fn path(&self, folder: &str) -> Result<PathBuf, FolderError> {
        match folder.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let home = self.home.as_ref().ok_or_else(|| FolderError::NoHome(folder.into()))?;
                Ok(home.join(rest.trim_start_matches('/')))
            }
            // Without the `.` in it.
            _ => Ok(self.base.join(folder).components().collect()),
        }
    }
}

/// A granted folder that cannot be used on this machine, and may be on another.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// What it means, and why.
    pub what: String,
    pub hint: String,
}

impl Unusable {
    fn new(name: &ExtensionName, error: &FolderError) -> Self {
        let why = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let why: Vec<String> = why.map(ToString::to_string).collect();
        Self { what: format!("`{name}` cannot be called on this machine: {}", why.join(": ")), hint: error.hint() }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.hint)
    }
}

/// Checks the folders that a manifest grants, before it becomes active in `profile`. Returns those that cannot be used on
/// this machine.
///
/// # Errors
/// [`Error::Extensions`] if a folder is never given, [`Error::WrittenByOther`] if an extension of another profile may write to
/// something that the manifest reads, and those of [`Readers::of_machine`].
pub(crate) fn check_manifest(
    context: &Context,
    manifest: &Manifest,
    profile: &ProfileName,
) -> Result<Vec<Unusable>, Error> {
    let (paths, user, project) = (&context.paths, &context.user, &context.project);
    let others = active_generations(paths, Some(profile));
    let written = written_by_all(&others, user);
    let made_elsewhere = |other: &&Result<Generation, Error>| {
        other.as_ref().is_ok_and(|other| Path::new(&other.manifest) != project.manifest())
    };
    // What this manifest has made active in another profile cannot go before it.
    let granted = granted_by_all(others.iter().filter(made_elsewhere), user);
    if !written.is_empty() {
        let mut own = Readers::default();
        own.project(project, manifest);
        refuse_written(&written, &own)?;
    }
    let readers = || {
        let mut readers = Readers::of_machine(user, others, OnUnreadable::Refuse)?;
        readers.project(project, manifest);
        Ok(readers)
    };
    let grants = || manifest.extensions.iter().map(|(name, extension)| (name, &extension.capabilities));
    let base = project.manifest().parent().unwrap_or(project.manifest());
    let mut places = Places::new(paths, user, base, grants().map(|(_, grants)| grants), readers)?;
    places.add_written(&written);
    places.granted = granted;
    check(grants(), &places)
}

/// The same for a generation, before it becomes active again. Its grants were agreed to before, so a manifest that cannot be
/// read does not stop it.
pub(crate) fn check_generation(context: &Context, set: &Generation) -> Result<Vec<Unusable>, Error> {
    let (paths, user) = (&context.paths, &context.user);
    let others = active_generations(paths, Some(&set.profile));
    let written = written_by_all(&others, user);
    if !written.is_empty() {
        let mut own = Readers::default();
        match own.generation(set) {
            Err(Error::UnknownReader { .. }) => {}
            read => read?,
        }
        refuse_written(&written, &own)?;
    }
    let grants = || set.extensions.iter().map(|extension| (&extension.name, &extension.capabilities));
    let all = grants().map(|(_, grants)| grants);
    let granted = granted_by_all(&others, user);
    let read = others.into_iter().chain([Ok(set.clone())]);
    let readers = || Readers::of_machine(user, read, OnUnreadable::Skip);
    let mut places = Places::new(paths, user, set.folder(), all, readers)?;
    places.add_written(&written);
    places.granted = granted;
    check(grants(), &places)
}

fn check<'a>(
    extensions: impl Iterator<Item = (&'a ExtensionName, &'a Grants)>,
    places: &Places,
) -> Result<Vec<Unusable>, Error> {
    let (mut faults, mut unusable) = (Vec::new(), Vec::new());
    for (name, grants) in extensions {
        for source in folders(grants, places).into_iter().filter_map(Result::err) {
            if source.is_refusal() {
                faults.push((name.clone(), Error::Folder { name: name.to_string(), source }.fault()));
            } else {
                unusable.push(Unusable::new(name, &source));
            }
        }
    }
    refuse(faults).map(|()| unusable)
}

/// The folders that extensions of active generations may write to. What cannot be read cannot be called either.
fn written_by_all(active: &[Result<Generation, Error>], user: &User) -> Vec<Granted> {
    let folders = active.iter().flatten().flat_map(|set| granted_folders(set, user, &[Capability::FsWrite]));
    folders.map(|(_, granted)| granted).collect()
}

/// The folders that extensions of active generations are granted, and the links on the way to them.
fn granted_by_all<'a>(
    active: impl IntoIterator<Item = &'a Result<Generation, Error>>,
    user: &User,
) -> BTreeMap<PathBuf, Granted> {
    let folders = active.into_iter().flatten().flat_map(|set| granted_folders(set, user, &Capability::FOLDERS));
    let places = |(links, granted): (Vec<PathBuf>, Granted)| {
        links.into_iter().chain([granted.folder.clone()]).map(move |place| (place, granted.clone())).collect::<Vec<_>>()
    };
    folders.flat_map(places).collect()
}

/// The folders that some capabilities of a generation name, each with the links on the way to it.
fn granted_folders(set: &Generation, user: &User, capabilities: &[Capability]) -> Vec<(Vec<PathBuf>, Granted)> {
    let places = Places { home: user.home.clone(), base: set.folder().to_owned(), ..Places::default() };
    let mut all = Vec::new();
    for extension in &set.extensions {
        for folder in capabilities.iter().flat_map(|capability| named(&extension.capabilities, *capability)) {
            let Ok(path) = places.path(folder) else { continue };
            let (links, folder) = followed(&path);
            let (profile, manifest, name) = (set.profile.clone(), set.manifest.clone(), extension.name.clone());
            all.push((links, Granted { profile, manifest, name, folder }));
        }
    }
    all
}

/// Refuses a set that reads what an extension of another profile may write to.
fn refuse_written(written: &[Granted], own: &Readers) -> Result<(), Error> {
    for Granted { profile, manifest, name, folder } in written {
        if let Some((read, reader)) = own.reader_of(folder) {
            return Err(Error::WrittenByOther {
                profile: profile.clone(),
                manifest: manifest.clone(),
                name: name.clone(),
                folder: folder.clone(),
                read: read.to_owned(),
                what: reader.what.clone(),
                by: reader.by.clone(),
            });
        }
    }
    Ok(())
}

/// The folders that `grants` name. One that is granted for both reading and writing is there once. None may lie in one
/// that is granted for writing: whoever writes there could put a link in its place.
pub(crate) fn folders(grants: &Grants, places: &Places) -> Vec<Result<Folder, FolderError>> {
    let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
    for (capability, writable) in [(Capability::FsRead, false), (Capability::FsWrite, true)] {
        for folder in named(grants, capability) {
            *wanted.entry(folder).or_default() |= writable;
        }
    }
    wanted.into_iter().map(|(guest, writable)| folder(guest, writable, places)).collect()
}

fn named(grants: &Grants, capability: Capability) -> impl Iterator<Item = &str> {
    grants.get(&capability).into_iter().flat_map(|scope| scope.items())
}

/// Opens a folder and then looks where it is, so that what is checked is what the guest gets.
fn folder(guest: &str, writable: bool, places: &Places) -> Result<Folder, FolderError> {
    let named = places.path(guest)?;
    let missing = |source| FolderError::Missing { path: named.clone(), source };
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let opened = match rustix::fs::open(&named, flags, rustix::fs::Mode::empty()) {
        Ok(opened) => opened,
        // What will never be given is refused before it is there, too.
        Err(error) => {
            return Err(refusal(&named, &canonical(&named), writable, places).unwrap_or_else(|| missing(error.into())));
        }
    };
    let path =
        fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).map_err(|source| match source.kind() {
            ErrorKind::NotFound => FolderError::NoProc(named.clone()),
            _ => missing(source),
        })?;
    match refusal(&named, &path, writable, places) {
        Some(refusal) => Err(refusal),
        None => Ok(Folder { path, opened: Arc::new(opened), guest: guest.to_owned(), writable }),
    }
}

/// Why the folder that a grant calls `named` is never given; `path` is where it is, links followed.
fn refusal(named: &Path, path: &Path, writable: bool, places: &Places) -> Option<FolderError> {
    // What holds `/proc` is `/`, which holds everything else as well.
    if let Some(system) = SYSTEM.iter().map(Path::new).find(|system| path.starts_with(system)) {
        return Some(FolderError::System { path: named.to_owned(), system: system.to_owned() });
    }
    let own = places.own.iter().find(|own| path.starts_with(own) || own.starts_with(path));
    let own_link = || places.own_links.iter().find(|link| writable && link.starts_with(path));
    if let Some(own) = own.or_else(own_link) {
        return Some(FolderError::Own { path: named.to_owned(), own: own.clone() });
    }
    if writable && let Some((read, reader)) = places.readers.reader_of(path) {
        let (read, what, by) = (read.to_owned(), reader.what.clone(), reader.by.clone());
        return Some(FolderError::Read { path: named.to_owned(), read, what, by });
    }
    let mut below = places.granted.range(path.to_owned()..).take_while(|(inner, _)| inner.starts_with(path));
    if writable && let Some((_, granted)) = below.find(|(inner, _)| *inner != path) {
        let Granted { profile, manifest, name, folder: inner } = granted.clone();
        return Some(FolderError::Holds { path: named.to_owned(), inner, name, profile, manifest });
    }
    // Who can replace a link on the way to it decides which folder it is.
    let (links, _) = followed(named);
    let mut around = links.iter().map(PathBuf::as_path).chain([path]).flat_map(|part| part.ancestors().skip(1));
    let (outer, writer) = around.find_map(|outer| places.written.get_key_value(outer))?;
    Some(FolderError::Nested { path: named.to_owned(), outer: outer.clone(), writer: writer.clone() })
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
        let given = |capability, folder: &str| {
            let grants: Grants = [(capability, Scope::only([folder.to_owned()]).unwrap())].into();
            let readers = || {
                let mut readers = Readers::default();
                readers.project(&Project::of_generation(&at("home/project/sesame.toml")), &Manifest::default());
                Ok(readers)
            };
            let places = Places::new(&paths, &user, &at("home/project"), [&grants], readers).unwrap();
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
            assert!(matches!(given(Capability::FsWrite, folder), Err(FolderError::Read { .. })), "{folder}");
        }
        for folder in ["/proc", "/proc/self", "/dev", "/sys"] {
            assert!(matches!(given(Capability::FsRead, folder), Err(FolderError::System { .. })), "{folder}");
        }
        assert!(matches!(given(Capability::FsRead, "nowhere"), Err(FolderError::Missing { .. })));
        // Not there yet.
        for folder in ["~/config", "~/config/pds", "~/cache/pds/cwasm", "../state"] {
            assert!(matches!(given(Capability::FsRead, folder), Err(FolderError::Own { .. })), "{folder}");
        }
        assert!(matches!(given(Capability::FsWrite, "sesame.toml"), Err(FolderError::Read { .. })));
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

    #[test]
    fn no_folder_is_given_within_one_that_can_be_written_to() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("x/sub")).unwrap();
        let grants =
            |capability, folder: &str| -> Grants { [(capability, Scope::only([folder.to_owned()]).unwrap())].into() };
        let (outer, inner) = (grants(Capability::FsWrite, "x"), grants(Capability::FsRead, "x/sub"));
        let given = |all: &[&Grants], grants: &Grants| {
            let paths = StorePaths { data: "/d".into(), cache: "/c".into(), state: "/s".into() };
            let user = User { configuration: "/f".into(), ..User::default() };
            let places =
                Places::new(&paths, &user, top.path(), all.iter().copied(), || Ok(Readers::default())).unwrap();
            folders(grants, &places)
        };
        assert!(given(&[&inner], &inner)[0].is_ok() && given(&[&grants(Capability::FsRead, "x")], &inner)[0].is_ok());
        assert!(matches!(given(&[&outer, &inner], &inner)[0], Err(FolderError::Nested { .. })));
        assert!(given(&[&outer, &inner], &outer)[0].is_ok());
        let both: Grants = outer.into_iter().chain(inner).collect();
        assert_eq!(given(&[&both], &both).iter().filter(|folder| folder.is_err()).count(), 1);
    }
}
