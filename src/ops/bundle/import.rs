//! `bundle import`: makes the desired state of a bundle this machine's, from the bundle alone.
//!
//! A bundle may come from anybody. Its files are written under the names that a project has and no others, below the folder
//! of the manifest and through no link, its blobs are admitted by digest, and every file and what it grants are shown before
//! anything is written.

use std::path::{Path, PathBuf};

use crate::model::capability;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::report::bundle::ImportReport;
use crate::model::report::sync::{LockOutcome, SyncReport};
use crate::ops::bundle::bundled_set::{BundledSet, ExistingFiles, ProjectChanges};
use crate::ops::context::Context;
use crate::ops::edit::consent::Consent;
use crate::ops::edit::transaction::{activate, all_or_nothing, check_profile_manifest};
use crate::ops::error::Error;
use crate::ops::error::bundle::{BundleError, BundleFault};
use crate::ops::error::edit::EditError;
use crate::ops::error::profile::ProfileError;
use crate::ops::error::project::ProjectError;
use crate::ops::policy::checks::{check_manifest, read_policy};
use crate::ops::project::LOCK;
use crate::registry::Error as Registry;
use crate::registry::layout::bundle::Bundle;
use crate::registry::source::selection::NetworkMode;
use crate::store;
use crate::store::blobs::Blobs;

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
    let set = BundledSet::read(context, &import.bundle, &bundle)?;
    check_manifest(&read_policy(&context.user)?, &set.manifest, Some(&set.lock))?;
    check_profile_manifest(context, import.profile.as_ref(), &set.manifest).map_err(|error| match error {
        // There is no manifest yet that could take it over.
        Error::Profile(ProfileError::OtherManifest { profile, made_by, .. }) => {
            Error::Profile(ProfileError::Taken { profile, made_by })
        }
        error => error,
    })?;
    let there = context.project.read_committed()?;
    set.check_existing(context, import.existing, &there)?;
    set.lacking(context, &bundle)?;
    let agreed = set.changes(context, &there)?;
    request_import_consent(context, import, &set, &agreed)?;
    // Somebody else may have worked on the store and the files while the person thought.
    let _guard = context.lock_store()?;
    let blobs = Blobs::new(&context.paths);
    let lacking = set.lacking(context, &bundle)?;
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

/// Asks whether the files may be written, and the extensions may have what the bundle grants them.
fn request_import_consent(
    context: &Context,
    import: &ImportOptions<'_>,
    set: &BundledSet,
    changes: &ProjectChanges,
) -> Result<(), Error> {
    let extensions = set.manifest.extensions.iter().map(|(name, extension)| BundledExtension {
        name: name.clone(),
        source: extension.source.to_string(),
        grants: capability::grant::format_grants(&extension.capabilities),
    });
    let asks = BundleConsentRequest {
        bundle: &import.bundle,
        folder: context.project.shown_folder(),
        extensions: extensions.collect(),
        files: changes.written(context),
        replaced: changes.replaced(context),
        removed: changes.removed(context),
    };
    if asks.files.is_empty() && asks.removed.is_empty() {
        return Ok(());
    }
    match (import.consent)(&asks) {
        Consent::Granted(()) => Ok(()),
        Consent::Refused => Err(BundleError::Declined.into()),
        Consent::NoPrompt => {
            let granted = asks.extensions.iter().filter(|extension| !extension.grants.is_empty());
            let grants = granted.map(|extension| format!("{} to `{}`", extension.grants.join(", "), extension.name));
            Err(BundleError::NoConsent { files: asks.files, removed: asks.removed, grants: grants.collect() }.into())
        }
        Consent::Interrupted => Err(Error::Interrupted),
    }
}

/// Says which bundle it is that has such a blob.
fn bad_blob(bundle: &Path, error: store::Error) -> Error {
    let path = bundle.to_owned();
    match error {
        store::Error::WrongDigest { expected, found } => Registry::DamagedBundle { path, expected, found }.into(),
        store::Error::WrongSize { digest, expected, found } => {
            BundleError::Unusable { path, source: BundleFault::OtherSize { digest, expected, found } }.into()
        }
        store::Error::NotAComponent { digest, kind } => {
            BundleError::Unusable { path, source: BundleFault::NotAComponent { digest, kind } }.into()
        }
        error => error.into(),
    }
}
