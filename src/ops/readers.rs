//! Who reads a path? What the projects of this machine, its policies and its active generations read, and no guest may write:
//! whoever can change it decides what is made active next time, with which grants.
//!
//! Nothing here decides about a grant; see [`folders`](super::folders).

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::context::User;
use super::error::Error;
use super::files::read_file;
use super::permission::{policy_files, read_policy};
use super::project::{DROP_INS, LOCK, Project};
use crate::model::generation::Generation;
use crate::model::manifest::{ComponentSource, Manifest};
use crate::model::registries::{Mirror, Registries};
use crate::store::generations;
use crate::store::paths::StorePaths;

/// How many links in a row are followed, as Linux does.
const LINKS: usize = 40;

/// The most that is read of a `.git` that is a file, in bytes.
const GIT_FILE: u64 = 4 << 10;

/// Everything that is read, by its path with links followed, and each link on the way to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Readers(BTreeMap<PathBuf, Reader>);

/// Who reads a path, and as what.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// `the component of `clock``, `a policy`
    pub what: String,
    /// The manifest or policy that names it.
    pub by: PathBuf,
    /// Whether all that is in it is read.
    is_folder: bool,
}

impl Readers {
    /// What this machine's policies read, and the manifests of all active generations, but for one profile, about which the
    /// caller knows better.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be told what is active, [`Error::Policy`] if a policy cannot be read.
    pub(super) fn of_machine(paths: &StorePaths, user: &User, but: Option<&str>) -> Result<Self, Error> {
        let mut readers = Self::default();
        for policy in policy_files(user) {
            readers.file(&policy, "a policy", &policy);
        }
        let policy = read_policy(user)?;
        if let Some(own) = user.policies.first() {
            readers.registries(&policy.registries, own);
        }
        for profile in generations::profiles(paths)?.into_iter().filter(|profile| Some(profile.as_str()) != but) {
            if let Some((_, generation)) = generations::live(paths, &profile)? {
                readers.generation(&generation);
            }
        }
        Ok(readers)
    }

    /// Adds what a manifest reads.
    pub(super) fn project(&mut self, project: &Project, manifest: &Manifest) {
        let path = project.manifest();
        self.files(path);
        for (name, extension) in &manifest.extensions {
            if let ComponentSource::Path(component) = &extension.source {
                self.file(&project.component(component), &format!("the component of `{name}`"), path);
            }
        }
        self.registries(&manifest.registries, path);
    }

    /// Adds what an active generation is made from, and what its manifest reads by now, if that can be read.
    pub(super) fn generation(&mut self, generation: &Generation) {
        let project = Project::of_generation(Path::new(&generation.manifest));
        for extension in &generation.extensions {
            if let Some(component) = &extension.path {
                let what = format!("the component of `{}`", extension.name);
                self.file(&project.component(component), &what, project.manifest());
            }
        }
        match project.read_manifest() {
            Ok(manifest) => self.project(&project, &manifest),
            Err(_) => self.files(project.manifest()),
        }
    }

    /// Who reads what is in a folder, or the folder as a part of something: the path and its reader.
    pub(super) fn of(&self, folder: &Path) -> Option<(&Path, &Reader)> {
        // What is below a folder comes right behind it.
        let below = self.0.range(folder.to_owned()..).next().filter(|(path, _)| path.starts_with(folder));
        let around = || {
            let mut around = folder.ancestors().filter_map(|outer| self.0.get_key_value(outer));
            around.find(|(_, reader)| reader.is_folder)
        };
        below.or_else(around).map(|(path, reader)| (path.as_path(), reader))
    }

