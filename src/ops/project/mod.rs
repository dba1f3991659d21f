//! The files of a person's project: finding `sesame.toml`, reading it, its drop-ins, its lock and local components.

pub(crate) mod files;
pub(crate) mod links;
pub mod ownership;
pub mod search;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::model::fault::Fault;
use crate::model::lock::Lock;
use crate::model::lock::merge::{LoadedLock, merge, split_conflict};
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::manifest::{ComponentSource, DropIn, Manifest, ManifestSource};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::Generation;
use crate::named_files;
use crate::ops::error::lock::LockError;
use crate::ops::error::project::ProjectError;
use crate::ops::project::ownership::{check_component_file_owner, check_file_owner};
use crate::store::write;

use super::error::Error;
use files::{ComponentFile, hash_component, read_file};
use links::canonical;

/// The name of the manifest.
pub const MANIFEST: &str = "sesame.toml";
/// The name of the lock, beside the manifest. That of a manifest with another name, `work.toml`, is `work.lock`.
pub const LOCK: &str = "sesame.lock";
/// The folder of drop-in manifests, beside the manifest. Only one of the usual name has them.
pub const DROP_INS: &str = "extensions";

/// A manifest that was found, and the folder that everything is relative to.
#[derive(Debug, Clone)]
pub struct Project {
    folder: PathBuf,
    manifest: PathBuf,
    /// What stands before file names in messages: empty when the files are in the current folder.
    shown: PathBuf,
    /// Whether the manifest was named by the person, who then answers for its files.
    trusted: bool,
    /// Whether it is in the place of the user's own, which no one else can make a link of.
    own: bool,
}

impl Project {
    /// Whether the person named the manifest, and answers for its files.
    pub(crate) fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// The absolute path of the manifest, by which generations know it.
    pub fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// The same, as generations have it.
    pub fn manifest_path(&self) -> ManifestPath {
        ManifestPath::new(&self.manifest)
    }

    /// Whether a generation was made by this manifest, reached in the same way.
    pub(crate) fn has_made(&self, generation: &Generation) -> bool {
        generation.manifest == self.manifest_path()
    }

    /// Whether this manifest manages a generation: it made it, or the one that did is the same file, reached through a link. That
    /// is believed of the file itself, of the user's own manifest, and of one that the person names; any other link may have
    /// come with the files of someone else, with drop-ins beside it.
    pub(crate) fn manages(&self, generation: &Generation) -> bool {
        let file = |path: &Path| fs::canonicalize(path).ok();
        let recorded = generation.manifest.as_path();
        let is_same_file = || {
            let target = file(recorded);
            let is_believed = self.own || self.trusted || target.as_ref() == Some(&self.manifest);
            is_believed && target.is_some() && target == file(&self.manifest)
        };
        self.has_made(generation) || recorded.file_name() == self.manifest.file_name() && is_same_file()
    }

    /// The manifest's path as the person would name it.
    pub fn shown_manifest(&self) -> String {
        self.shown.join(self.manifest.file_name().unwrap_or_default()).display().to_string()
    }

    /// The lock's path as the person would name it.
    pub fn shown_lock(&self) -> String {
        self.shown.join(self.lock_name()).display().to_string()
    }

    /// Whether the manifest has the usual name, and so drop-ins and the usual lock.
    pub(crate) fn has_usual_name(&self) -> bool {
        self.manifest.file_name() == Some(MANIFEST.as_ref())
    }

    fn lock_name(&self) -> PathBuf {
        if self.has_usual_name() {
            LOCK.into()
        } else {
            // It ends in `.toml`: no other name is taken for that of a manifest.
            Path::new(self.manifest.file_name().unwrap_or_default()).with_extension("lock")
        }
    }

    /// The lock of the folder that a manifest with another name does not have, if there is one.
    pub(crate) fn usual_lock(&self) -> Option<String> {
        let lock = self.folder.join(LOCK);
        (!self.has_usual_name() && lock.is_file()).then(|| self.shown.join(LOCK).display().to_string())
    }

    /// The usual lock, if it can only have been made for this manifest: before, a manifest with another name had that one.
    pub(crate) fn earlier_lock(&self) -> Option<String> {
        self.usual_lock().filter(|_| !self.folder.join(MANIFEST).exists())
    }

    /// That there is no lock.
    pub(crate) fn no_lock(&self) -> Error {
        let (lock, usual) = (self.shown_lock(), self.usual_lock());
        LockError::NoLock { lock, usual, is_earlier: self.earlier_lock().is_some() }.into()
    }

    /// Reads the desired state.
    ///
    /// # Errors
    /// [`ProjectError::Problems`] with every problem of every file.
    pub fn read_manifest(&self) -> Result<Manifest, Error> {
        let bytes = self
            .read(&self.manifest)?
            .ok_or_else(|| Error::Project(ProjectError::NoSuchManifest(self.manifest.clone())))?;
        self.parse_manifest(bytes)
    }

