//! `bundle import`: makes the desired state of a bundle this machine's, from the bundle alone.
//!
//! A bundle may come from anybody. Its files are written under the names that a project has and no others, below the folder
//! of the manifest and through no link, its blobs are admitted by digest, and every file and what it grants are shown before
//! anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::capability;
use crate::model::digest::Digest;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{ComponentSource, DropIn, Manifest, ManifestSource};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::ExtensionNeeds;
use crate::model::plan::inventory::StoredState;
use crate::model::plan::step::BlobDescriptor;
use crate::model::report::bundle::ImportReport;
use crate::model::report::sync::{LockOutcome, LockReport, SyncReport};
use crate::model::toml::problem::Problem;
use crate::ops::context::Context;
use crate::ops::edit::consent::Consent;
use crate::ops::edit::transaction::{activate, all_or_nothing, check_profile_manifest};
use crate::ops::edit::undo::Undo;
use crate::ops::error::Error;
use crate::ops::error::bundle::BundleError;
use crate::ops::error::edit::EditError;
use crate::ops::error::profile::ProfileError;
use crate::ops::error::project::ProjectError;
use crate::ops::policy::checks::{check_sources, read_policy};
use crate::ops::project::files::{ComponentFile, digest_of, hash_component};
use crate::ops::project::{DROP_INS, LOCK, MANIFEST};
use crate::registry::Error as Registry;
use crate::registry::layout::bundle::Bundle;
use crate::registry::source::selection::NetworkMode;
use crate::store;
use crate::store::blobs::Blobs;
use crate::store::integrity::scan::{CacheUpdates, ScanRequest, scan};

use super::export::is_carried;

/// What to do where extensions are named already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingFiles {
    /// Refuse, unless they are named by the very same files.
    Keep,
    /// Put the bundle's files in the place of those that are there.
    Replace,
}

/// What to import.
pub struct ImportOptions<'a> {
    /// The archive or folder.
    pub bundle: PathBuf,
    pub existing: ExistingFiles,
    /// Asked when anything is to be written.
    pub consent: &'a dyn Fn(&BundleConsentRequest<'_>) -> Consent,
    /// Instead of the manifest's profile.
    pub profile: Option<ProfileName>,
}

/// What a bundle brings and grants.
#[derive(Debug)]
pub struct BundleConsentRequest<'a> {
    pub bundle: &'a Path,
    /// Where its files are to be written.
    pub folder: String,
    pub extensions: Vec<BundledExtension>,
    /// The files that are to be written, components among them.
    pub files: Vec<String>,
    /// The files that are there and are replaced by those of the bundle.
    pub replaced: Vec<String>,
    /// The files that are there and are removed.
    pub removed: Vec<String>,
}

/// An extension of a bundle.
#[derive(Debug)]
pub struct BundledExtension {
    pub name: ExtensionName,
    /// The reference, or the path.
    pub source: String,
    /// What it is granted, each as it is written after `--grant`.
    pub grants: Vec<String>,
}

/// Writes the bundle's files into the context's project, takes its blobs into the store and makes the set live. No registry
/// is asked.
///
/// # Errors
/// [`BundleError::ProjectExists`] if other files name extensions there already; [`BundleError::NoConsent`] if there is nobody to
/// ask; [`BundleError::Unusable`] if it contradicts itself or lacks something; [`BundleError::LinkInTheWay`] if a link would lead what is
/// written elsewhere. Then the files and the live set are as before.
pub fn import(context: &Context, import: &ImportOptions<'_>) -> Result<ImportReport, Error> {
    let context = &Context { network_mode: NetworkMode::Offline, ..context.clone() };
    if !import.bundle.exists() {
        return Err(ProjectError::NoSuchFile(import.bundle.clone()).into());
    }
    let bundle = Bundle::open(&import.bundle)?;
    let set = BundledSet::read(context, import, &bundle)?;
    check_sources(&read_policy(&context.user)?.sources, &set.manifest, Some(&set.lock))?;
    check_profile_manifest(context, import.profile.as_ref(), &set.manifest).map_err(|error| match error {
        // There is no manifest yet that could take it over.
        Error::Profile(ProfileError::OtherManifest { profile, made_by, .. }) => {
            Error::Profile(ProfileError::Taken { profile, made_by })
        }
        error => error,
    })?;
    let there = context.project.read_committed()?;
    set.check_existing(context, import.existing, &there)?;
    set.lacking(context, import, &bundle)?;
    let agreed = set.changes(context, &there)?;
    set.request_import_consent(context, import, &agreed)?;
    // Somebody else may have worked on the store and the files while the person thought.
    let _guard = context.lock_store()?;
    let blobs = Blobs::new(&context.paths);
    let lacking = set.lacking(context, import, &bundle)?;
    for blob in &lacking {
        if context.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        let bytes = bundle.blob(blob.digest)?.ok_or(Error::Bug("a blob of the bundle is gone"))?;
        blobs.put_from_reader(bytes, &import.bundle, blob).map_err(|error| bad_blob(&import.bundle, error))?;
    }
    all_or_nothing(context, |undo| {
        let there = context.project.read_committed()?;
        set.check_existing(context, import.existing, &there)?;
        if set.changes(context, &there)? != agreed {
            let [folder, _] = context.project.folders();
            return Err(EditError::ChangedMeanwhile(folder).into());
        }
        set.write(context, &agreed, &blobs, undo)?;
        let outcome =
            if there.get(LOCK) == set.texts.get(LOCK) { LockOutcome::Satisfied } else { LockOutcome::Written };
        let lock = Some(set.lock_report(context, outcome));
        let sync = SyncReport { lock, ..activate(context, import.profile.as_ref())? };
        let (name, digest) = (import.bundle.display().to_string(), bundle.digest());
        let (files, removed) = (agreed.written(context), agreed.removed(context));
        Ok(ImportReport { bundle: name, digest, files, removed, blobs: lacking.len(), sync })
    })
}

