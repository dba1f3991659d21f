//! The desired state in a bundle, held against a project: what of it is there, what would be written over, and the writing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{ComponentSource, DropIn, Manifest, ManifestSource};
use crate::model::name::ExtensionName;
use crate::model::plan::ExtensionNeeds;
use crate::model::plan::inventory::StoredState;
use crate::model::plan::step::BlobDescriptor;
use crate::model::report::sync::{LockOutcome, LockReport};
use crate::model::toml::problem::Problem;
use crate::ops::context::Context;
use crate::ops::edit::undo::Undo;
use crate::ops::error::Error;
use crate::ops::error::bundle::{BundleError, BundleFault};
use crate::ops::error::project::ProjectError;
use crate::ops::project::files::{ComponentFile, digest_of, hash_component};
use crate::ops::project::{DROP_INS, LOCK, MANIFEST};
use crate::ops::sync::observe::look;
use crate::registry::layout::bundle::Bundle;
use crate::store::blobs::Blobs;
use crate::store::integrity::scan::{CacheUpdates, ScanRequest};

use super::export::is_carried;

/// What to do where extensions are named already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingFiles {
    /// Refuse, unless they are named by the very same files.
    Keep,
    /// Put the bundle's files in the place of those that are there.
    Replace,
}

/// The desired state of a bundle, and its lock.
pub(crate) struct BundledSet {
    /// The bundle that it is from.
    path: PathBuf,
    pub texts: BTreeMap<String, Vec<u8>>,
    pub manifest: Manifest,
    pub lock: Lock,
}

/// What an import changes of the files of a project, each by its name there.
#[derive(PartialEq, Eq)]
pub(crate) struct ProjectChanges {
    /// Components first, so that none is named that is not there.
    written: Vec<String>,
    /// Those of the written that are there with other bytes, and which.
    replaced: BTreeMap<String, Digest>,
    /// Manifests that the bundle does not have, and their bytes.
    removed: BTreeMap<String, Digest>,
}

impl BundledSet {
    /// Reads the bundle's texts and holds them against each other.
    pub(crate) fn read(context: &Context, path: &Path, bundle: &Bundle) -> Result<Self, Error> {
        let bad = |source| BundleError::Unusable { path: path.to_owned(), source };
        let texts = bundle.project_files()?;
        let text = |name| texts.get(name).cloned().ok_or_else(|| bad(BundleFault::NoFile { name }));
        let file = |name: &str| format!("{name} of the bundle");
        let project = context.project.manifest().parent().unwrap_or(Path::new("/"));
        let mut drop_ins = Vec::new();
        for (name, bytes) in texts.iter().filter(|(name, _)| ![MANIFEST, LOCK].contains(&name.as_str())) {
            let stem = name.strip_prefix(DROP_INS).and_then(|name| name.strip_prefix('/')?.strip_suffix(".toml"));
            let stem = stem.filter(|stem| stem.parse::<ExtensionName>().is_ok());
            let stem = stem.ok_or_else(|| bad(BundleFault::StrangeFile { name: name.clone() }))?.to_owned();
            let source = ManifestSource { file: file(name), folder: project.join(DROP_INS), bytes: bytes.clone() };
            drop_ins.push(DropIn { stem, source });
        }
        let main = ManifestSource { file: file(MANIFEST), folder: project.to_owned(), bytes: text(MANIFEST)? };
        let manifest = Manifest::parse(&main, &drop_ins).map_err(without_help)?;
        let lock = Lock::parse(&file(LOCK), &text(LOCK)?).map_err(without_help)?;
        let mut files = BTreeMap::new();
        for (name, entry) in &lock.entries {
            let LockedSource::Path(file) = &entry.source else { continue };
            if !is_carried(file) {
                return Err(bad(BundleFault::OutsideFile { name: name.clone(), path: file.clone() }).into());
            }
            if files.insert(file.clone(), entry.component).is_some_and(|other| other != entry.component) {
                return Err(bad(BundleFault::TwoComponents { path: file.clone() }).into());
            }
        }
        match lock.staleness(&manifest, &files).keys().next() {
            Some(name) => Err(bad(BundleFault::OtherLock { name: name.clone() }).into()),
            None => Ok(Self { path: path.to_owned(), texts, manifest, lock }),
        }
    }

