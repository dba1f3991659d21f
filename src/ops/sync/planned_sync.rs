//! A set that is to become active, and the plan that gets there: run, or only reported.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::model::capability::grant::format_grants;
use crate::model::fault::Fault;
use crate::model::function_cache::FunctionCounts;
use crate::model::lock::Lock;
use crate::model::manifest::Manifest;
use crate::model::name::ExtensionName;
use crate::model::plan::Plan;
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::model::plan::inventory::Inventory;
use crate::model::plan::set_change::set_changes;
use crate::model::plan::step::{StepKind, StepReason};
use crate::model::report::sync::{
    ExtensionReport, ExtensionStatus, LockOutcome, LockReport, SetSummary, StepOutcome, StepReport, SyncOutcome,
    SyncReport,
};
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::checks::fail_on_faults;
use crate::ops::policy::registries;
use crate::store::blobs::Blobs;
use crate::store::integrity::scan::CacheUpdates;

use super::apply::{ApplyContext, apply};
use super::lock_verification::SyncTarget;
use super::noop_check::NoopCheck;
use super::observe::{Observation, scan_request};
use super::options::WriteMode;

/// What is declared, and what is active instead.
pub(super) struct DesiredState<'a> {
    pub observed: Observation<'a>,
    pub active: Option<(u64, Generation)>,
    pub warnings: Vec<Warning>,
}

/// A set to activate, and the plan that gets there.
pub(crate) struct PlannedSync {
    generation: Generation,
    lock: Lock,
    inventory: Inventory,
    plan: Plan,
    manifest: Manifest,
    /// Reported when this plan is run or shown.
    warnings: Vec<Warning>,
}

impl PlannedSync {
    /// An existing generation, or a part of one, and the plan that activates it.
    pub fn of_generation(generation: Generation, inventory: Inventory, plan: Plan, warnings: Vec<Warning>) -> Self {
        Self { generation, lock: Lock::default(), inventory, plan, manifest: Manifest::default(), warnings }
    }

    /// The report of a profile that is held at a generation.
    pub fn held(context: &Context, number: u64, generation: Generation) -> SyncReport {
        let inventory = Inventory { active: Some((number, generation.clone())), ..Inventory::default() };
        let planned = Self::of_generation(generation, inventory, Plan::default(), Vec::new());
        planned.report(context, None, SyncOutcome::Held, Vec::new())
    }

    /// Takes stock and plans.
    pub fn new(desired: DesiredState<'_>, lock: Lock, mode: WriteMode) -> Result<Self, Error> {
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

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// What is activated, and what was verified of it before.
    fn target(&self) -> SyncTarget {
        let active = self.inventory.active.as_ref().map(|(_, active)| active);
        SyncTarget {
            generation: self.generation.clone(),
            lock: self.lock.clone(),
            confirmed: active.map(|active| active.extensions.clone()).unwrap_or_default(),
        }
    }

    /// Checks what the store holds of the set, and was not verified before, as applying the plan would.
    ///
    /// # Errors
    /// As [`SyncTarget::verify`].
    pub fn check_held(&self, context: &Context) -> Result<(), Error> {
        self.target().verify_held(context, &self.inventory)
    }

    /// Notes that there is nothing to do, for the next sync to see.
    pub fn write_noop_record(&self, noop: &NoopCheck<'_>) {
        if let (Some((number, live)), true) = (&self.inventory.active, self.warnings.is_empty())
            && let Ok(wanted) = scan_request(&self.generation, &self.lock)
        {
            let (profile, extensions) = (live.profile.clone(), live.extensions.len());
            let answer = SetSummary { profile, generation: Some(*number), extensions };
            noop.record_sync(&self.manifest, wanted, answer);
        }
    }

    /// The report of a plan that is empty, or that is only shown.
    pub fn report_only(&self, context: &Context, lock: Option<LockReport>) -> SyncReport {
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
        let mut target = self.target();
        target.generation.activated = activated;
        let target = Arc::new(target);
        context.warn(&self.warnings);
        self.warn_of_damage(context);
        let fetches = self.plan.steps().any(|(_, step)| matches!(step.kind, StepKind::Fetch { .. }));
        let registry = fetches.then(|| registries::source_selector(context, &self.manifest.registries)).transpose()?;
        let blobs = Blobs::new(&context.paths);
        let apply_context = ApplyContext::new(context, registry.as_ref(), &blobs, Some(&target));
        let outcomes = apply(&apply_context, &self.plan)?;
        let mut steps = StepReport::planned(&self.plan);
        for (step, outcome) in steps.iter_mut().zip(outcomes) {
            step.outcome = match outcome {
                StepOutcome::Failed(fault) => {
                    StepOutcome::Failed(target.lock_fault(&step.step, &blobs).unwrap_or(fault))
                }
                outcome => outcome,
            };
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

    /// One warning a run of what was found damaged; the plan repairs it.
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
            SyncOutcome::UpToDate | SyncOutcome::Done | SyncOutcome::Held => ExtensionStatus::Active,
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
        let live = self
            .inventory
            .active
            .as_ref()
            .is_some_and(|(_, live)| live.extensions.iter().any(|live| live.is_same(extension)));
        if live { ExtensionStatus::Active } else { ExtensionStatus::Ready }
    }
}
