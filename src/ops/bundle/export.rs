//! `bundle export`: a desired state, its lock, and all that the lock needs, in one file or folder for a machine without a
//! network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Component, Path};

use crate::model::bounds::MAX_COMPONENT;
use crate::model::digest::Digest;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::Manifest;
use crate::model::plan::{ExtensionNeeds, Plan};
use crate::model::report::bundle::ExportReport;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::bundle::BundleError;
use crate::ops::error::edit::EditError;
use crate::ops::error::lock::LockError;
use crate::ops::error::project::ProjectError;
use crate::ops::policy::checks::fail_on_faults;
use crate::ops::policy::registries;
use crate::ops::project::LOCK;
use crate::ops::project::files::read_file;
use crate::ops::sync::apply::{ApplyContext, apply_collecting_faults};
use crate::ops::sync::observe::{look, stale_entries};
use crate::registry::layout::MARKER;
use crate::registry::layout::bundle::{Bundle, BundleManifest, EMPTY_CONFIG, render};
use crate::registry::layout::reader::{blob_name, is_archive, tar_header};
use crate::store::blobs::Blobs;
use crate::store::integrity::scan::{CacheUpdates, ScanRequest};
use crate::store::{self, write};

/// Writes the bundle of a project whose lock is current. What the store lacks is fetched into it first.
///
/// # Errors
/// [`LockError::NoLock`], [`LockError::Stale`]; [`BundleError::OutsideFile`] and
/// [`BundleError::UncarriedFile`] for a component that the other machine has no place for;
/// [`LockError::Extensions`] with all that cannot be fetched; [`BundleError::Path`] for what is neither `FILE.tar` nor a folder.
pub fn export(context: &Context, to: &Path) -> Result<ExportReport, Error> {
    check_path(to)?;
    // Nobody collects what is being copied, or changes what is being read.
    let _guard = context.lock_store()?;
    let committed = context.project.read_committed()?;
    let manifest = context.project.read_manifest()?;
    let lock = context.project.read_lock()?.ok_or_else(|| context.project.no_lock())?;
    let stale = stale_entries(context, &manifest, &lock)?;
    if !stale.is_empty() {
        return Err(LockError::Stale { lock: context.project.shown_lock(), stale: stale.into_iter().collect() }.into());
    }
    check_files(&lock)?;
    fetch(context, &manifest, &lock)?;
    if context.project.read_committed()? != committed {
        return Err(EditError::ChangedMeanwhile(context.project.manifest().to_owned()).into());
    }
    let mut texts = committed;
    texts.insert(LOCK.to_owned(), lock.render().into_bytes());
    let blobs = Blobs::new(&context.paths);
    let mut documents = BTreeMap::new();
    for digest in lock.entries.values().flat_map(|entry| entry.source.manifest_digests()) {
        documents.insert(digest, blobs.read(digest)?.len() as u64);
    }
    let components = lock.entries.values().map(|entry| (entry.component, entry.size)).collect();
    let contents = BundleContents { rendered: render(&texts, &documents, &components), texts, documents, components };
    let written = if is_archive(to) {
        write_archive(context, to, &contents, &blobs)?;
        contents.size()
    } else {
        write_folder(context, to, &contents, &blobs)?
    };
    Ok(ExportReport {
        bundle: to.display().to_string(),
        digest: Digest::of(&contents.rendered.manifest),
        extensions: lock.entries.len(),
        blobs: contents.documents.len() + contents.components.len(),
        size: contents.size(),
        written,
    })
}

/// All that is in a bundle.
struct BundleContents {
    rendered: BundleManifest,
    texts: BTreeMap<String, Vec<u8>>,
    documents: BTreeMap<Digest, u64>,
    components: BTreeMap<Digest, u64>,
}

impl BundleContents {
    /// What is in memory, by its digest.
    fn made(&self) -> BTreeMap<Digest, &[u8]> {
        let texts = self.texts.values().map(Vec::as_slice);
        texts.chain([EMPTY_CONFIG, &self.rendered.manifest]).map(|bytes| (Digest::of(bytes), bytes)).collect()
    }

    /// What the store has.
    fn stored(&self) -> impl Iterator<Item = Digest> {
        self.documents.keys().chain(self.components.keys()).copied()
    }

    /// Every blob, sorted.
    fn digests(&self) -> BTreeSet<Digest> {
        self.stored().chain(self.made().into_keys()).collect()
    }

    fn size(&self) -> u64 {
        let made: usize = self.made().values().map(|bytes| bytes.len()).sum();
        let stored: u64 = self.documents.values().chain(self.components.values()).sum();
        made as u64 + stored + (self.rendered.index.len() + MARKER.len()) as u64
    }
}

/// Refuses a name that promises an archive of another kind, where a folder would surprise, and a file that is something else.
fn check_path(to: &Path) -> Result<(), Error> {
    let is_other = |extension: &std::ffi::OsStr| {
        ["gz", "tgz", "xz", "txz", "zst", "bz2", "zip"].iter().any(|other| extension.eq_ignore_ascii_case(other))
    };
    let (is_folder, is_file) = (to.is_dir(), to.is_file());
    if !is_folder && (to.extension().is_some_and(is_other) || is_file && !is_archive(to)) {
        return Err(BundleError::Path(to.to_owned()).into());
    }
    if is_file && !Bundle::open(to).is_ok_and(|bundle| bundle.is_alone()) {
        return Err(BundleError::Taken(to.to_owned()).into());
    }
    Ok(())
}

