//! What extensions may do, held against what they want: imports against grants, limits and sources against the machine's
//! policy. Granted folders are checked in [`folder_checks`](super::folder_checks).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::host::grants;
use crate::model::bounds::MAX_PROJECT_FILE;
use crate::model::capability::{Capability, Grants, Scope, all_grants};
use crate::model::fault::Fault;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{Extension, Manifest};
use crate::model::name::ExtensionName;
use crate::model::plan::generation::ActiveExtension;
use crate::model::policy::Policy;
use crate::model::reference::{OciReference, OciRepository};
use crate::model::report::warning::Warning;
use crate::ops::context::UserPaths;
use crate::ops::error::Error;
use crate::ops::error::lock::LockError;
use crate::ops::error::policy::{GrantPlace, PolicyError};
use crate::ops::project::files::read_file;

/// The extensions whose imports are not granted, not there, or denied by a policy.
pub(crate) fn ungranted(policy: &Policy, manifest: &Manifest, lock: &Lock) -> Vec<(ExtensionName, Fault)> {
    let checked = lock.entries.iter().map(|(name, entry)| -> Result<(), Error> {
        check_offered(name.as_str(), &entry.imports)?;
        let wanted = manifest.extensions.get(name);
        let granted: Vec<&Grants> = wanted.iter().map(|extension| &extension.capabilities).collect();
        let missing = grants::missing(&entry.imports, &granted);
        if missing.is_empty() {
            return Ok(());
        }
        check_grants(policy, name.as_str(), &whole(&missing))?;
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

/// Checks that a policy allows every source and every grant.
///
/// # Errors
/// [`LockError::Extensions`] with each extension that has a source or a grant that it forbids.
pub(crate) fn check_manifest(policy: &Policy, manifest: &Manifest, lock: Option<&Lock>) -> Result<(), Error> {
    let wanted = manifest.extensions.iter();
    let wanted = wanted.filter_map(|(name, extension)| Some((name, extension.source.repository()?)));
    let locked = lock.into_iter().flat_map(|lock| &lock.entries).filter_map(|(name, entry)| match &entry.source {
        LockedSource::Oci { reference, .. } => Some((name, reference.without_revision())),
        LockedSource::Path(_) => None,
    });
    let granted = manifest.extensions.iter().map(|(name, extension)| (name, &extension.capabilities));
    check_rules(policy, wanted.chain(locked), granted)
}

/// The same for extensions that are active, or were.
///
/// # Errors
/// As [`check_manifest`].
pub(crate) fn check_active(policy: &Policy, extensions: &[ActiveExtension]) -> Result<(), Error> {
    let sources = extensions
        .iter()
        .filter_map(|extension| Some((&extension.name, extension.reference.as_ref()?.without_revision())));
    check_rules(policy, sources, extensions.iter().map(|extension| (&extension.name, &extension.capabilities)))
}

/// Checks that a policy allows one source, if it is a repository, and some grants.
///
/// # Errors
/// [`registry::Error`](crate::registry::Error) if it forbids the source, [`PolicyError::Denied`] if it denies a grant.
pub(crate) fn check_rule(
    policy: &Policy,
    name: &str,
    repository: Option<&OciRepository>,
    grants: &Grants,
) -> Result<(), Error> {
    if let Some(repository) = repository {
        check_source(policy, repository)?;
    }
    check_grants(policy, name, grants)
}

/// Checks that a policy allows an extension of a generation as it was activated: its source, its grants, and the way in which its code
/// is compiled.
///
/// # Errors
/// As [`check_rule`] and [`check_metering`].
pub(crate) fn check_loadable(policy: &Policy, extension: &ActiveExtension) -> Result<(), Error> {
    let repository = extension.reference.as_ref().map(OciReference::without_revision);
    check_rule(policy, extension.name.as_str(), repository, &extension.capabilities)?;
    check_metering(policy, extension)
}

/// Checks that the code of an extension of a generation counts fuel if a policy limits it.
///
/// # Errors
/// [`PolicyError::PolicyChanged`] if it does not.
pub(crate) fn check_metering(policy: &Policy, extension: &ActiveExtension) -> Result<(), Error> {
    if extension.limits.at_most(&policy.max_limits).metering() == extension.metering() {
        Ok(())
    } else {
        Err(PolicyError::PolicyChanged { name: extension.name.clone() }.into())
    }
}

/// These capabilities, each as a whole.
pub(crate) fn whole(capabilities: &[Capability]) -> Grants {
    capabilities.iter().map(|capability| (*capability, Scope::Whole)).collect()
}

fn check_rules<'a>(
    policy: &Policy,
    repositories: impl Iterator<Item = (&'a ExtensionName, &'a OciRepository)>,
    granted: impl Iterator<Item = (&'a ExtensionName, &'a Grants)>,
) -> Result<(), Error> {
    let sources = repositories.map(|(name, repository)| (name, check_source(policy, repository)));
    let grants = granted.map(|(name, grants)| (name, check_grants(policy, name.as_str(), grants)));
    let mut faults = BTreeMap::new();
    for (name, error) in sources.chain(grants).filter_map(|(name, checked)| Some((name, checked.err()?))) {
        faults.entry(name.clone()).or_insert_with(|| error.fault());
    }
    fail_on_faults(faults.into_iter().collect())
}

fn check_source(policy: &Policy, repository: &OciRepository) -> Result<(), Error> {
    let checked = policy.sources.check(repository.registry(), &repository.name());
    checked.map_err(|refusal| Error::Registry(refusal.into()))
}

fn check_grants(policy: &Policy, name: &str, grants: &Grants) -> Result<(), Error> {
    let Some((_, file)) = policy.denied(grants).next() else { return Ok(()) };
    let of_file = policy.denied(grants).filter(|(_, other)| *other == file);
    let capabilities = of_file.map(|(capability, _)| capability).collect();
    Err(PolicyError::Denied { name: name.to_owned(), capabilities, file: file.to_owned() }.into())
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
    extension.map_or(GrantPlace::Nowhere, |extension| GrantPlace::Entry { declared_at: extension.declared_at.clone() })
}