    fn parse_manifest(&self, bytes: Vec<u8>) -> Result<Manifest, Error> {
        let main = ManifestSource { file: self.shown_manifest(), folder: self.folder.clone(), bytes };
        Manifest::parse(&main, &self.drop_ins()?).map_err(|problems| ProjectError::Problems(problems).into())
    }

    /// Reads the desired state; a manifest that is not there yet is as good as an empty one.
    pub(crate) fn read_manifest_or_empty(&self) -> Result<Manifest, Error> {
        self.parse_manifest(self.read(&self.manifest)?.unwrap_or_default())
    }

    /// The profile that the manifest names, as far as it can be read: whatever else is wrong with it does not matter.
    ///
    /// # Errors
    /// [`ProjectError::Read`] if it cannot be read at all.
    pub fn read_profile(&self) -> Result<Option<ProfileName>, Error> {
        let bytes = self.read(&self.manifest)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let (table, _) = toml::de::DeTable::parse_recoverable(&text);
        let profile = table.get_ref().get("profile").and_then(|profile| profile.get_ref().as_str());
        Ok(profile.and_then(|profile| profile.parse().ok()))
    }

    /// Where an extension's drop-in manifest is or would be, and what it is called in messages.
    pub(crate) fn drop_in_path(&self, name: &ExtensionName) -> (PathBuf, String) {
        let file = Path::new(DROP_INS).join(format!("{name}.toml"));
        (self.folder.join(&file), self.shown.join(file).display().to_string())
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.folder.join(self.lock_name())
    }

    /// Reads the lock, if there is one.
    ///
    /// # Errors
    /// [`ProjectError::Problems`] if it is no lock of this version.
    pub fn read_lock(&self) -> Result<Option<Lock>, Error> {
        let Some(bytes) = self.lock_bytes()? else { return Ok(None) };
        Lock::parse(&self.shown_lock(), &bytes).map(Some).map_err(|problems| ProjectError::Problems(problems).into())
    }

    /// Reads the lock, or merges it where git could not.
    ///
    /// # Errors
    /// As [`read_lock`](Self::read_lock), for each side.
    pub(crate) fn read_lock_or_merge(&self) -> Result<Option<LoadedLock>, Error> {
        let Some(bytes) = self.lock_bytes()? else { return Ok(None) };
        let read = match std::str::from_utf8(&bytes).ok().and_then(split_conflict) {
            Some(sides) => merge(&self.shown_lock(), &sides),
            None => Lock::parse(&self.shown_lock(), &bytes).map(|lock| LoadedLock { lock, ..LoadedLock::default() }),
        };
        read.map(Some).map_err(|problems| ProjectError::Problems(problems).into())
    }

    /// The text of the lock as it is, for a diff; empty where there is none.
    pub(crate) fn lock_text(&self) -> Result<String, Error> {
        let bytes = self.lock_bytes()?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
    }

    pub(crate) fn write_lock(&self, lock: &Lock) -> Result<(), Error> {
        Ok(write::user_files::replace_user_file(&self.lock_path(), lock.render().as_bytes())?)
    }