    /// The files that every project has, and the repository that they are in.
    fn files(&mut self, manifest: &Path) {
        let folder = manifest.parent().unwrap_or(manifest);
        self.file(manifest, "the manifest", manifest);
        self.file(&folder.join(LOCK), "the lock", manifest);
        self.folder(&folder.join(DROP_INS), "the drop-ins", manifest);
        for git in folder.ancestors().map(|above| above.join(".git")).filter(|git| git.symlink_metadata().is_ok()) {
            self.folder(&git, "the repository", manifest);
            // In a worktree or submodule it is a file that leads to the repository (gitrepository-layout(5)).
            let leads = git.is_file().then(|| read_file(&git, GIT_FILE).ok().flatten()).flatten();
            let text = leads.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            if let (Some(target), Some(parent)) = (text.strip_prefix("gitdir:"), git.parent()) {
                self.folder(&parent.join(target.trim()), "the repository", manifest);
            }
        }
    }

    fn registries(&mut self, registries: &Registries, by: &Path) {
        for settings in registries.0.values() {
            if let Some(ca) = &settings.ca {
                self.file(ca, "the certificates", by);
            }
            for mirror in &settings.mirrors {
                if let Mirror::Layout(folder) = mirror {
                    self.folder(folder, "a mirror", by);
                }
            }
        }
    }

    fn file(&mut self, path: &Path, what: &str, by: &Path) {
        self.add(path, what, by, false);
    }

    fn folder(&mut self, path: &Path, what: &str, by: &Path) {
        self.add(path, what, by, true);
    }

    fn add(&mut self, path: &Path, what: &str, by: &Path, is_folder: bool) {
        let (links, end) = followed(path);
        let reader = |is_folder| Reader { what: what.to_owned(), by: by.to_owned(), is_folder };
        for link in links {
            self.0.entry(link).or_insert_with(|| reader(false));
        }
        // What is read as a folder by one and named by another is read as a folder.
        let kept = self.0.entry(end).or_insert_with(|| reader(is_folder));
        kept.is_folder |= is_folder;
    }
}

/// Where a path leads, as far as it is there, and the links on the way, each at the place where it really is.
fn followed(path: &Path) -> (Vec<PathBuf>, PathBuf) {
    let parts = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<VecDeque<_>>();
    let (mut at, mut links, mut rest) = (PathBuf::new(), Vec::new(), parts(path));
    while let Some(part) = rest.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::CurDir) => continue,
            _ => at.push(&part),
        }
        if links.len() < LINKS
            && let Ok(target) = fs::read_link(&at)
        {
            links.push(at.clone());
            at.pop();
            let mut ahead = parts(&target);
            ahead.append(&mut rest);
            rest = ahead;
        }
    }
    (links, at)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_followed_over_every_link() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("real/deep")).unwrap();
        symlink("real", top.join("folder")).unwrap();
        symlink(top.join("folder/deep/../target"), top.join("real/file")).unwrap();
        let (links, end) = followed(&top.join("./folder/file"));
        assert_eq!(links, [top.join("folder"), top.join("real/file"), top.join("folder")]);
        assert_eq!(end, top.join("real/target"));
        symlink("loop", top.join("loop")).unwrap();
        assert_eq!(followed(&top.join("loop/x")).0.len(), LINKS);
    }

    #[test]
    fn a_reader_is_found_below_at_and_around_a_folder() {
        let mut readers = Readers::default();
        readers.file(Path::new("/p/build/clock.wasm"), "the component of `clock`", Path::new("/p/sesame.toml"));
        readers.folder(Path::new("/p/vendor"), "a mirror", Path::new("/p/sesame.toml"));
        let of = |folder: &str| readers.of(Path::new(folder)).map(|(path, _)| path.to_str().unwrap());
        assert_eq!(of("/p/build"), Some("/p/build/clock.wasm"));
        assert_eq!(of("/p"), Some("/p/build/clock.wasm"));
        assert_eq!(of("/p/vendor/blobs"), Some("/p/vendor"));
        assert_eq!(of("/p/vendor"), Some("/p/vendor"));
        for folder in ["/p/build/clock.wasm/x", "/p/buil", "/p/build2", "/p/vendors", "/p/notes", "/q"] {
            assert_eq!(of(folder), None, "{folder}");
        }
    }
}
