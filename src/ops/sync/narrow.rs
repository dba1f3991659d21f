//! What a refused sync still does: it makes the part of the active set active that the manifest still declares, so that
//! removing an extension or a grant always works. It adds nothing, makes no request and compiles nothing.

use crate::model::capability::Grants;
use crate::model::capability::grant::format_grants;
use crate::model::fault::{Fault, FaultKind};
use crate::model::name::ProfileName;
use crate::model::plan::Plan;
use crate::model::plan::generation::{ActiveExtension, Generation, ProfileHold};
use crate::model::plan::inventory::Inventory;
use crate::model::plan::narrowing::{narrowed, shrunk};
use crate::model::report::sync::{StepOutcome, SyncOutcome, SyncReport};
use crate::model::report::warning::{KeptGrants, Warning};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::profile::ProfileError;
use crate::store::generations;

use super::options::{NarrowingTarget, ProfileTakeover, WriteMode};
use super::planned_sync::PlannedSync;

/// Narrows the active set after a sync was refused, or reports how it would be. Returns the refusal, as
/// [`Error::Narrowed`] if something shrinks; a narrowing that is not possible is a warning.
pub(crate) fn after_refusal(context: &Context, target: NarrowingTarget<'_>, mode: WriteMode, refusal: Error) -> Error {
    let narrowed = match (preview(context, target), mode) {
        (Ok(Some(_)), WriteMode::Write) if refusal.kind() == FaultKind::Interrupted => Err(Error::Interrupted),
        (Ok(Some(_)), WriteMode::Write) => context.lock_store().and_then(|_guard| narrow(context, target)),
        (planned, _) => planned,
    };
    with_narrowing(context, target, refusal, narrowed)
}

/// The same for callers that hold the store's guard.
pub(crate) fn after_refusal_guarded(context: &Context, target: NarrowingTarget<'_>, refusal: Error) -> Error {
    with_narrowing(context, target, refusal, narrow(context, target))
}

/// What a refused sync would narrow. `None` if nothing shrinks.
///
/// # Errors
/// Why it is not known: the manifest cannot be read whole, or the active set is not its own.
pub(crate) fn preview(context: &Context, target: NarrowingTarget<'_>) -> Result<Option<SyncReport>, Error> {
    Ok(plan(context, target)?.map(|planned| planned.report_only(context, None)))
}

/// Warns of the grants that stay in force after a sync for which there is no manifest, if that manifest made the active set or the
/// one that did is gone.
pub fn warn_without_manifest(context: &Context, profile: &ProfileName, missing: &Error) {
    let Ok(Some((_, active))) = generations::active_generation(&context.paths, profile) else { return };
    if context.project.has_made(&active) || !active.manifest.as_path().exists() {
        warn_of_kept_grants(context, profile, missing.fault());
    }
}

fn warn_of_kept_grants(context: &Context, profile: &ProfileName, fault: Fault) {
    let Ok(Some((_, active))) = generations::active_generation(&context.paths, profile) else { return };
    let granted = active.extensions.into_iter().filter(|extension| !extension.capabilities.is_empty());
    let extensions: Vec<KeptGrants> = granted
        .map(|extension| KeptGrants { grants: format_grants(&extension.capabilities), name: extension.name })
        .collect();
    if !extensions.is_empty() {
        context.warn(&[Warning::NotNarrowed { profile: profile.clone(), extensions, fault }]);
    }
}

fn with_narrowing(
    context: &Context,
    target: NarrowingTarget<'_>,
    refusal: Error,
    narrowed: Result<Option<SyncReport>, Error>,
) -> Error {
    match narrowed {
        Ok(Some(report)) => Error::Narrowed { refusal: Box::new(refusal), report: Box::new(report) },
        Ok(None) => refusal,
        Err(reason) => {
            let declared = || context.project.read_profile().ok().flatten();
            let profile = target.profile.cloned().or_else(declared).unwrap_or_default();
            warn_of_kept_grants(context, &profile, cause(&reason));
            refusal
        }
    }
}