/// What an import changes of the files of a project, each by its name there.
#[derive(PartialEq, Eq)]
struct ProjectChanges {
    /// Components first, so that none is named that is not there.
    written: Vec<String>,
    /// Those of the written that are there with other bytes, and which.
    replaced: BTreeMap<String, Digest>,
    /// Manifests that the bundle does not have, and their bytes.
    removed: BTreeMap<String, Digest>,
}

impl ProjectChanges {
    fn written(&self, context: &Context) -> Vec<String> {
        shown(context, &self.written)
    }

    fn removed(&self, context: &Context) -> Vec<String> {
        shown(context, self.removed.keys())
    }
}

fn shown<'a>(context: &Context, names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    names.into_iter().map(|name| context.project.shown_file(name)).collect()
}

/// The desired state of a bundle, and its lock.
struct BundledSet {
    texts: BTreeMap<String, Vec<u8>>,
    manifest: Manifest,
    lock: Lock,
}

impl BundledSet {
    /// Reads the bundle's texts and holds them against each other.
    fn read(context: &Context, import: &ImportOptions<'_>, bundle: &Bundle) -> Result<Self, Error> {
        let bad = |why: String| Error::Bundle(BundleError::Unusable { path: import.bundle.clone(), why });
        let texts = bundle.project_files()?;
        let lacks = |name: &str| bad(format!("it has no {name}"));
        let text = |name: &str| texts.get(name).cloned().ok_or_else(|| lacks(name));
        let file = |name: &str| format!("{name} of the bundle");
        let project = context.project.manifest().parent().unwrap_or(Path::new("/"));
        let mut drop_ins = Vec::new();
        for (name, bytes) in texts.iter().filter(|(name, _)| ![MANIFEST, LOCK].contains(&name.as_str())) {
            let stem = name.strip_prefix(DROP_INS).and_then(|name| name.strip_prefix('/')?.strip_suffix(".toml"));
            let stem = stem.filter(|stem| stem.parse::<ExtensionName>().is_ok());
            let stem = stem.ok_or_else(|| bad(format!("it has a file `{name}`, which no project has")))?.to_owned();
            let source = ManifestSource { file: file(name), folder: project.join(DROP_INS), bytes: bytes.clone() };
            drop_ins.push(DropIn { stem, source });
        }
        let main = ManifestSource { file: file(MANIFEST), folder: project.to_owned(), bytes: text(MANIFEST)? };
        let manifest = Manifest::parse(&main, &drop_ins).map_err(without_help)?;
        let lock = Lock::parse(&file(LOCK), &text(LOCK)?).map_err(without_help)?;
        let mut files = BTreeMap::new();
        for (name, entry) in &lock.entries {
            let LockedSource::Path(path) = &entry.source else { continue };
            if !is_carried(path) {
                return Err(bad(format!("it would write the component of `{name}` to {path}")));
            }
            if files.insert(path.clone(), entry.component).is_some_and(|other| other != entry.component) {
                return Err(bad(format!("it has two components for {path}")));
            }
        }
        match lock.staleness(&manifest, &files).keys().next() {
            Some(name) => Err(bad(format!("its lock is not that of its manifest: look at `{name}`"))),
            None => Ok(Self { texts, manifest, lock }),
        }
    }

