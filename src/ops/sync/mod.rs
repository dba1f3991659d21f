//! `sync`: makes what is live on this machine what the lock says.
//!
//! Without anything to do it makes no request, takes no lock, starts no runtime and writes nothing to the store.

pub mod apply;
pub mod diff;
pub(crate) mod forecast;
pub mod lock;
pub(crate) mod lock_verification;
pub mod narrow;
pub mod noop_check;
pub(crate) mod observe;
pub mod options;
mod planned_sync;
pub mod rollback;
mod staging_sink;

use crate::model::lock::{Lock, Staleness};
use crate::model::manifest::Manifest;
use crate::model::name::ProfileName;
use crate::model::plan::generation::{Generation, ProfileHold};
use crate::model::plan::set_change::set_changes;
use crate::model::report::sync::{LockReport, SyncReport};
use crate::model::report::warning::Warning;
use crate::ops::error::lock::LockError;
use crate::ops::error::profile::ProfileError;
use crate::ops::policy::checks::read_policy;
use crate::ops::query::profiles::left_active;
use crate::ops::sync::options::{LockPolicy, ProfileTakeover, SyncOptions};
use crate::store::{self, generations, owner};

use super::context::Context;
use super::error::Error;
use noop_check::NoopCheck;
use observe::{Observation, fresh_entries};
use options::{UpgradeSelection, WriteMode};
use planned_sync::{DesiredState, PlannedSync};

/// Makes the locked set active.
///
/// # Errors
/// [`Error::Incomplete`] with the whole report if a step failed: then the old set is still active. It, or whatever else is
/// wrong, is the refusal of an [`Error::Narrowed`] if the manifest declares less than is active.
pub fn sync(context: &Context, options: &SyncOptions) -> Result<SyncReport, Error> {
    sync_or_refuse(context, options)
        .map_err(|refusal| narrow::after_refusal(context, options.narrowing_target(), options.mode, refusal))
}

fn sync_or_refuse(context: &Context, options: &SyncOptions) -> Result<SyncReport, Error> {
    let noop = (options.mode == WriteMode::Write).then(|| NoopCheck::of_sync(context, options));
    match (prepare(context, options)?, options.mode) {
        (Preparation::Planned(planned), mode) if planned.is_empty() || mode == WriteMode::Preview => {
            if mode == WriteMode::Preview {
                planned.check_held(context)?;
            }
            if let Some(noop) = noop.filter(|_| planned.is_empty()) {
                planned.write_noop_record(&noop);
            }
            return Ok(planned.report_only(context, None));
        }
        (Preparation::Held(held), _) => return Ok(*held),
        (Preparation::Stale(desired), WriteMode::Preview) => {
            let (lock, report) = lock::preview(context, &desired.observed.manifest, &UpgradeSelection::Nothing)?;
            let planned = PlannedSync::new(*desired, lock, WriteMode::Preview)?;
            planned.check_held(context)?;
            return Ok(planned.report_only(context, Some(report)));
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
        Preparation::Held(held) => return Ok(*held),
        Preparation::Stale(desired) => {
            let (lock, report) =
                lock::resolve_and_write(context, &desired.observed.manifest, &UpgradeSelection::Nothing)?;
            (PlannedSync::new(*desired, lock, WriteMode::Write)?, Some(report))
        }
    };
    work.run(context, lock_report)
}

/// What a sync would do with a manifest and the lock that would be written for it.
pub(crate) fn preview_of(
    context: &Context,
    profile: Option<&ProfileName>,
    manifest: Manifest,
    (lock, report): (Lock, LockReport),
) -> Result<SyncReport, Error> {
    let observed = Observation::new(context, manifest, read_policy(&context.user)?, profile);
    if let Some((number, active)) = held(context, &SyncOptions::preview(profile), &observed) {
        return Ok(SyncReport { lock: Some(report), ..PlannedSync::held(context, number, active) });
    }
    let mut warnings = observed.lowered_limits.clone();
    warnings.extend(observed.check_folders()?.into_iter().map(Warning::from));
    observed.check_policy(Some(&lock))?;
    let desired = DesiredState { active: observed.active()?, observed, warnings };
    let planned = PlannedSync::new(desired, lock, WriteMode::Preview)?;
    planned.check_held(context)?;
    Ok(planned.report_only(context, Some(report)))
}

/// How far a sync comes without changing anything.
enum Preparation<'a> {
    Planned(Box<PlannedSync>),
    /// The profile is held at its active generation.
    Held(Box<SyncReport>),
    /// The lock has to be made again first, and may be.
    Stale(Box<DesiredState<'a>>),
}

/// Reads the project, and takes stock and plans if its lock can be used.
fn prepare<'a>(context: &'a Context, options: &SyncOptions) -> Result<Preparation<'a>, Error> {
    owner::check_store_owner(&context.paths)?;
    let observed = Observation::read(context, options.profile.as_ref())?;
    if let Some((number, active)) = held(context, options, &observed) {
        // What is promised of the lock is promised of a held profile, too.
        let found = observed.lock()?;
        if found.is_none() && options.policy != LockPolicy::Update {
            return Err(context.project.no_lock());
        }
        accept_lock(options, &observed, found)?;
        return Ok(Preparation::Held(Box::new(PlannedSync::held(context, number, active))));
    }
    let mut warnings = observed.lowered_limits.clone();
    warnings.extend(observed.check_folders()?.into_iter().map(Warning::from));
    let found = observed.lock()?;
    if found.is_none() && options.policy != LockPolicy::Update {
        return Err(context.project.no_lock());
    }
    let active = match observed.active() {
        // Whoever takes the profile over need not know whose it was.
        Err(Error::Store(store::Error::UnknownActive { .. })) if options.ownership == ProfileTakeover::Adopt => None,
        active => active?,
    };
    if let Some((_, active)) = &active {
        check_takeover(context, options, active, &observed, found.as_ref())?;
    }
    if active.is_none() && options.profile.is_none() {
        warnings.extend(left_active(context, &observed.profile, options.mode));
    }
    let lock = accept_lock(options, &observed, found)?;
    observed.check_policy(lock.as_ref())?;
    let desired = DesiredState { observed, active, warnings };
    match lock {
        Some(lock) => Ok(Preparation::Planned(Box::new(PlannedSync::new(desired, lock, options.mode)?))),
        None => Ok(Preparation::Stale(Box::new(desired))),
    }
}

/// The active generation, if the profile is held at it and this manifest may change it.
fn held(context: &Context, options: &SyncOptions, observed: &Observation<'_>) -> Option<(u64, Generation)> {
    let hold = generations::hold_of(&context.paths, &observed.profile).ok()?;
    let (number, active) = observed.active().ok().flatten().filter(|_| hold == ProfileHold::Held)?;
    let is_own = context.project.manages(&active) || options.ownership == ProfileTakeover::Adopt;
    is_own.then_some((number, active))
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
                (false, LockPolicy::Locked) => {
                    let stale = stale.into_iter().collect();
                    Err(LockError::Stale { lock: observed.shown_lock(), stale }.into())
                }
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
    if context.project.manages(live) {
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
            let fresh = fresh_entries(&lock, &stale);
            let unlocked = manifest.extensions.iter().filter(|(name, _)| stale.contains_key(*name));
            set_changes(live, &observed.target(&fresh), unlocked)
        }
    };
    Err(ProfileError::other_manifest(profile.clone(), live.manifest.clone(), differences).into())
}