/// Why a narrowing failed: of one that was begun, the fault of its step.
fn cause(reason: &Error) -> Fault {
    let of_step = match reason {
        Error::Incomplete(report) => report.steps.iter().find_map(|step| match &step.outcome {
            StepOutcome::Failed(fault) => Some(fault.clone()),
            _ => None,
        }),
        _ => None,
    };
    of_step.unwrap_or_else(|| reason.fault())
}

fn narrow(context: &Context, target: NarrowingTarget<'_>) -> Result<Option<SyncReport>, Error> {
    plan(context, target)?.map(|planned| planned.run(context, None)).transpose()
}

/// How a command ends that changed the manifest and synced, while it holds the store's guard. From a set that is held, which no sync
/// changes, it takes what the command took from the manifest: each extension keeps what `left` gives of its grants, and is removed if that is
/// `None`.
///
/// # Errors
/// The refusal of the sync, as [`Error::Narrowed`] if something shrank. Without one, why the held set could not be changed.
pub(crate) fn after_edit(
    context: &Context,
    target: NarrowingTarget<'_>,
    synced: Result<SyncReport, Error>,
    left: impl Fn(&ActiveExtension) -> Option<Grants>,
) -> Result<SyncReport, Error> {
    match (synced, shrink_held(context, target, left)) {
        (Ok(done), Ok(Some(held))) => Ok(SyncReport { outcome: SyncOutcome::Held, lock: done.lock, ..held }),
        (Ok(done), Ok(None)) => Ok(done),
        (Ok(_), Err(error)) => Err(error),
        (Err(refusal), Ok(None)) => Err(after_refusal_guarded(context, target, refusal)),
        (Err(refusal), shrunk) => Err(with_narrowing(context, target, refusal, shrunk)),
    }
}

/// Activates a smaller set in a profile that is held. `None` if it is not, or nothing shrinks.
fn shrink_held(
    context: &Context,
    target: NarrowingTarget<'_>,
    left: impl Fn(&ActiveExtension) -> Option<Grants>,
) -> Result<Option<SyncReport>, Error> {
    let declared = context.project.read_profile()?;
    let profile = target.profile.cloned().or(declared).unwrap_or_default();
    if generations::hold_of(&context.paths, &profile)? == ProfileHold::Free {
        return Ok(None);
    }
    let Some(active) = generations::active_generation(&context.paths, &profile)? else { return Ok(None) };
    let target = Some(&active.1).filter(|active| context.project.manages(active)).and_then(|held| shrunk(held, left));
    target.map(|target| plan_of(context, target, active)?.run(context, None)).transpose()
}

/// What a narrowing would do. A set that is held stays as it is.
fn plan(context: &Context, target: NarrowingTarget<'_>) -> Result<Option<PlannedSync>, Error> {
    let project = &context.project;
    let manifest = project.read_manifest()?;
    let profile = target.profile.or(manifest.profile.as_ref()).cloned().unwrap_or_default();
    if generations::hold_of(&context.paths, &profile)? == ProfileHold::Held {
        return Ok(None);
    }
    let Some((number, active)) = generations::active_generation(&context.paths, &profile)? else { return Ok(None) };
    // Drop-ins stand beside the path that a manifest is reached through, so the same file is not enough.
    if !project.has_made(&active) && target.ownership == ProfileTakeover::Refuse {
        return Err(ProfileError::other_manifest(profile, active.manifest, Vec::new()).into());
    }
    let Some(target) = narrowed(&active, &manifest) else { return Ok(None) };
    plan_of(context, target, (number, active)).map(Some)
}

/// The plan that activates a part of what is active.
fn plan_of(context: &Context, target: Generation, active: (u64, Generation)) -> Result<PlannedSync, Error> {
    let generations = generations::numbers(&context.paths, &target.profile)?;
    let inventory = Inventory { active: Some(active), generations, ..Inventory::default() };
    let plan = Plan::for_narrowing(&target, &inventory);
    Ok(PlannedSync::of_generation(target, inventory, plan, Vec::new()))
}
