//! `sync`: makes what is live on this machine what the lock says.
//!
//! Without anything to do it makes no request, takes no lock, starts no runtime and writes nothing to the store.

pub mod apply;
pub mod diff;
pub mod lock;
pub(crate) mod lock_verification;
pub mod noop_check;
pub(crate) mod observe;
pub mod options;
pub mod rollback;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::model::capability::format_grants;
use crate::model::fault::Fault;
use crate::model::function_cache::FunctionCounts;
use crate::model::lock::{Lock, LockEntry, Staleness};
use crate::model::manifest::Manifest;
use crate::model::name::ExtensionName;
use crate::model::plan::Plan;
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::model::plan::inventory::Inventory;
use crate::model::plan::set_change::set_changes;
use crate::model::plan::step::StepReason;
use crate::model::report::sync::{
    ExtensionReport, ExtensionStatus, LockOutcome, LockReport, SetSummary, StepReport, SyncOutcome, SyncReport,
};
use crate::model::report::warning::Warning;
use crate::ops::error::lock::LockError;
use crate::ops::error::profile::ProfileError;
use crate::ops::policy::registries;
use crate::ops::sync::options::{LockPolicy, ProfileTakeover, SyncOptions};
use crate::store;
use crate::store::blobs::Blobs;
use crate::store::integrity::scan::CacheUpdates;

use super::context::Context;
use super::error::Error;
use super::policy::checks::fail_on_faults;
use apply::{ApplyContext, apply};
use lock_verification::SyncTarget;
use noop_check::NoopCheck;
use observe::{Observation, scan_request};
use options::{UpgradeSelection, WriteMode};

/// Makes the locked set live.
///
/// # Errors
/// [`Error::Incomplete`] with the whole report if a step failed: then the old set is still live.
pub fn sync(context: &Context, options: &SyncOptions) -> Result<SyncReport, Error> {
    let noop = (options.mode == WriteMode::Write).then(|| NoopCheck::of_sync(context, options));
    match (prepare(context, options)?, options.mode) {
        (Preparation::Planned(planned), mode) if planned.plan.is_empty() || mode == WriteMode::Preview => {
            if let Some(noop) = noop.filter(|_| planned.plan.is_empty()) {
                planned.write_noop_record(&noop);
            }
            return Ok(planned.report_only(context, None));
        }
        (Preparation::Stale(desired), WriteMode::Preview) => {
            let (lock, report) = lock::preview(context, &desired.observed.manifest, &UpgradeSelection::Nothing)?;
            return Ok(PlannedSync::new(*desired, lock, WriteMode::Preview)?.report_only(context, Some(report)));
        }
        _ => {}
    }
    let _guard = context.lock_store()?;
    sync_guarded(context, options)
}

/// The same for whoever holds the store's guard. Another run may have changed the store, the lock, or whose set is live
/// before it was got, so it begins from the start.
pub(crate) fn sync_guarded(context: &Context, options: &SyncOptions) -> Result<SyncReport, Error> {
    let (work, lock_report) = match prepare(context, options)? {
        Preparation::Planned(planned) => (*planned, None),
        Preparation::Stale(desired) => {
            let (lock, report) =
                lock::resolve_and_write(context, &desired.observed.manifest, &UpgradeSelection::Nothing)?;
            (PlannedSync::new(*desired, lock, WriteMode::Write)?, Some(report))
        }
    };
    work.run(context, lock_report)
}

/// How far a sync comes without changing anything.
enum Preparation<'a> {
    Planned(Box<PlannedSync>),
    /// The lock has to be made again first, and may be.
    Stale(Box<DesiredState<'a>>),
}

/// What is wanted, and what is active instead.
struct DesiredState<'a> {
    observed: Observation<'a>,
    active: Option<(u64, Generation)>,
    warnings: Vec<Warning>,
}

/// Reads the project, and takes stock and plans if its lock can be used.
fn prepare<'a>(context: &'a Context, options: &SyncOptions) -> Result<Preparation<'a>, Error> {
    let observed = Observation::read(context, options.profile.as_ref())?;
    let mut warnings = observed.lowered_limits.clone();
    warnings.extend(observed.check_folders()?.into_iter().map(Warning::from));
    let found = observed.lock()?;
    if found.is_none() && options.policy != LockPolicy::Update {
        return Err(LockError::NoLock.into());
    }
    let active = match observed.active() {
        // Whoever takes the profile over need not know whose it was.
        Err(Error::Store(store::Error::UnknownActive { .. })) if options.ownership == ProfileTakeover::Adopt => None,
        active => active?,
    };
    if let Some((_, active)) = &active {
        check_takeover(context, options, active, &observed, found.as_ref())?;
    }
    let lock = accept_lock(options, &observed, found)?;
    observed.check_sources(lock.as_ref())?;
    let desired = DesiredState { observed, active, warnings };
    match lock {
        Some(lock) => Ok(Preparation::Planned(Box::new(PlannedSync::new(desired, lock, options.mode)?))),
        None => Ok(Preparation::Stale(Box::new(desired))),
    }
}