    /// Refuses to write over what somebody else has written.
    fn check_existing(
        &self,
        context: &Context,
        existing: ExistingFiles,
        there: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Error> {
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
    fn changes(&self, context: &Context, there: &BTreeMap<String, Vec<u8>>) -> Result<ProjectChanges, Error> {
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
    fn lacking(
        &self,
        context: &Context,
        import: &ImportOptions<'_>,
        bundle: &Bundle,
    ) -> Result<Vec<BlobDescriptor>, Error> {
        let needs: Vec<ExtensionNeeds> =
            self.lock.entries.iter().map(|(name, entry)| ExtensionNeeds::of_entry(name, entry)).collect();
        let wanted = needs.iter().flat_map(|need| &need.blobs).map(|blob| blob.digest).collect();
        let inventory = scan(
            &context.paths,
            ScanRequest { blobs: wanted, ..ScanRequest::default() },
            CacheUpdates::Leave,
            context.clock,
        )?;
        let (mut lacking, mut seen) = (Vec::new(), BTreeSet::new());
        for (need, blob) in needs.iter().flat_map(|need| need.blobs.iter().map(move |blob| (need, blob))) {
            if inventory.blobs.get(&blob.digest) == Some(&StoredState::Good) || !seen.insert(blob.digest) {
                continue;
            }
            if bundle.blob(blob.digest)?.is_none() {
                let why = format!("it lacks {}, which `{}` needs", blob.digest, need.name);
                return Err(BundleError::Unusable { path: import.bundle.clone(), why }.into());
            }
            lacking.push(*blob);
        }
        Ok(lacking)
    }

    /// Asks whether the files may be written, and the extensions may have what the bundle grants them.
    fn request_import_consent(
        &self,
        context: &Context,
        import: &ImportOptions<'_>,
        changes: &ProjectChanges,
    ) -> Result<(), Error> {
        let extensions = self.manifest.extensions.iter().map(|(name, extension)| BundledExtension {
            name: name.clone(),
            source: extension.source.to_string(),
            grants: capability::format_grants(&extension.capabilities),
        });
        let asks = BundleConsentRequest {
            bundle: &import.bundle,
            folder: context.project.shown_folder(),
            extensions: extensions.collect(),
            files: changes.written(context),
            replaced: shown(context, changes.replaced.keys()),
            removed: changes.removed(context),
        };
        if asks.files.is_empty() && asks.removed.is_empty() {
            return Ok(());
        }
        match (import.consent)(&asks) {
            Consent::Granted => Ok(()),
            Consent::Refused => Err(BundleError::Declined.into()),
            Consent::NoPrompt => {
                let granted = asks.extensions.iter().filter(|extension| !extension.grants.is_empty());
                let grants =
                    granted.map(|extension| format!("{} to `{}`", extension.grants.join(", "), extension.name));
                Err(BundleError::NoConsent { files: asks.files, removed: asks.removed, grants: grants.collect() }
                    .into())
            }
            Consent::Interrupted => Err(Error::Interrupted),
        }
    }

    /// Writes and removes the files of the person's.
    fn write(&self, context: &Context, changes: &ProjectChanges, blobs: &Blobs, undo: &mut Undo) -> Result<(), Error> {
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

    fn lock_report(&self, context: &Context, outcome: LockOutcome) -> LockReport {
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

/// Refuses to write through a link below the folder of the manifest.
fn check_links(context: &Context, path: &Path) -> Result<(), Error> {
    let folder = context.project.manifest().parent().unwrap_or(Path::new("/"));
    let below = path.ancestors().take_while(|part| *part != folder);
    match below.filter(|part| part.is_symlink()).last() {
        Some(link) => Err(BundleError::LinkInTheWay { link: link.to_owned(), folder: folder.to_owned() }.into()),
        None => Ok(()),
    }
}

/// Says which bundle it is that has such a blob.
fn bad_blob(bundle: &Path, error: store::Error) -> Error {
    let path = bundle.to_owned();
    match error {
        store::Error::WrongDigest { expected, found } => Registry::DamagedBundle { path, expected, found }.into(),
        store::Error::WrongSize { digest, expected, found } => {
            let why = format!("{digest} has {found} bytes in it, and {expected} by its lock");
            Error::Bundle(BundleError::Unusable { path, why })
        }
        store::Error::NotAComponent { .. } => Error::Bundle(BundleError::Unusable { path, why: error.to_string() }),
        error => error.into(),
    }
}

/// Problems of files that nobody can mend where they are.
fn without_help(mut problems: Vec<Problem>) -> Error {
    for problem in &mut problems {
        problem.help = None;
    }
    Error::Project(ProjectError::Problems(problems))
}
