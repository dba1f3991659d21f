//! `sync`: makes what is live on this machine what the lock says.
//!
//! Without anything to do it makes no request, takes no lock, starts no runtime and writes nothing to the store.

use std::time::{SystemTime, UNIX_EPOCH};

use super::apply::{Workshop, apply};
use super::context::Context;
use super::error::Error;
use super::lock::{self, Mode, Upgrade, check_grants};
use crate::engine::config::engine;
use crate::engine::key::engine_key;
use crate::model::engine_key::{EngineKeys, Metering};
use crate::model::generation::{Generation, LiveExtension};
use crate::model::inventory::Inventory;
use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{ComponentSource, Manifest};
use crate::model::name::ProfileName;
use crate::model::plan::Plan;
use crate::model::report::{
    ExtensionReport, ExtensionStatus, LockReport, StepOutcome, StepReport, SyncOutcome, SyncReport,
};
use crate::store::blobs::Blobs;
use crate::store::generations;
use crate::store::scan::{Notes, Wanted, scan};

/// How the lock is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockPolicy {
    /// A stale lock is made again.
    Update,
    /// A stale lock is an error.
    Locked,
    /// The lock is taken as it stands.
    Frozen,
}

/// What to do with a profile that another manifest made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Refuse.
    Respect,
    /// Take it over.
    Adopt,
}

/// The options of `sync`.
#[derive(Debug, Clone)]
pub struct Options {
    pub mode: Mode,
    pub policy: LockPolicy,
    pub ownership: Ownership,
    /// Instead of the manifest's profile.
    pub profile: Option<ProfileName>,
}

/// Makes the locked set live.
///
/// # Errors
/// [`Error::Incomplete`] with the whole report if a step failed: then the old set is still live.
pub fn sync(context: &Context, options: &Options) -> Result<SyncReport, Error> {
    let manifest = context.project.read_manifest()?;
    let found = context.project.read_lock()?;
    let profile = options.profile.clone().or_else(|| manifest.profile.clone()).unwrap_or_default();
    check_ownership(context, options, &profile, &manifest, found.as_ref())?;
    if let Some(lock) = usable(context, options, &manifest, found)? {
        let work = Work::new(context, &profile, &manifest, lock, options.mode)?;
        if work.plan.is_empty() || options.mode == Mode::Preview {
            return Ok(work.unrun(context, None));
        }
    } else if options.mode == Mode::Preview {
        let (lock, report) = lock::preview(context, &manifest, &Upgrade::Nothing)?;
        return Ok(Work::new(context, &profile, &manifest, lock, options.mode)?.unrun(context, Some(report)));
    }
    let _guard = context.guard()?;
    let (lock, lock_report) = match usable(context, options, &manifest, context.project.read_lock()?)? {
        Some(lock) => (lock, None),
        None => {
            let (lock, report) = lock::write(context, &manifest, &Upgrade::Nothing)?;
            (lock, Some(report))
        }
    };
    let work = Work::new(context, &profile, &manifest, lock, options.mode)?;
    if work.plan.is_empty() {
        return Ok(work.unrun(context, lock_report));
    }
    work.run(context, &manifest, lock_report)
}

/// The lock, if it can be used as it is. `None` if it has to be made first, and may be.
fn usable(
    context: &Context,
    options: &Options,
    manifest: &Manifest,
    lock: Option<Lock>,
) -> Result<Option<Lock>, Error> {
    let path = || context.project.manifest().to_owned();
    match (options.policy, lock) {
        (LockPolicy::Frozen, Some(lock)) => Ok(Some(lock)),
        (LockPolicy::Frozen | LockPolicy::Locked, None) => Err(Error::NoLock { manifest: path() }),
        (LockPolicy::Update, None) => Ok(None),
        (policy, Some(lock)) => {
            let stale = lock::stale(context, manifest, &lock)?;
            match (stale.is_empty(), policy) {
                (true, _) => Ok(Some(lock)),
                (false, LockPolicy::Locked) => Err(Error::StaleLock { stale: stale.into_iter().collect() }),
                (false, _) => Ok(None),
            }
        }
    }
}

/// Refuses to replace a live set that another manifest made, and says what would change.
fn check_ownership(
    context: &Context,
    options: &Options,
    profile: &ProfileName,
    manifest: &Manifest,
    lock: Option<&Lock>,
) -> Result<(), Error> {
    if options.ownership == Ownership::Adopt {
        return Ok(());
    }
    let path = context.project.manifest().display().to_string();
    let Some((_, live)) = generations::live(&context.paths, profile)? else { return Ok(()) };
    if live.manifest == path {
        return Ok(());
    }
    let lock = lock.cloned().unwrap_or_default();
    let mut differences = live.differences(&Generation::describe(profile, &path, manifest, &lock));
    for (name, extension) in manifest.extensions.iter().filter(|(name, _)| !lock.entries.contains_key(*name)) {
        let source = match &extension.source {
            ComponentSource::Oci(reference) => reference.to_string(),
            ComponentSource::Path(path) => path.clone(),
        };
        let grants: Vec<&str> = extension.capabilities.iter().map(|capability| capability.as_str()).collect();
        let grants = if grants.is_empty() { String::new() } else { format!("  grants: {}", grants.join(", ")) };
        differences.push(format!("+ {name}  {source}{grants}  (not locked yet)"));
    }
    Err(Error::OtherManifest { profile: profile.clone(), made_by: live.manifest, differences })
}

