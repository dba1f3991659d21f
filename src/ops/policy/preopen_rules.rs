//! Which folders of this machine are never given to an extension, and why. Nothing here opens a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::capability::{Capability, Grants};
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::Generation;
use crate::ops::context::UserPaths;
use crate::ops::error::Error;
use crate::ops::error::folder::{FolderError, Writer};
use crate::ops::policy::protected_paths::{OnUnreadable, ProtectedPaths, active_generations};
use crate::ops::project::Project;
use crate::ops::project::links::{canonical, trace_links};
use crate::store::paths::StorePaths;

/// Folders of the system through which a guest could reach into processes and devices.
pub(crate) const SYSTEM: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Where granted folders are looked for, and which are never given.
#[derive(Debug, Clone, Default)]
pub(crate) struct PreopenRules {
    /// What `~` stands for.
    home: Option<PathBuf>,
    /// What relative folders are relative to.
    base: PathBuf,
    /// Folders that a granted one must neither hold nor lie in, links followed.
    sesame_folders: Vec<PathBuf>,
    /// The links that lead to them, which must not lie in one that is granted for writing.
    own_links: Vec<PathBuf>,
    /// What must not lie in one that is granted for writing.
    protected: ProtectedPaths,
    /// The folders that extensions of other profiles are granted, and the links on the way to them, each with its owner: see
    /// [`FolderError::Holds`].
    granted: BTreeMap<PathBuf, GrantedFolder>,
    /// The folders that may be written to, links followed, each with who may: see [`FolderError::Nested`].
    written: BTreeMap<PathBuf, Writer>,
}

/// What a guest must not be able to change, besides what is active in other profiles.
#[derive(Clone, Copy)]
pub(crate) struct PreopenContext<'a> {
    /// The active set of its own profile.
    pub set: Option<&'a Generation>,
    /// The project that the person is in.
    pub project: Option<&'a Project>,
    pub on_unreadable: OnUnreadable,
}

/// A folder that an active extension is granted.
#[derive(Debug, Clone)]
pub(crate) struct GrantedFolder {
    pub profile: ProfileName,
    /// The manifest that grants it.
    pub manifest: ManifestPath,
    pub name: ExtensionName,
    /// Links followed.
    pub folder: PathBuf,
}

impl PreopenRules {
    /// The rules of a user, for extensions that are granted `grants`. Relative folders are relative to `base`; `protected` is
    /// called only if there is anything to write to.
    ///
    /// # Errors
    /// Those of `protected`.
    pub(crate) fn new<'a>(
        paths: &StorePaths,
        user: &UserPaths,
        base: &Path,
        grants: impl IntoIterator<Item = &'a Grants>,
        protected: impl FnOnce() -> Result<ProtectedPaths, Error>,
    ) -> Result<Self, Error> {
        let mut rules = Self { home: user.home.clone(), base: base.to_owned(), ..Self::default() };
        for folder in [&paths.data, &paths.cache, &paths.state, &user.configuration] {
            let (links, end) = trace_links(folder);
            rules.own_links.extend(links);
            rules.sesame_folders.push(end);
        }
        let written: BTreeSet<&str> =
            grants.into_iter().flat_map(|grants| named_folders(grants, Capability::FsWrite)).collect();
        if !written.is_empty() {
            rules.protected = protected()?;
        }
        let written = written.into_iter().filter_map(|folder| Some(canonical(&rules.path(folder).ok()?)));
        rules.written = written.map(|folder| (folder, Writer::SameSet)).collect();
        Ok(rules)
    }

    /// The same beside everything that is active.
    ///
    /// # Errors
    /// Those of [`ProtectedPaths::of_machine`] and [`ProtectedPaths::add_current_project`].
    pub(crate) fn for_active<'a>(
        paths: &StorePaths,
        user: &UserPaths,
        base: &Path,
        grants: impl IntoIterator<Item = &'a Grants>,
        beside: &PreopenContext<'_>,
    ) -> Result<Self, Error> {
        let PreopenContext { set, project, on_unreadable } = *beside;
        let mut active = active_generations(paths, set.map(|set| &set.profile));
        active.extend(set.cloned().map(Ok));
        let written = writable_folders(&active, user);
        // What is active was there before what is only called.
        let granted = if set.is_none() { granted_folders_by_path(&active, user) } else { BTreeMap::new() };
        let protected = || {
            let mut protected = ProtectedPaths::of_machine(user, active, on_unreadable)?;
            project.map_or(Ok(()), |project| protected.add_current_project(project))?;
            Ok(protected)
        };
        Ok(Self::new(paths, user, base, grants, protected)?.with_others(&written, granted))
    }

    /// The same beside extensions of other profiles: the folders that they may write to, and all that they are granted.
    pub(crate) fn with_others(mut self, written: &[GrantedFolder], granted: BTreeMap<PathBuf, GrantedFolder>) -> Self {
        for GrantedFolder { profile, name, folder, .. } in written {
            let writer = || Writer::Other { name: name.clone(), profile: profile.clone() };
            self.written.entry(folder.clone()).or_insert_with(writer);
        }
        Self { granted, ..self }
    }

    /// A folder as it is granted, as a path of this machine.
    pub(crate) fn path(&self, folder: &str) -> Result<PathBuf, FolderError> {
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

/// The folders that extensions of active generations may write to. What cannot be read cannot be called either.
pub(crate) fn writable_folders(active: &[Result<Generation, Error>], user: &UserPaths) -> Vec<GrantedFolder> {
    let folders = active.iter().flatten().flat_map(|set| granted_folders(set, user, &[Capability::FsWrite]));
    folders.map(|(_, granted)| granted).collect()
}

/// The folders that extensions of active generations are granted, and the links on the way to them.
pub(crate) fn granted_folders_by_path<'a>(
    active: impl IntoIterator<Item = &'a Result<Generation, Error>>,
    user: &UserPaths,
) -> BTreeMap<PathBuf, GrantedFolder> {
    let folders = active.into_iter().flatten().flat_map(|set| granted_folders(set, user, &Capability::FOLDERS));
    let paths = |(links, granted): (Vec<PathBuf>, GrantedFolder)| {
        links.into_iter().chain([granted.folder.clone()]).map(move |place| (place, granted.clone())).collect::<Vec<_>>()
    };
    folders.flat_map(paths).collect()
}

