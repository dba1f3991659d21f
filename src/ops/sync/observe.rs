//! What there is before anything is changed: what is declared, locked, stored and active, and what this machine's policies
//! say of it, for `sync`, `diff`, `status`, `doctor`, `verify`, `upgrade` and `outdated`. Nothing is changed, and no registry
//! is asked.
//!
//! Each answer is an answer of its own: `sync` stops at the first that is an error, `status` and `doctor` list them.

use std::collections::BTreeMap;

use crate::engine::key::engine_keys;
use crate::model::fault::Fault;
use crate::model::lock::{Lock, Staleness};
use crate::model::manifest::Manifest;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::Generation;
use crate::model::plan::inventory::Inventory;
use crate::model::policy::Policy;
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::checks;
use crate::ops::policy::folder_checks::{self, UnusableFolder};
use crate::store::generations;
use crate::store::integrity::scan::{CacheUpdates, ScanRequest, scan};

/// A project as this machine sees it.
pub(crate) struct Observation<'a> {
    context: &'a Context,
    pub profile: ProfileName,
    /// With limits that are no higher than the policies allow.
    pub manifest: Manifest,
    policy: Policy,
    /// Of limits that the policies lowered.
    pub lowered_limits: Vec<Warning>,
}

impl<'a> Observation<'a> {
    /// Reads the manifest and the policies. `profile` goes before the manifest's own.
    ///
    /// # Errors
    /// [`Error`] if one of them cannot be used.
    pub fn read(context: &'a Context, profile: Option<&ProfileName>) -> Result<Self, Error> {
        let manifest = context.project.read_manifest()?;
        Ok(Self::new(context, manifest, checks::read_policy(&context.user)?, profile))
    }

    /// The same of a manifest and policies that were read.
    pub fn new(context: &'a Context, mut manifest: Manifest, policy: Policy, profile: Option<&ProfileName>) -> Self {
        let lowered_limits = checks::apply_policy(&policy, &mut manifest);
        let profile = profile.or(manifest.profile.as_ref()).cloned().unwrap_or_default();
        Self { context, profile, manifest, policy, lowered_limits }
    }

    /// The lock; none if there is no such file.
    ///
    /// # Errors
    /// [`Error`] if it cannot be used.
    pub fn lock(&self) -> Result<Option<Lock>, Error> {
        self.context.project.read_lock()
    }

    /// The lock's path as the person would name it.
    pub fn shown_lock(&self) -> String {
        self.context.project.shown_lock()
    }

    /// Why a lock has to be made again; empty if it need not.
    ///
    /// # Errors
    /// [`Error`] if a file that an extension is made from cannot be read.
    pub fn stale(&self, lock: &Lock) -> Result<BTreeMap<ExtensionName, Staleness>, Error> {
        stale_entries(self.context, &self.manifest, lock)
    }

    /// What is active in the profile, with its number.
    ///
    /// # Errors
    /// [`Error::Store`] if that is not known.
    pub fn active(&self) -> Result<Option<(u64, Generation)>, Error> {
        Ok(generations::active_generation(&self.context.paths, &self.profile)?)
    }

    /// Whether this manifest manages a generation.
    pub fn manages(&self, generation: &Generation) -> bool {
        self.context.project.manages(generation)
    }

    /// Checks that the policies allow the sources that are declared and locked, and the grants.
    ///
    /// # Errors
    /// [`LockError::Extensions`](crate::ops::error::lock::LockError::Extensions) with what they forbid.
    pub fn check_policy(&self, lock: Option<&Lock>) -> Result<(), Error> {
        checks::check_manifest(&self.policy, &self.manifest, lock)
    }

    /// Checks the folders that are granted; gives those that this machine cannot give.
    ///
    /// # Errors
    /// As [`folder_checks::check_manifest`].
    pub fn check_folders(&self) -> Result<Vec<UnusableFolder>, Error> {
        folder_checks::check_manifest(self.context, &self.manifest, &self.profile)
    }

    /// The extensions that import what is not granted, or not there.
    pub fn ungranted(&self, lock: &Lock) -> Vec<(ExtensionName, Fault)> {
        checks::ungranted(&self.policy, &self.manifest, lock)
    }

    /// Grants that no import can use.
    pub fn unused_grants(&self, lock: &Lock) -> Vec<Warning> {
        checks::unused_grant_warnings(&self.manifest, lock)
    }

    /// The set that a lock and the manifest describe.
    pub fn target(&self, lock: &Lock) -> Generation {
        let manifest = self.context.project.manifest_path();
        Generation::from_lock(&self.profile, &manifest, &self.manifest, lock)
    }

    /// What the store holds of a set.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be looked at.
    pub fn inventory(
        &self,
        target: &Generation,
        lock: &Lock,
        active: Option<(u64, Generation)>,
        updates: CacheUpdates,
    ) -> Result<Inventory, Error> {
        let stock = look(self.context, scan_request(target, lock)?, updates)?;
        let generations = generations::numbers(&self.context.paths, &target.profile)?;
        Ok(Inventory { active, generations, ..stock })
    }
}