/// Refuses components for which the other machine has no place.
fn check_files(lock: &Lock) -> Result<(), Error> {
    let outside = lock.entries.iter().filter_map(|(name, entry)| match &entry.source {
        LockedSource::Path(path) if !is_carried(path) => Some((name, path)),
        _ => None,
    });
    let faults = outside.map(|(extension, file)| {
        let (name, path) = (extension.clone(), file.into());
        let error = Error::Bundle(match is_inside(file) {
            true => BundleError::UncarriedFile { name, path },
            false => BundleError::OutsideFile { name, path },
        });
        (extension.clone(), error.fault())
    });
    fail_on_faults(faults.collect())
}

/// Whether a component's path in a lock stays below the folder of the manifest.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Whether a bundle may have a component of this path: below the folder of the manifest, and nothing that another program
/// would take for its own, such as a makefile, or what stands in a hidden folder.
pub(crate) fn is_carried(path: &str) -> bool {
    is_inside(path) && path.ends_with(".wasm") && path.split('/').all(|part| !part.starts_with('.'))
}

/// Gets into the store what it lacks.
fn fetch(context: &Context, manifest: &Manifest, lock: &Lock) -> Result<(), Error> {
    let needs: Vec<ExtensionNeeds> =
        lock.entries.iter().map(|(name, entry)| ExtensionNeeds::of_entry(name, entry)).collect();
    let wanted = needs.iter().flat_map(|need| &need.blobs).map(|blob| blob.digest).collect();
    let inventory = look(context, ScanRequest { blobs: wanted, ..ScanRequest::default() }, CacheUpdates::Leave)?;
    let plan = Plan::for_needs(&needs, &inventory);
    if plan.is_empty() {
        return Ok(());
    }
    let registry = registries::source_selector(context, &manifest.registries)?;
    fail_on_faults(apply_collecting_faults(
        &ApplyContext::new(context, Some(&registry), &Blobs::new(&context.paths), None),
        &plan,
    )?)
}

/// Writes the archive, which gets its name when it is whole.
fn write_archive(context: &Context, to: &Path, contents: &BundleContents, blobs: &Blobs) -> Result<(), Error> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    write::user_files::refuse_special_file(to)?;
    let unfinished = write::user_files::begin_user_file(folder)?;
    let failed = |error: std::io::Error| Error::from(store::Error::io("write", to)(error));
    let mut archive = tar::Builder::new(std::io::BufWriter::with_capacity(1 << 20, unfinished.open()?));
    let mut add = |name: &str, bytes: &[u8]| archive.append(&tar_header(name, bytes.len() as u64)?, bytes);
    let made = contents.made();
    for digest in contents.digests() {
        if context.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        match made.get(&digest) {
            Some(bytes) => add(&blob_name(digest), bytes).map_err(failed)?,
            None => add(&blob_name(digest), &blobs.read(digest)?).map_err(failed)?,
        }
    }
    add("index.json", &contents.rendered.index).map_err(failed)?;
    add("oci-layout", MARKER.as_bytes()).map_err(failed)?;
    archive.into_inner().and_then(|mut file| file.flush()).map_err(failed)?;
    Ok(unfinished.finish_user_file(to)?)
}

/// Writes the folder, or what it lacks of a bundle that is in it already. Gives how many bytes were written.
fn write_folder(context: &Context, to: &Path, contents: &BundleContents, blobs: &Blobs) -> Result<u64, Error> {
    write::sweep(to)?;
    if !write::user_files::is_empty_or_absent(to)? {
        match Bundle::open(to) {
            Ok(bundle) if bundle.is_alone() => {}
            Err(_) if is_begun(to)? => {}
            _ => return Err(BundleError::Taken(to.to_owned()).into()),
        }
    }
    let stored = to.join("blobs").join("sha256");
    write::user_files::create_user_folder(to)?;
    write::sweep(&stored)?;
    let mut written = 0;
    let mut put = |name: &str, bytes: &[u8]| -> Result<(), Error> {
        if context.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        let path = to.join(name);
        if read_file(&path, MAX_COMPONENT)?.is_none_or(|found| found != bytes) {
            write::user_files::put_user_file(&path, bytes)?;
            written += bytes.len() as u64;
        }
        Ok(())
    };
    // The marker comes first: with it, what an interrupted export has left is a layout, and can be gone on with.
    put("oci-layout", MARKER.as_bytes())?;
    write::user_files::create_user_folder(&stored)?;
    for digest in contents.stored() {
        put(&blob_name(digest), &blobs.read(digest)?)?;
    }
    for (digest, bytes) in contents.made() {
        put(&blob_name(digest), bytes)?;
    }
    put("index.json", &contents.rendered.index)?;
    let kept = contents.digests();
    let unread = |source| Error::Project(ProjectError::Read { path: stored.clone(), source });
    for entry in fs::read_dir(&stored).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let digest = format!("sha256:{}", entry.file_name().to_string_lossy()).parse::<Digest>();
        if digest.is_ok_and(|digest| !kept.contains(&digest)) {
            write::remove(&entry.path())?;
        }
    }
    Ok(written)
}

/// Whether a folder is what an interrupted export has left: a layout without an index.
fn is_begun(folder: &Path) -> Result<bool, Error> {
    let [marker, index] = ["oci-layout", "index.json"].map(|name| read_file(&folder.join(name), 1 << 10));
    Ok(marker?.is_some_and(|marker| marker == MARKER.as_bytes()) && index?.is_none())
}