/// The lock, if it can be used as it is. `None` if it has to be made first, and may be.
fn accept_lock(options: &SyncOptions, observed: &Observation<'_>, lock: Option<Lock>) -> Result<Option<Lock>, Error> {
    match (options.policy, lock) {
        (LockPolicy::Frozen, Some(lock)) => Ok(Some(lock)),
        (_, None) => Ok(None),
        (policy, Some(lock)) => {
            let stale = observed.stale(&lock)?;
            match (stale.is_empty(), policy) {
                (true, _) => Ok(Some(lock)),
                (false, LockPolicy::Locked) => Err(LockError::Stale { stale: stale.into_iter().collect() }.into()),
                (false, _) => Ok(None),
            }
        }
    }
}

/// Refuses to replace a live set that another manifest made, and says what would change.
fn check_takeover(
    context: &Context,
    options: &SyncOptions,
    live: &Generation,
    observed: &Observation<'_>,
    lock: Option<&Lock>,
) -> Result<(), Error> {
    if options.ownership == ProfileTakeover::Adopt {
        return Ok(());
    }
    let profile = &live.profile;
    if live.manifest == context.project.manifest_path() {
        return Ok(());
    }
    let lock = lock.cloned().unwrap_or_default();
    let differences = match options.policy {
        LockPolicy::Frozen => set_changes(live, &observed.target(&lock), []),
        LockPolicy::Locked | LockPolicy::Update => {
            // Where a component's file cannot be read, nothing is taken for unchanged.
            let manifest = &observed.manifest;
            let all_stale = || manifest.extensions.keys().map(|name| (name.clone(), Staleness::NotLocked)).collect();
            let stale = observed.stale(&lock).unwrap_or_else(|_| all_stale());
            let fresh = |(name, entry): (&ExtensionName, &LockEntry)| {
                (!stale.contains_key(name)).then(|| (name.clone(), entry.clone()))
            };
            let fresh = Lock { entries: lock.entries.iter().filter_map(fresh).collect() };
            let unlocked = manifest.extensions.iter().filter(|(name, _)| stale.contains_key(*name));
            set_changes(live, &observed.target(&fresh), unlocked)
        }
    };
    Err(ProfileError::OtherManifest { profile: profile.clone(), made_by: live.manifest.clone(), differences }.into())
}

/// A set that is wanted, and the plan to get there.
pub(crate) struct PlannedSync {
    generation: Generation,
    lock: Lock,
    inventory: Inventory,
    plan: Plan,
    manifest: Manifest,
    /// For the person, once it is clear that this plan is to be run.
    warnings: Vec<Warning>,
}

impl PlannedSync {
    /// A generation that is there already, and the plan that makes it live again.
    pub fn of_generation(generation: Generation, inventory: Inventory, plan: Plan, warnings: Vec<Warning>) -> Self {
        Self { generation, lock: Lock::default(), inventory, plan, manifest: Manifest::default(), warnings }
    }

    /// Takes stock and plans.
    fn new(desired: DesiredState<'_>, lock: Lock, mode: WriteMode) -> Result<Self, Error> {
        let DesiredState { observed, active, mut warnings } = desired;
        let updates = match mode {
            WriteMode::Write => CacheUpdates::Write,
            WriteMode::Preview => CacheUpdates::Leave,
        };
        fail_on_faults(observed.ungranted(&lock))?;
        warnings.extend(observed.unused_grants(&lock));
        let generation = observed.target(&lock);
        let inventory = observed.inventory(&generation, &lock, active, updates)?;
        let plan = Plan::for_sync(&generation, &lock, &inventory);
        Ok(Self { generation, lock, inventory, plan, manifest: observed.manifest, warnings })
    }

    /// Notes that there is nothing to do, for the next sync to see.
    fn write_noop_record(&self, noop: &NoopCheck<'_>) {
        if let (Some((number, live)), true) = (&self.inventory.active, self.warnings.is_empty())
            && let Ok(wanted) = scan_request(&self.generation, &self.lock)
        {
            let (profile, extensions) = (live.profile.clone(), live.extensions.len());
            let answer = SetSummary { profile, generation: Some(*number), extensions };
            noop.record_sync(&self.manifest, wanted, answer);
        }
    }

    /// The report of a plan that is empty, or that is only shown.
    fn report_only(&self, context: &Context, lock: Option<LockReport>) -> SyncReport {
        context.warn(&self.warnings);
        let would_lock = lock.as_ref().is_some_and(|lock| lock.outcome == LockOutcome::WouldChange);
        let outcome = if self.plan.is_empty() && !would_lock { SyncOutcome::UpToDate } else { SyncOutcome::Planned };
        self.report(context, lock, outcome, StepReport::planned(&self.plan))
    }