/// The entries of a lock that stay as they are when it is made again.
pub(crate) fn fresh_entries(lock: &Lock, stale: &BTreeMap<ExtensionName, Staleness>) -> Lock {
    let fresh = lock.entries.iter().filter(|(name, _)| !stale.contains_key(*name));
    Lock { entries: fresh.map(|(name, entry)| (name.clone(), entry.clone())).collect() }
}

/// Why a lock has to be made again for a manifest; empty if it need not.
///
/// # Errors
/// [`Error`] if a file that an extension is made from cannot be read.
pub(crate) fn stale_entries(
    context: &Context,
    manifest: &Manifest,
    lock: &Lock,
) -> Result<BTreeMap<ExtensionName, Staleness>, Error> {
    Ok(lock.staleness(manifest, &context.project.component_digests(manifest)?))
}

/// What the store holds of some blobs and code.
///
/// # Errors
/// [`Error::Store`] if it cannot be looked at.
pub(crate) fn look(context: &Context, wanted: ScanRequest, updates: CacheUpdates) -> Result<Inventory, Error> {
    Ok(scan(&context.paths, wanted, updates, context.clock)?)
}

/// What the plan of a set needs to know of the store.
///
/// # Errors
/// [`Error::Engine`] if there is no engine for this machine.
pub(crate) fn scan_request(target: &Generation, lock: &Lock) -> Result<ScanRequest, Error> {
    let is_needed = |metering| target.extensions.iter().any(|extension| extension.metering() == metering);
    let mut wanted = ScanRequest { engines: engine_keys(is_needed)?, ..ScanRequest::default() };
    for extension in &target.extensions {
        wanted.blobs.insert(extension.component);
        let entry = lock.entries.get(&extension.name);
        wanted.blobs.extend(entry.into_iter().flat_map(|entry| entry.source.manifest_digests()));
        if let Some(engine) = wanted.engines.get(extension.metering()).cloned() {
            wanted.code.insert((extension.component, engine));
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::plan::inventory::StoredState;
    use crate::ops::error::lock::LockError;
    use crate::ops::test_machine::{TestMachine, check_cases, told};

    #[test]
    fn what_there_is_is_seen_without_changing_it() {
        check_cases("observed", |machine| {
            let seen = describe(machine).unwrap_or_else(|error| format!("unreadable: {}\n", told(&error)));
            assert!(!machine.path("cache").exists() && !machine.path("state").exists());
            seen
        });
    }

    /// Everything that is observed, a line each.
    fn describe(machine: &TestMachine) -> Result<String, Error> {
        let observed = Observation::read(&machine.context, None)?;
        let mut text = format!("profile {}\n", observed.profile);
        let mut tell = |what: &str, found: Vec<String>| {
            text.extend(found.into_iter().map(|found| format!("{what}: {found}\n")));
        };
        tell("declared", observed.manifest.extensions.keys().map(ToString::to_string).collect());
        tell("lowered", observed.lowered_limits.iter().map(warning).collect());
        let lock = observed.lock()?;
        tell("locked", lock.iter().flat_map(|lock| lock.entries.keys()).map(ToString::to_string).collect());
        let lock = lock.unwrap_or_default();
        let stale = observed.stale(&lock);
        tell("stale", list(stale, |stale| stale.iter().map(|(name, why)| format!("{name} {why}")).collect()));
        tell("policy", list(observed.check_policy(Some(&lock)), |()| Vec::new()));
        let unusable = |folder: &UnusableFolder| format!("{} {}", folder.extension, folder.fault.line());
        tell("folders", list(observed.check_folders(), |folders| folders.iter().map(unusable).collect()));
        tell("ungranted", observed.ungranted(&lock).into_iter().map(|(_, fault)| fault.line()).collect());
        tell("unused", observed.unused_grants(&lock).iter().map(warning).collect());
        let active = observed.active();
        let names = |set: &Generation| set.extensions.iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
        let set = |(number, set): &(u64, Generation)| format!("{number} of {}: {:?}", set.manifest, names(set));
        let known = active.as_ref().ok().cloned().flatten();
        tell("active", list(active, |active| active.iter().map(set).collect()));
        let target = observed.target(&lock);
        let held = observed.inventory(&target, &lock, known, CacheUpdates::Leave)?;
        let blob = |(digest, state): (&Digest, &StoredState)| format!("{} {state:?}", digest.short());
        tell("held", held.blobs.iter().map(blob).collect());
        tell("generations", held.generations.iter().map(ToString::to_string).collect());
        Ok(text)
    }

    fn list<T>(found: Result<T, Error>, show: impl Fn(&T) -> Vec<String>) -> Vec<String> {
        match found {
            Ok(found) => show(&found),
            Err(Error::Lock(LockError::Extensions { faults, .. })) => {
                faults.iter().map(|(name, fault)| format!("refused {name}: {}", fault.line())).collect()
            }
            Err(error) => vec![format!("unknown, as {}", told(&error))],
        }
    }

    fn warning(warning: &Warning) -> String {
        serde_json::to_string(warning).unwrap()
    }
}
