//! Which paths the projects, policies and active generations of this machine read, and who reads each. A guest that
//! could change one of them would decide what is activated next, with which grants.
//!
//! Nothing here decides about a grant: see [`preopen_rules`](super::preopen_rules).

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::model::manifest::{ComponentSource, Manifest};
use crate::model::name::ProfileName;
use crate::model::plan::generation::Generation;
use crate::model::registries::{Mirror, Registries};
use crate::ops::context::UserPaths;
use crate::ops::error::Error;
use crate::ops::error::folder::ReadAs;
use crate::ops::error::project::ProjectError;
use crate::ops::project::Project;
use crate::ops::project::files::read_file;
use crate::ops::project::links::trace_links;
use crate::store::paths::StorePaths;
use crate::store::{self, generations};

use super::checks::{policy_files, read_policies};

/// The most that is read of a `.git` that is a file, in bytes.
const GIT_FILE: u64 = 4 << 10;

/// Everything that is read, by its path with links followed, and each link on the way to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProtectedPaths {
    paths: BTreeMap<PathBuf, PathReader>,
    /// The folders above which repositories were looked for.
    searched: BTreeSet<PathBuf>,
}

/// Who reads a path, and as what.
#[derive(Debug, Clone)]
pub(crate) struct PathReader {
    pub what: ReadAs,
    /// The manifest or policy that names it.
    pub by: PathBuf,
    /// Whether all that is in it is read.
    is_folder: bool,
}

/// What a manifest or a generation that cannot be read means for a folder to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnUnreadable {
    /// None is given.
    Refuse,
    /// It is given beside what can be read: it was agreed to before.
    Skip,
}

/// The active generations of all profiles, except one that the caller adds itself. Each that cannot be read is an
/// [`Error::UnreadableDependent`], and so are all together if it cannot be found out which there are.
pub(crate) fn active_generations(paths: &StorePaths, except: Option<&ProfileName>) -> Vec<Result<Generation, Error>> {
    let unknown =
        |by: PathBuf| move |source: store::Error| Error::UnreadableDependent { by, source: Box::new(source.into()) };
    let profiles = match generations::profiles(paths).map_err(unknown(paths.profiles())) {
        Ok(profiles) => profiles,
        Err(error) => return vec![Err(error)],
    };
    let active = |profile: ProfileName| {
        let active =
            generations::active_generation(paths, &profile).map_err(unknown(paths.current(&profile))).transpose()?;
        Some(active.map(|(_, generation)| generation))
    };
    profiles.into_iter().filter(|profile| Some(profile) != except).filter_map(active).collect()
}

impl ProtectedPaths {
    /// What this machine's policies and these generations read.
    ///
    /// # Errors
    /// [`PolicyError::Problems`](crate::ops::error::policy::PolicyError::Problems) if a policy cannot be read,
    /// [`Error::UnreadableDependent`] if a generation or its manifest cannot be and that is refused.
    pub(crate) fn of_machine(
        user: &UserPaths,
        generations: impl IntoIterator<Item = Result<Generation, Error>>,
        on_unreadable: OnUnreadable,
    ) -> Result<Self, Error> {
        let mut protected = Self::of_policies(user)?;
        for generation in generations {
            match generation.and_then(|generation| protected.add_generation(&generation)) {
                Err(Error::UnreadableDependent { .. }) if on_unreadable == OnUnreadable::Skip => {}
                read => read?,
            }
        }
        Ok(protected)
    }

    fn of_policies(user: &UserPaths) -> Result<Self, Error> {
        let mut protected = Self::default();
        for file in policy_files(user) {
            protected.add_file(&file, ReadAs::Policy, &file);
        }
        for (file, policy) in read_policies(user)? {
            protected.add_registries(&policy.registries, &file);
        }
        Ok(protected)
    }

    /// Adds what a manifest reads.
    pub(crate) fn add_project(&mut self, project: &Project, manifest: &Manifest) {
        let path = project.manifest();
        self.add_files(project);
        for (name, extension) in &manifest.extensions {
            if let ComponentSource::Path(component) = &extension.source {
                self.add_file(&project.component_path(component), ReadAs::Component(name.clone()), path);
            }
        }
        self.add_registries(&manifest.registries, path);
    }

    /// Adds what a generation is made from, and what its manifest reads now.
    ///
    /// # Errors
    /// As [`add_current_project`](Self::add_current_project).
    pub(crate) fn add_generation(&mut self, generation: &Generation) -> Result<(), Error> {
        let project = Project::of_generation(&generation.manifest);
        for extension in &generation.extensions {
            if let Some(component) = &extension.path {
                let what = ReadAs::Component(extension.name.clone());
                self.add_file(&project.component_path(component), what, project.manifest());
            }
        }
        self.add_current_project(&project)
    }

    /// Adds what a project reads now: its own files alone, if its manifest is gone, as where its disk is not mounted.
    ///
    /// # Errors
    /// [`Error::UnreadableDependent`] if there is a manifest and it cannot be read. Its own files are added then, too.
    pub(crate) fn add_current_project(&mut self, project: &Project) -> Result<(), Error> {
        let by = project.manifest();
        match project.read_manifest() {
            Ok(manifest) => {
                self.add_project(project, &manifest);
                Ok(())
            }
            Err(error) => {
                self.add_files(project);
                let is_gone = match &error {
                    Error::Project(ProjectError::NoSuchManifest(_)) => true,
                    // What is read beside it may be gone by itself.
                    Error::Project(ProjectError::Read { path, source }) => {
                        path == by && source.kind() == ErrorKind::NotFound
                    }
                    _ => false,
                };
                if is_gone {
                    Ok(())
                } else {
                    Err(Error::UnreadableDependent { by: by.to_owned(), source: Box::new(error) })
                }
            }
        }
    }