/// A set that is wanted, and the plan to get there.
pub(super) struct Work {
    target: Generation,
    inventory: Inventory,
    pub(super) plan: Plan,
}

impl Work {
    /// Takes stock and plans.
    pub(super) fn new(
        context: &Context,
        profile: &ProfileName,
        manifest: &Manifest,
        lock: Lock,
        mode: Mode,
    ) -> Result<Self, Error> {
        let notes = match mode {
            Mode::Write => Notes::Write,
            Mode::Preview => Notes::Leave,
        };
        check_grants(manifest, &lock)?;
        let path = context.project.manifest().display().to_string();
        let target = Generation::describe(profile, &path, manifest, &lock);
        let inventory = scan(&context.paths, profile, wanted(&target, &lock)?, notes)?;
        let plan = Plan::for_sync(&target, &lock, &inventory);
        Ok(Self { target, inventory, plan })
    }

    /// The report of a plan that is empty, or that is only shown.
    pub(super) fn unrun(&self, context: &Context, lock: Option<LockReport>) -> SyncReport {
        let outcome = if self.plan.is_empty() { SyncOutcome::UpToDate } else { SyncOutcome::Planned };
        self.report(context, lock, outcome, StepReport::planned(&self.plan))
    }

    fn run(mut self, context: &Context, manifest: &Manifest, lock: Option<LockReport>) -> Result<SyncReport, Error> {
        self.target.activated = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let registry = context.registry(&manifest.registries);
        let blobs = Blobs::new(&context.paths);
        let workshop = Workshop { context, registry: &registry, blobs: &blobs, target: Some(&self.target) };
        let outcomes = apply(&workshop, &self.plan)?;
        let mut steps = StepReport::planned(&self.plan);
        for (step, outcome) in steps.iter_mut().zip(outcomes) {
            step.outcome = outcome;
        }
        let done = steps.iter().all(|step| step.outcome == StepOutcome::Done);
        let outcome = if done { SyncOutcome::Done } else { SyncOutcome::Failed };
        let report = self.report(context, lock, outcome, steps);
        if done { Ok(report) } else { Err(Error::Incomplete(Box::new(report))) }
    }

    fn report(
        &self,
        context: &Context,
        lock: Option<LockReport>,
        outcome: SyncOutcome,
        steps: Vec<StepReport>,
    ) -> SyncReport {
        let activated = steps.iter().find(|step| step.action == "activate" && step.outcome == StepOutcome::Done);
        let before = self.inventory.live.as_ref().map(|(number, _)| *number);
        let extensions =
            self.target.extensions.iter().map(|extension| self.extension(extension, outcome, &steps)).collect();
        SyncReport {
            profile: self.target.profile.clone(),
            manifest: context.project.shown_manifest(),
            outcome,
            lock,
            generation: activated.and_then(|step| step.generation).or(before),
            steps,
            extensions,
        }
    }

    fn extension(&self, extension: &LiveExtension, outcome: SyncOutcome, steps: &[StepReport]) -> ExtensionReport {
        let own = || steps.iter().filter(|step| step.action != "activate" && step.extensions.contains(&extension.name));
        let fault = |step: &StepReport| match &step.outcome {
            StepOutcome::Failed(fault) => Some(fault.clone()),
            _ => None,
        };
        let faults: Vec<_> = own().filter_map(fault).collect();
        let status = match outcome {
            SyncOutcome::UpToDate | SyncOutcome::Done => ExtensionStatus::Live,
            _ if !faults.is_empty() => ExtensionStatus::Failed,
            _ if own().all(|step| step.outcome == StepOutcome::Done) => self.unactivated(extension),
            _ => ExtensionStatus::Pending,
        };
        ExtensionReport {
            name: extension.name.clone(),
            source: extension.source(),
            component: extension.component,
            capabilities: extension.capabilities.iter().map(ToString::to_string).collect(),
            status,
            faults,
        }
    }

    /// The status of an extension with nothing left to do, in a set that was not activated.
    fn unactivated(&self, extension: &LiveExtension) -> ExtensionStatus {
        let live = self.inventory.live.as_ref().is_some_and(|(_, live)| live.extensions.contains(extension));
        if live { ExtensionStatus::Live } else { ExtensionStatus::Ready }
    }
}

/// What the plan of a target needs to know about.
fn wanted(target: &Generation, lock: &Lock) -> Result<Wanted, Error> {
    let mut wanted = Wanted { engines: engine_keys(target)?, ..Wanted::default() };
    for extension in &target.extensions {
        wanted.blobs.insert(extension.component);
        if let Some(LockedSource::Oci { provenance, manifest, .. }) =
            lock.entries.get(&extension.name).map(|e| &e.source)
        {
            wanted.blobs.insert(*provenance);
            wanted.blobs.extend(manifest);
        }
        if let Some(engine) = wanted.engines.get(metering(extension)).cloned() {
            wanted.code.insert((extension.component, engine));
        }
    }
    Ok(wanted)
}

fn engine_keys(target: &Generation) -> Result<EngineKeys, Error> {
    let key = |wanted: Metering| -> Result<_, Error> {
        let needed = target.extensions.iter().any(|extension| metering(extension) == wanted);
        if needed { Ok(Some(engine_key(&engine(wanted)?))) } else { Ok(None) }
    };
    Ok(EngineKeys { unmetered: key(Metering::Unmetered)?, metered: key(Metering::Metered)? })
}

fn metering(extension: &LiveExtension) -> Metering {
    if extension.metered() { Metering::Metered } else { Metering::Unmetered }
}
