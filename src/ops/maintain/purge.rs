//! `purge`: removes every file of sesame's from this machine, once the person has seen them. Manifests, locks and policies are
//! the person's and stay, and so does what other programs have in the same folders.

use std::path::{Path, PathBuf};

use crate::model::report::maintain::gc::DiskUsage;
use crate::model::report::maintain::purge::{PurgeReport, PurgedKind, PurgedPart};
use crate::ops::context::Context;
use crate::ops::edit::consent::Consent;
use crate::ops::error::Error;
use crate::ops::error::edit::ConfirmedAction;
use crate::ops::error::profile::ProfileError;
use crate::ops::project::{DROP_INS, LOCK, MANIFEST};
use crate::ops::query::generations::check_idle;
use crate::ops::sync::options::WriteMode;
use crate::store::paths::StorePaths;
use crate::store::{self, generations, owner, trusted_files, write};

/// What to do.
pub struct PurgeOptions<'a> {
    pub mode: WriteMode,
    /// Files outside of the store that the program may have written, and what they are.
    pub others: Vec<(PathBuf, PurgedKind)>,
    /// Asked before anything is removed.
    pub consent: &'a dyn Fn(&PurgeReport) -> Consent,
}

/// Lists every file of sesame's on this machine, and removes it.
///
/// # Errors
/// [`ProfileError::InUse`] if extensions run, and those of a consent that is not given; then nothing is removed.
/// [`Error::Store`] if something cannot be removed.
pub fn purge(context: &Context, options: &PurgeOptions<'_>) -> Result<PurgeReport, Error> {
    let paths = &context.paths;
    owner::check_store_owner(paths)?;
    let report = find(context, options)?;
    if options.mode == WriteMode::Preview || report.parts.is_empty() {
        return Ok(report);
    }
    (options.consent)(&report).require(ConfirmedAction::Purge)?;
    let _guard = context.lock_store()?;
    let profiles = generations::profiles(paths)?;
    profiles.iter().try_for_each(|profile| check_idle(paths, profile))?;
    // What is active goes first, so that nothing is left that names what is gone.
    for profile in profiles {
        if !generations::delete_profile(paths, &profile)? {
            return Err(ProfileError::Running { profile }.into());
        }
    }
    for (path, _) in parts(paths) {
        write::remove_tree(&path)?;
    }
    for (path, _) in &options.others {
        write::remove(path)?;
    }
    for folder in [&paths.data, &paths.cache, &paths.state] {
        write::remove_empty_folder(folder)?;
    }
    Ok(report)
}

/// Where sesame has files, in the order in which they are removed.
fn parts(paths: &StorePaths) -> Vec<(PathBuf, PurgedKind)> {
    vec![
        (paths.profiles(), PurgedKind::Profiles),
        (paths.blobs_folder(), PurgedKind::Blobs),
        (paths.staging(), PurgedKind::Staging),
        (paths.quarantine(), PurgedKind::Quarantine),
        (paths.codes(), PurgedKind::CompiledCode),
        (paths.functions(), PurgedKind::CompiledFunctions),
        (paths.noop_records(), PurgedKind::Records),
        (paths.verified(), PurgedKind::Records),
        (paths.key(), PurgedKind::Key),
        (paths.logs(), PurgedKind::Logs),
        (paths.host_log(), PurgedKind::HostLog),
        (paths.old_host_log(), PurgedKind::HostLog),
        (paths.audit(), PurgedKind::AuditLog),
        (paths.store_lock(), PurgedKind::StoreLock),
    ]
}

fn find(context: &Context, options: &PurgeOptions<'_>) -> Result<PurgeReport, Error> {
    let own = parts(&context.paths);
    let others = options.others.iter().cloned();
    let mut found = Vec::new();
    for (path, what) in own.into_iter().chain(others) {
        if path.symlink_metadata().is_err() {
            continue;
        }
        let mut files = Vec::new();
        let bytes = collect_files(&path, &mut files)?;
        let size = DiskUsage { files: files.len() as u64, bytes };
        found.push(PurgedPart { path: path.display().to_string(), what, size, files });
    }
    Ok(PurgeReport { dry_run: options.mode == WriteMode::Preview, parts: found, kept: kept(context) })
}

/// Adds every file at or below a path; gives their size in bytes. Follows no links.
fn collect_files(path: &Path, files: &mut Vec<String>) -> Result<u64, Error> {
    let metadata = path.symlink_metadata().map_err(store::Error::io("look at", path))?;
    if !metadata.is_dir() {
        files.push(path.display().to_string());
        return Ok(metadata.len());
    }
    let mut inside: Vec<PathBuf> = trusted_files::entries(path)?.into_iter().map(|entry| entry.path()).collect();
    inside.sort();
    inside.iter().try_fold(0, |bytes, path| Ok(bytes + collect_files(path, files)?))
}

/// The person's own files: in the configuration folder, and the manifests that have made what is active.
fn kept(context: &Context) -> Vec<String> {
    let configuration = &context.user.configuration;
    let mut kept: Vec<PathBuf> =
        [MANIFEST, LOCK, DROP_INS, "policy.toml", "host.toml"].iter().map(|name| configuration.join(name)).collect();
    for profile in generations::profiles(&context.paths).unwrap_or_default() {
        let active = generations::active_generation(&context.paths, &profile).ok().flatten();
        kept.extend(active.map(|(_, active)| active.manifest.as_path().to_owned()));
    }
    kept.sort();
    kept.dedup();
    let exists = |path: &&PathBuf| path.symlink_metadata().is_ok();
    kept.iter().filter(exists).map(|path: &PathBuf| Path::display(path).to_string()).collect()
}
