//! What extensions may do, held against what they want: imports against grants, limits and sources against the machine's
//! policy. Granted folders are checked in [`folder_checks`](super::folder_checks).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::host::grants;
use crate::model::bounds::MAX_PROJECT_FILE;
use crate::model::capability::{Capability, all_grants};
use crate::model::fault::Fault;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{ComponentSource, Extension, Manifest};
use crate::model::name::ExtensionName;
use crate::model::plan::generation::ActiveExtension;
use crate::model::policy::{Policy, SourceRules};
use crate::model::reference::OciRepository;
use crate::model::report::warning::Warning;
use crate::ops::context::UserPaths;
use crate::ops::error::Error;
use crate::ops::error::lock::LockError;
use crate::ops::error::policy::{GrantPlace, PolicyError};
use crate::ops::project::files::read_file;

/// The extensions whose imports are not granted, or not there.
pub(crate) fn ungranted(manifest: &Manifest, lock: &Lock) -> Vec<(ExtensionName, Fault)> {
    let checked = lock.entries.iter().map(|(name, entry)| -> Result<(), Error> {
        check_offered(name.as_str(), &entry.imports)?;
        let wanted = manifest.extensions.get(name);
        let granted = wanted.map(|extension| extension.capabilities.clone()).unwrap_or_default();
        let capabilities = grants::capabilities(&entry.imports);
        let missing: Vec<Capability> =
            capabilities.into_iter().filter(|capability| !granted.contains_key(capability)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let place = grant_place(wanted);
        Err(PolicyError::NotGranted { name: name.to_string(), place, capabilities: missing }.into())
    });
    let faults = checked.zip(lock.entries.keys()).filter_map(|(result, name)| result.err().map(|error| (name, error)));
    faults.map(|(name, error)| (name.clone(), error.fault())).collect()
}

/// An error of some faults, if there are any.
pub(crate) fn fail_on_faults(mut faults: Vec<(ExtensionName, Fault)>) -> Result<(), Error> {
    faults.sort_by(|a, b| a.0.cmp(&b.0));
    if faults.is_empty() { Ok(()) } else { Err(LockError::Extensions { faults, changes: Vec::new() }.into()) }
}

/// Checks that the host has every imported interface.
pub(crate) fn check_offered(name: &str, imports: &BTreeSet<String>) -> Result<(), Error> {
    let refusals = grants::refused_imports(imports, &all_grants());
    if refusals.is_empty() { Ok(()) } else { Err(PolicyError::NotOffered { name: name.to_owned(), refusals }.into()) }
}

/// Warnings of grants that no import can use. They do no harm, but are most likely not what was meant.
pub(crate) fn unused_grant_warnings(manifest: &Manifest, lock: &Lock) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (name, extension) in &manifest.extensions {
        let Some(entry) = lock.entries.get(name) else { continue };
        let unused = grants::unused_grants(&entry.imports, &extension.capabilities);
        if !unused.is_empty() {
            warnings.push(Warning::UnusedGrants { extension: name.clone(), capabilities: unused });
        }
    }
    warnings
}

/// Lowers limits to what the machine allows, with a warning for each that was set higher.
pub(crate) fn apply_policy(policy: &Policy, manifest: &mut Manifest) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (name, extension) in &mut manifest.extensions {
        let wanted = extension.limits;
        extension.limits = wanted.at_most(&policy.max_limits);
        let asked = [
            (wanted.max_memory_mib, extension.limits.max_memory_mib, "max_memory_mib"),
            (wanted.max_fuel, extension.limits.max_fuel, "max_fuel"),
            (wanted.timeout_ms, extension.limits.timeout_ms, "timeout_ms"),
        ];
        for (declared, allowed, limit) in asked {
            if let (Some(declared), Some(allowed)) = (declared, allowed)
                && allowed < declared
            {
                warnings.push(Warning::LimitLowered { extension: name.clone(), limit, declared, allowed });
            }
        }
    }
    warnings
}

/// Checks that everything comes from where this machine lets extensions come from.
pub(crate) fn check_sources(rules: &SourceRules, manifest: &Manifest, lock: Option<&Lock>) -> Result<(), Error> {
    let wanted = manifest.extensions.iter();
    let wanted = wanted.filter_map(|(name, extension)| Some((name, extension.source.repository()?)));
    let locked = lock.into_iter().flat_map(|lock| &lock.entries).filter_map(|(name, entry)| match &entry.source {
        LockedSource::Oci { reference, .. } => Some((name, reference.without_revision())),
        LockedSource::Path(_) => None,
    });
    check_repositories(rules, wanted.chain(locked))
}

/// The same for extensions that were live, or are.
pub(crate) fn check_active_sources(rules: &SourceRules, extensions: &[ActiveExtension]) -> Result<(), Error> {
    let sources = extensions
        .iter()
        .filter_map(|extension| Some((&extension.name, extension.reference.as_ref()?.without_revision())));
    check_repositories(rules, sources)
}

fn check_repositories<'a>(
    rules: &SourceRules,
    repositories: impl Iterator<Item = (&'a ExtensionName, &'a OciRepository)>,
) -> Result<(), Error> {
    let mut faults = BTreeMap::new();
    for (name, repository) in repositories {
        if let Err(refusal) = rules.check(repository.registry(), &repository.name()) {
            faults.insert(name.clone(), Error::Registry(refusal.into()).fault());
        }
    }
    fail_on_faults(faults.into_iter().collect())
}

/// The files that [`read_policy`] reads, each of which may be absent.
pub(crate) fn policy_files(user: &UserPaths) -> impl Iterator<Item = PathBuf> {
    user.policies.iter().cloned().chain([host_file(user)])
}

/// The host's own configuration.
fn host_file(user: &UserPaths) -> PathBuf {
    user.configuration.join("config.toml")
}

/// What this machine allows at most, from the policy files that there are and the host's own configuration.
///
/// # Errors
/// [`PolicyError::Problems`] if one cannot be read.
pub fn read_policy(user: &UserPaths) -> Result<Policy, Error> {
    Ok(read_policies(user)?.into_iter().fold(Policy::default(), |all, (_, policy)| all.strictest(policy)))
}

/// The same, file by file.
///
/// # Errors
/// As [`read_policy`].
pub(crate) fn read_policies(user: &UserPaths) -> Result<Vec<(PathBuf, Policy)>, Error> {
    let read = |path: &Path| read_file(path, MAX_PROJECT_FILE as u64 + 1);
    let mut policies = Vec::new();
    for path in &user.policies {
        if let Some(bytes) = read(path)? {
            let folder = path.parent().unwrap_or(path);
            let policy = Policy::parse(&path.display().to_string(), folder, &bytes).map_err(PolicyError::Problems)?;
            policies.push((path.clone(), policy));
        }
    }
    let host = host_file(user);
    if let Some(bytes) = read(&host)? {
        let policy = Policy::parse_host(&host.display().to_string(), &bytes).map_err(PolicyError::Problems)?;
        policies.push((host, policy));
    }
    Ok(policies)
}

/// Where an extension is granted what it is granted.
fn grant_place(extension: Option<&Extension>) -> GrantPlace {
    let Some(extension) = extension else { return GrantPlace::Nowhere };
    GrantPlace::Entry {
        declared_at: extension.declared_at.clone(),
        form: extension.form,
        reference: match &extension.source {
            ComponentSource::Oci(reference) => Some(reference.clone()),
            _ => None,
        },
        grants_others: !extension.capabilities.is_empty(),
    }
}