    /// All that people commit, as far as it is there: the manifest, its drop-ins and the lock, each under the name that it
    /// has in a project.
    pub(crate) fn read_committed(&self) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut files = BTreeMap::new();
        files.extend(self.read(&self.manifest)?.map(|bytes| (MANIFEST.to_owned(), bytes)));
        files.extend(self.lock_bytes()?.map(|bytes| (LOCK.to_owned(), bytes)));
        let drop_ins = self.drop_ins()?.into_iter();
        files.extend(drop_ins.map(|DropIn { stem, source }| (format!("{DROP_INS}/{stem}.toml"), source.bytes)));
        Ok(files)
    }

    /// Where a file is that [`read_committed`](Self::read_committed) names.
    pub(crate) fn committed_path(&self, name: &str) -> PathBuf {
        match name {
            MANIFEST => self.manifest.clone(),
            LOCK => self.lock_path(),
            name => self.folder.join(name),
        }
    }

    /// What a file of the project is called in messages.
    pub(crate) fn shown_file(&self, name: &str) -> String {
        match name {
            MANIFEST => self.shown_manifest(),
            LOCK => self.shown_lock(),
            name => self.shown.join(name).display().to_string(),
        }
    }

    /// The folder of the project as the person would name it.
    pub(crate) fn shown_folder(&self) -> String {
        if self.shown.as_os_str().is_empty() { ".".to_owned() } else { self.shown.display().to_string() }
    }

    /// The folders that people's files are in, which may be absent.
    pub(crate) fn folders(&self) -> [PathBuf; 2] {
        [self.folder.clone(), self.folder.join(DROP_INS)]
    }

    /// The bytes of manifest and lock, each if it is there.
    pub(crate) fn manifest_and_lock_bytes(&self) -> Result<[Option<Vec<u8>>; 2], Error> {
        Ok([self.read(&self.manifest)?, self.lock_bytes()?])
    }

    /// The folder of drop-in manifests, which may be absent, and what is in it.
    pub(crate) fn drop_in_paths(&self) -> (PathBuf, Vec<PathBuf>) {
        let folder = self.folder.join(DROP_INS);
        if !self.has_usual_name() {
            return (folder, Vec::new());
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = entries.collect();
        paths.sort();
        (folder, paths)
    }

    /// Where a component's file is.
    pub(crate) fn component_path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// A component's path as it is written in the manifest, or in a drop-in: relative, unless it is outside of the folder.
    ///
    /// # Errors
    /// [`ProjectError::NotUtf8`].
    pub(crate) fn path_in_manifest(&self, file: &Path, in_drop_in: bool) -> Result<String, Error> {
        // A link stays one: who builds the component may have it lead elsewhere the next time.
        let name = file.file_name().unwrap_or_default();
        let path = file.parent().map_or_else(|| canonical(file), |folder| canonical(folder).join(name));
        let path = path.to_str().ok_or_else(|| Error::Project(ProjectError::NotUtf8(file.to_owned())))?;
        let inside = Path::new(path).strip_prefix(&self.folder).ok().and_then(Path::to_str);
        Ok(match inside {
            Some(inside) if in_drop_in => format!("../{inside}"),
            Some(inside) => inside.to_owned(),
            None => path.to_owned(),
        })
    }

    /// The digests of the files that the manifest takes components from, by their path in the lock.
    ///
    /// # Errors
    /// [`LockError::Extensions`] with every file that is missing or no component.
    pub(crate) fn component_digests(&self, manifest: &Manifest) -> Result<BTreeMap<String, Digest>, Error> {
        let mut digests = BTreeMap::new();
        let mut faults: Vec<(ExtensionName, Fault)> = Vec::new();
        for (name, extension) in &manifest.extensions {
            let ComponentSource::Path(path) = &extension.source else { continue };
            match self.component_digest(name, &extension.declared_at, path) {
                Ok((digest, _)) => drop(digests.insert(path.clone(), digest)),
                Err(error) => faults.push((name.clone(), error.fault())),
            }
        }
        if faults.is_empty() { Ok(digests) } else { Err(LockError::Extensions { faults, changes: Vec::new() }.into()) }
    }

    /// The digest and size of one component's file.
    pub(crate) fn component_digest(
        &self,
        name: &ExtensionName,
        place: &str,
        path: &str,
    ) -> Result<(Digest, u64), Error> {
        let (name, shown, file) = (name.clone(), self.shown.join(path), self.component_path(path));
        if !self.trusted && file.exists() {
            check_component_file_owner(&file, &self.manifest)?;
        }
        match hash_component(&file)? {
            ComponentFile::Component { digest, size } => Ok((digest, size)),
            ComponentFile::Other(kind) => Err(ProjectError::NotAComponentFile { name, path: shown, kind }.into()),
            ComponentFile::TooLarge(size) => Err(ProjectError::ComponentTooLarge { name, path: shown, size }.into()),
            ComponentFile::Missing => {
                Err(ProjectError::MissingFile { name, place: place.to_owned(), path: shown }.into())
            }
        }
    }

    /// The bytes of the lock. A link to where none is yet is as good as none: the first lock is written through it.
    fn lock_bytes(&self) -> Result<Option<Vec<u8>>, Error> {
        let path = self.lock_path();
        if path.is_symlink() && !path.exists() {
            return Ok(None);
        }
        self.read(&path)
    }

    /// Reads a file of the project; one that was come across must be this user's.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        if !self.trusted && path.symlink_metadata().is_ok() {
            check_file_owner(path, &self.manifest)?;
        }
        read_file(path, READ)
    }

    fn drop_ins(&self) -> Result<Vec<DropIn>, Error> {
        if !self.has_usual_name() {
            return Ok(Vec::new());
        }
        let folder = self.folder.join(DROP_INS);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                let unread = |source| Error::Project(ProjectError::Read { path: folder.clone(), source });
                return named_files::absent(&folder, error).map(|()| Vec::new()).map_err(unread);
            }
        };
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| Error::Project(ProjectError::Read { path: folder.clone(), source }))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".toml") && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort();
        let mut drop_ins = Vec::new();
        for name in names {
            let stem = name.strip_suffix(".toml").unwrap_or(&name).to_owned();
            let file = self.shown.join(DROP_INS).join(&name).display().to_string();
            let path = folder.join(&name);
            let gone = || Error::Project(ProjectError::Read { path: path.clone(), source: ErrorKind::NotFound.into() });
            let bytes = self.read(&path)?.ok_or_else(gone)?;
            drop_ins.push(DropIn { stem, source: ManifestSource { file, folder: folder.clone(), bytes } });
        }
        Ok(drop_ins)
    }
}

/// A little more of a manifest or lock than its limit is enough to refuse it.
const READ: u64 = crate::model::bounds::MAX_PROJECT_FILE as u64 + 1;