/// The folders that some capabilities of a generation name, each with the links on the way to it.
pub(crate) fn granted_folders(
    set: &Generation,
    user: &UserPaths,
    capabilities: &[Capability],
) -> Vec<(Vec<PathBuf>, GrantedFolder)> {
    let rules = PreopenRules { home: user.home.clone(), base: set.folder().to_owned(), ..PreopenRules::default() };
    let mut all = Vec::new();
    for extension in &set.extensions {
        for folder in capabilities.iter().flat_map(|capability| named_folders(&extension.capabilities, *capability)) {
            let Ok(path) = rules.path(folder) else { continue };
            let (links, folder) = trace_links(&path);
            let (profile, manifest, name) = (set.profile.clone(), set.manifest.clone(), extension.name.clone());
            all.push((links, GrantedFolder { profile, manifest, name, folder }));
        }
    }
    all
}

pub(crate) fn named_folders(grants: &Grants, capability: Capability) -> impl Iterator<Item = &str> {
    grants.get(&capability).into_iter().flat_map(|scope| scope.items())
}

/// Why the folder that a grant calls `named` is never given; `path` is where it is, links followed.
pub(crate) fn refusal(named: &Path, path: &Path, writable: bool, rules: &PreopenRules) -> Option<FolderError> {
    // What holds `/proc` is `/`, which holds everything else as well.
    if let Some(system) = SYSTEM.iter().map(Path::new).find(|system| path.starts_with(system)) {
        return Some(FolderError::System { path: named.to_owned(), system: system.to_owned() });
    }
    let own = rules.sesame_folders.iter().find(|own| path.starts_with(own) || own.starts_with(path));
    let own_link = || rules.own_links.iter().find(|link| writable && link.starts_with(path));
    if let Some(own) = own.or_else(own_link) {
        return Some(FolderError::SesameFolder { path: named.to_owned(), own: own.clone() });
    }
    if writable && let Some((read, reader)) = rules.protected.dependent_of(path) {
        let (read, what, by) = (read.to_owned(), reader.what.clone(), reader.by.clone());
        return Some(FolderError::HoldsProtectedPath { path: named.to_owned(), read, what, by });
    }
    let mut below = rules.granted.range(path.to_owned()..).take_while(|(inner, _)| inner.starts_with(path));
    if writable && let Some((_, granted)) = below.find(|(inner, _)| *inner != path) {
        let GrantedFolder { profile, manifest, name, folder: inner } = granted.clone();
        return Some(FolderError::Holds { path: named.to_owned(), inner, name, profile, manifest });
    }
    // Who can replace a link on the way to it decides which folder it is.
    let (links, _) = trace_links(named);
    let mut around = links.iter().map(PathBuf::as_path).chain([path]).flat_map(|part| part.ancestors().skip(1));
    let (outer, writer) = around.find_map(|outer| rules.written.get_key_value(outer))?;
    Some(FolderError::Nested { path: named.to_owned(), outer: outer.clone(), writer: writer.clone() })
}