    /// The reader of anything in a folder, or of something that the folder is a part of, with the path that it reads.
    pub(crate) fn dependent_of(&self, folder: &Path) -> Option<(&Path, &PathReader)> {
        // What is below a folder comes right behind it. Best named is what exists by now.
        let below = || self.paths.range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
        let below = below().find(|(path, _)| path.exists()).or_else(|| below().next());
        let around = || {
            let mut around = folder.ancestors().filter_map(|outer| self.paths.get_key_value(outer));
            around.find(|(_, reader)| reader.is_folder)
        };
        below.or_else(around).map(|(path, reader)| (path.as_path(), reader))
    }

    /// The files that every project has.
    fn add_files(&mut self, project: &Project) {
        let manifest = project.manifest();
        self.add_file(manifest, ReadAs::Manifest, manifest);
        self.add_file(&project.lock_path(), ReadAs::Lock, manifest);
        let (folder, drop_ins) = project.drop_in_paths();
        self.add_folder(&folder, ReadAs::DropIns, manifest);
        for drop_in in drop_ins {
            self.add_file(&drop_in, ReadAs::DropIn, manifest);
        }
    }

    fn add_registries(&mut self, registries: &Registries, by: &Path) {
        for settings in registries.0.values() {
            if let Some(ca) = &settings.ca {
                self.add_file(ca, ReadAs::Certificates, by);
            }
            for mirror in &settings.mirrors {
                let Mirror::Layout(folder) = mirror else { continue };
                self.add_folder(folder, ReadAs::Mirror, by);
                for part in ["oci-layout", "index.json"] {
                    self.add_file(&folder.join(part), ReadAs::Mirror, by);
                }
                self.add_folder(&folder.join("blobs").join("sha256"), ReadAs::Mirror, by);
            }
        }
    }

    fn add_file(&mut self, path: &Path, what: ReadAs, by: &Path) {
        self.add(path, what, by, false);
    }

    fn add_folder(&mut self, path: &Path, what: ReadAs, by: &Path) {
        self.add(path, what, by, true);
    }

    fn add(&mut self, path: &Path, what: ReadAs, by: &Path, is_folder: bool) {
        let (links, end) = trace_links(path);
        let reader = |is_folder| PathReader { what: what.clone(), by: by.to_owned(), is_folder };
        for link in links.iter().chain([&end]) {
            self.add_git_folders(link, by);
        }
        for link in links {
            self.paths.entry(link).or_insert_with(|| reader(false));
        }
        // What is read as a folder by one and named by another is read as a folder.
        let kept = self.paths.entry(end).or_insert_with(|| reader(is_folder));
        kept.is_folder |= is_folder;
    }

    /// Adds the repositories that a path is in: a hook runs programs, and a checkout writes files.
    fn add_git_folders(&mut self, path: &Path, by: &Path) {
        for folder in path.ancestors().skip(1) {
            if !self.searched.insert(folder.to_owned()) {
                return;
            }
            let git = folder.join(".git");
            if git.symlink_metadata().is_err() {
                continue;
            }
            self.add_folder(&git, ReadAs::Repository, by);
            // In a worktree or submodule it is a file that leads on (gitrepository-layout(5)).
            let Some(leads) = line_of(&git) else { continue };
            let Some(target) = leads.strip_prefix("gitdir:") else { continue };
            let target = folder.join(target.trim());
            self.add_folder(&target, ReadAs::Repository, by);
            if let Some(common) = line_of(&target.join("commondir")) {
                self.add_folder(&target.join(common.trim()), ReadAs::Repository, by);
            }
        }
    }
}

/// The text of a small file of git's.
fn line_of(path: &Path) -> Option<String> {
    let bytes = if path.is_file() { read_file(path, GIT_FILE).ok()?? } else { return None };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_found_below_at_and_around_a_folder() {
        let mut protected = ProtectedPaths::default();
        protected.add_file(
            Path::new("/p/build/clock.wasm"),
            ReadAs::Component("clock".parse().unwrap()),
            Path::new("/p/sesame.toml"),
        );
        protected.add_folder(Path::new("/p/vendor"), ReadAs::Mirror, Path::new("/p/sesame.toml"));
        let of = |folder: &str| protected.dependent_of(Path::new(folder)).map(|(path, _)| path.to_str().unwrap());
        assert_eq!(of("/p/build"), Some("/p/build/clock.wasm"));
        assert_eq!(of("/p"), Some("/p/build/clock.wasm"));
        assert_eq!(of("/p/vendor/blobs"), Some("/p/vendor"));
        assert_eq!(of("/p/vendor"), Some("/p/vendor"));
        for folder in ["/p/build/clock.wasm/x", "/p/buil", "/p/build2", "/p/vendors", "/p/notes", "/q"] {
            assert_eq!(of(folder), None, "{folder}");
        }
    }
}