    /// Runs the plan, if there is anything in it.
    pub fn run(self, context: &Context, lock: Option<LockReport>) -> Result<SyncReport, Error> {
        if self.plan.is_empty() {
            return Ok(self.report_only(context, lock));
        }
        let now = context.clock.now().duration_since(UNIX_EPOCH);
        let activated = now.map_or(0, |since| since.as_secs());
        let live = self.inventory.active.as_ref().map(|(_, live)| live);
        let target = Arc::new(SyncTarget {
            generation: Generation { activated, ..self.generation.clone() },
            lock: self.lock.clone(),
            confirmed: live.map(|live| live.extensions.clone()).unwrap_or_default(),
        });
        context.warn(&self.warnings);
        self.warn_of_damage(context);
        let registry = registries::source_selector(context, &self.manifest.registries)?;
        let blobs = Blobs::new(&context.paths);
        let apply_context = ApplyContext::new(context, &registry, &blobs, Some(&target));
        let outcomes = apply(&apply_context, &self.plan)?;
        let mut steps = StepReport::planned(&self.plan);
        for (step, outcome) in steps.iter_mut().zip(outcomes) {
            step.outcome = outcome;
        }
        // Old generations that stay are untidy, no more: the next sync that activates one removes them.
        let (prunes, needed): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.is_prune());
        for fault in prunes.iter().filter_map(|step| step.fault()) {
            context.warn(&[Warning::NotPruned { fault: fault.clone() }]);
        }
        let done = needed.iter().all(|step| step.is_done());
        let outcome = if done { SyncOutcome::Done } else { SyncOutcome::Failed };
        let mut report = self.report(context, lock, outcome, steps);
        report.functions = Some(apply_context.functions.take()).filter(|counts| *counts != FunctionCounts::default());
        if done { Ok(report) } else { Err(Error::Incomplete(Box::new(report))) }
    }

    /// One warning a run of what was found damaged; the plan mends it.
    fn warn_of_damage(&self, context: &Context) {
        let mut names: BTreeSet<&ExtensionName> = BTreeSet::new();
        let mut first = None;
        for (_, step) in self.plan.steps() {
            if matches!(step.reason, StepReason::Damaged { .. } | StepReason::CodeDamaged { .. }) {
                names.extend(&step.extensions);
                first.get_or_insert(&step.reason);
            }
        }
        if let Some(reason) = first {
            let extensions = names.into_iter().cloned().collect();
            context.warn(&[Warning::DamageReplaced { extensions, reason: reason.clone() }]);
        }
    }

    fn report(
        &self,
        context: &Context,
        lock: Option<LockReport>,
        outcome: SyncOutcome,
        steps: Vec<StepReport>,
    ) -> SyncReport {
        let activated = steps.iter().filter(|step| step.is_done()).find_map(StepReport::activates);
        let before = self.inventory.active.as_ref().map(|(number, _)| *number);
        let mut own: BTreeMap<&ExtensionName, Vec<&StepReport>> = BTreeMap::new();
        for step in steps.iter().filter(|step| step.activates().is_none()) {
            step.step.extensions.iter().for_each(|name| own.entry(name).or_default().push(step));
        }
        let own = |extension: &ActiveExtension| own.get(&extension.name).map(Vec::as_slice).unwrap_or_default();
        let wanted = self.generation.extensions.iter();
        let extensions = wanted.map(|extension| self.extension(extension, outcome, own(extension))).collect();
        let live = self.inventory.active.as_ref().map(|(_, live)| live);
        let nothing = self.generation.without_extensions();
        SyncReport {
            changes: set_changes(live.unwrap_or(&nothing), &self.generation, []),
            profile: self.generation.profile.clone(),
            manifest: context.project.shown_manifest(),
            outcome,
            lock,
            generation: activated.or(before),
            steps,
            extensions,
            functions: None,
        }
    }

    fn extension(&self, extension: &ActiveExtension, outcome: SyncOutcome, own: &[&StepReport]) -> ExtensionReport {
        let faults: Vec<Fault> = own.iter().filter_map(|step| step.fault()).cloned().collect();
        let status = match outcome {
            SyncOutcome::UpToDate | SyncOutcome::Done => ExtensionStatus::Active,
            _ if !faults.is_empty() => ExtensionStatus::Failed,
            _ if own.iter().all(|step| step.is_done()) => self.unactivated(extension),
            _ => ExtensionStatus::Pending,
        };
        ExtensionReport {
            name: extension.name.clone(),
            source: extension.source(),
            component: extension.component,
            capabilities: format_grants(&extension.capabilities),
            status,
            faults,
        }
    }

    /// The status of an extension with nothing left to do, in a set that was not activated.
    fn unactivated(&self, extension: &ActiveExtension) -> ExtensionStatus {
        let live = self.inventory.active.as_ref().is_some_and(|(_, live)| live.extensions.contains(extension));
        if live { ExtensionStatus::Active } else { ExtensionStatus::Ready }
    }
}