    /// Refuses to write over what somebody else has written.
    pub(crate) fn check_existing(
        &self,
        context: &Context,
        existing: ExistingFiles,
        there: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Error> {
        let has_drop_ins = self.texts.keys().any(|name| ![MANIFEST, LOCK].contains(&name.as_str()));
        if has_drop_ins && !context.project.has_usual_name() {
            return Err(BundleError::DropIns { manifest: context.project.shown_manifest() }.into());
        }
        for name in self.texts.keys().map(String::as_str).chain(self.components().map(|(name, _)| name)) {
            check_links(context, &context.project.committed_path(name))?;
        }
        // A link itself may be removed, but nothing behind one.
        for name in there.keys().filter(|_| existing == ExistingFiles::Replace) {
            context.project.committed_path(name).parent().map_or(Ok(()), |folder| check_links(context, folder))?;
        }
        let others = there.iter().filter(|(name, bytes)| self.texts.get(*name) != Some(bytes));
        let files: Vec<String> = others.map(|(name, _)| context.project.shown_file(name)).collect();
        if existing == ExistingFiles::Keep && !files.is_empty() {
            return Err(BundleError::ProjectExists { files }.into());
        }
        let named = || context.project.read_manifest().map(|manifest| manifest.extensions).unwrap_or_default();
        for (name, digest) in self.components() {
            let path = context.project.component_path(name);
            let found = match hash_component(&path)? {
                ComponentFile::Missing => continue,
                ComponentFile::Component { digest: found, .. } if found == digest => continue,
                ComponentFile::Component { digest: found, .. } => Some(found),
                ComponentFile::Other(_) | ComponentFile::TooLarge(_) => None,
            };
            // What is nowhere else, and was never ours to replace, is not lost.
            let source = ComponentSource::Path(name.to_owned());
            let is_ours = |found: Digest| {
                Blobs::new(&context.paths).read(found).is_ok()
                    || named().values().any(|extension| extension.source == source)
            };
            if existing == ExistingFiles::Keep || !found.is_some_and(is_ours) {
                return Err(BundleError::ComponentExists(path).into());
            }
        }
        Ok(())
    }

    /// What differs between the bundle and what is there.
    pub(crate) fn changes(
        &self,
        context: &Context,
        there: &BTreeMap<String, Vec<u8>>,
    ) -> Result<ProjectChanges, Error> {
        let (mut written, mut replaced) = (Vec::new(), BTreeMap::new());
        for (name, digest) in self.components() {
            let found = digest_of(&context.project.component_path(name))?;
            if found != Some(digest) {
                replaced.extend(found.map(|found| (name.to_owned(), found)));
                written.push(name.to_owned());
            }
        }
        for (name, bytes) in &self.texts {
            let found = there.get(name);
            if found != Some(bytes) {
                replaced.extend(found.map(|found| (name.clone(), Digest::of(found))));
                written.push(name.clone());
            }
        }
        let removed = there.iter().filter(|(name, _)| !self.texts.contains_key(*name));
        let removed = removed.map(|(name, bytes)| (name.clone(), Digest::of(bytes))).collect();
        Ok(ProjectChanges { written, replaced, removed })
    }

    /// What the store has to take from the bundle.
    pub(crate) fn lacking(&self, context: &Context, bundle: &Bundle) -> Result<Vec<BlobDescriptor>, Error> {
        let needs: Vec<ExtensionNeeds> =
            self.lock.entries.iter().map(|(name, entry)| ExtensionNeeds::of_entry(name, entry)).collect();
        let wanted = needs.iter().flat_map(|need| &need.blobs).map(|blob| blob.digest).collect();
        let inventory = look(context, ScanRequest { blobs: wanted, ..ScanRequest::default() }, CacheUpdates::Leave)?;
        let (mut lacking, mut seen) = (Vec::new(), BTreeSet::new());
        for (need, blob) in needs.iter().flat_map(|need| need.blobs.iter().map(move |blob| (need, blob))) {
            if inventory.blobs.get(&blob.digest) == Some(&StoredState::Good) || !seen.insert(blob.digest) {
                continue;
            }
            if bundle.blob(blob.digest)?.is_none() {
                let source = BundleFault::NoBlob { digest: blob.digest, name: need.name.clone() };
                return Err(BundleError::Unusable { path: self.path.clone(), source }.into());
            }
            lacking.push(*blob);
        }
        Ok(lacking)
    }

    /// Writes and removes the files of the person's.
    pub(crate) fn write(
        &self,
        context: &Context,
        changes: &ProjectChanges,
        blobs: &Blobs,
        undo: &mut Undo,
    ) -> Result<(), Error> {
        let (project, components) = (&context.project, self.components().collect::<BTreeMap<_, _>>());
        for name in &changes.written {
            match (self.texts.get(name), components.get(name.as_str())) {
                (Some(text), _) => undo.write(&project.committed_path(name), text)?,
                (None, Some(component)) => undo.write(&project.component_path(name), &blobs.read(*component)?)?,
                (None, None) => return Err(Error::Bug("a file that is to be written is not in the bundle")),
            }
        }
        changes.removed.keys().try_for_each(|name| undo.remove(&project.committed_path(name)))
    }

    /// The components that the manifest takes from files, by their paths.
    fn components(&self) -> impl Iterator<Item = (&str, Digest)> {
        let paths = self.lock.entries.values().filter_map(|entry| match &entry.source {
            LockedSource::Path(path) => Some((path.as_str(), entry.component)),
            LockedSource::Oci { .. } => None,
        });
        paths.collect::<BTreeMap<_, _>>().into_iter()
    }

    pub(crate) fn lock_report(&self, context: &Context, outcome: LockOutcome) -> LockReport {
        LockReport {
            file: context.project.shown_lock(),
            outcome,
            stale: BTreeMap::new(),
            changes: Vec::new(),
            merged: BTreeMap::new(),
            extensions: self.lock.entries.len(),
            texts: None,
        }
    }
}

impl ProjectChanges {
    pub(crate) fn written(&self, context: &Context) -> Vec<String> {
        shown(context, &self.written)
    }

    pub(crate) fn removed(&self, context: &Context) -> Vec<String> {
        shown(context, self.removed.keys())
    }

    /// Those of the written that are there with other bytes.
    pub(crate) fn replaced(&self, context: &Context) -> Vec<String> {
        shown(context, self.replaced.keys())
    }
}

fn shown<'a>(context: &Context, names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    names.into_iter().map(|name| context.project.shown_file(name)).collect()
}

/// Refuses to write through a link below the folder of the manifest.
fn check_links(context: &Context, path: &Path) -> Result<(), Error> {
    let folder = context.project.manifest().parent().unwrap_or(Path::new("/"));
    let below = path.ancestors().take_while(|part| *part != folder);
    match below.filter(|part| part.is_symlink()).last() {
        Some(link) => Err(BundleError::LinkInTheWay { link: link.to_owned(), folder: folder.to_owned() }.into()),
        None => Ok(()),
    }
}

/// Problems of files that nobody can mend where they are.
fn without_help(mut problems: Vec<Problem>) -> Error {
    for problem in &mut problems {
        problem.help = None;
    }
    Error::Project(ProjectError::Problems(problems))
}
