//! `rollback`: makes an earlier generation active again. It needs no network, and compiles only what the cache has
//! lost.

use crate::model::lock::Lock;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::{Generation, ProfileHold};
use crate::model::plan::inventory::{Inventory, StoredState};
use crate::model::plan::step::StepKind;
use crate::model::plan::{Plan, RollbackChange};
use crate::model::report::sync::{ReleaseReport, RollbackReport};
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::profile::ProfileError;
use crate::ops::policy::checks::{check_active, check_metering, read_policy};
use crate::store::generations;
use crate::store::integrity::scan::CacheUpdates;
use crate::store::{self};

use super::observe::{look, scan_request};
use super::planned_sync::PlannedSync;

/// Makes the generation of this number live, or the one before the live one.
///
/// # Errors
/// [`ProfileError::NoGeneration`], [`ProfileError::NoEarlier`] or [`ProfileError::NothingActive`] if there is none,
/// [`ProfileError::NotWhole`] if what it needs is lost, [`PolicyError::PolicyChanged`](crate::ops::error::policy::PolicyError::PolicyChanged),
/// [`LockError::Extensions`](crate::ops::error::lock::LockError::Extensions) or [`WrittenByOther`](crate::ops::error::policy::PolicyError::WrittenByOther) if this
/// machine no longer allows it; then nothing was changed.
///
/// With `hold`, and without a number where an earlier generation than the newest is active already, that is held. Syncs leave it active until it is [released](release); a profile that is held stays so without it, too.
pub fn rollback(
    context: &Context,
    profile: &ProfileName,
    number: Option<u64>,
    hold: ProfileHold,
) -> Result<RollbackReport, Error> {
    let _guard = context.lock_store()?;
    let paths = &context.paths;
    let live = match generations::active_generation(paths, profile) {
        // Whoever says where to go need not know where we are.
        Err(store::Error::UnknownActive { .. }) if number.is_some() => None,
        live => live?,
    };
    let known = generations::numbers(paths, profile)?;
    let number = match (number, &live) {
        (Some(number), _) if known.contains(&number) => number,
        (Some(number), _) => {
            return Err(ProfileError::NoGeneration { profile: profile.clone(), number, known }.into());
        }
        // Of a profile that was rolled back, that is what is to be held.
        (None, Some((live, _))) if hold == ProfileHold::Held && known.last() > Some(live) => *live,
        (None, Some((live, _))) => known
            .range(..live)
            .next_back()
            .copied()
            .ok_or_else(|| Error::Profile(ProfileError::NoEarlier { profile: profile.clone() }))?,
        (None, None) => return Err(ProfileError::NothingActive { profile: profile.clone() }.into()),
    };
    let target = generations::read(paths, profile, number)?;
    check_policy(context, &target)?;
    let unusable = crate::ops::policy::folder_checks::check_generation(context, &target)?;
    let warnings = unusable.into_iter().map(Warning::from).collect();
    let before = generations::hold_of(paths, profile).unwrap_or(ProfileHold::Free);
    let after = if before == ProfileHold::Held { before } else { hold };
    let is_live = live.as_ref().is_some_and(|(live, _)| *live == number);
    let is_newest = known.last() == Some(&number);
    let change = match is_live && after == before {
        true => RollbackChange::Nothing,
        false => RollbackChange::Activate(after),
    };
    let stock = look(context, scan_request(&target, &Lock::default())?, CacheUpdates::Write)?;
    let inventory = Inventory { active: live, generations: known, ..stock };
    let plan = Plan::for_rollback(number, change, &target, &inventory);
    check_whole(number, &plan, &target, &inventory)?;
    let sync = PlannedSync::of_generation(target, inventory, plan, warnings).run(context, None)?;
    Ok(RollbackReport { sync, is_held: after == ProfileHold::Held, is_newest })
}

/// Ends a hold: the next sync activates what the manifest declares.
///
/// # Errors
/// [`ProfileError::NothingActive`] if there is nothing to release, [`Error::Store`] if that is not known or cannot be written.
pub fn release(context: &Context, profile: &ProfileName) -> Result<ReleaseReport, Error> {
    let _guard = context.lock_store()?;
    let paths = &context.paths;
    let number = generations::current(paths, profile)?;
    let generation = number.ok_or_else(|| Error::Profile(ProfileError::NothingActive { profile: profile.clone() }))?;
    let was_held = generations::hold_of(paths, profile)? == ProfileHold::Held;
    if was_held {
        generations::switch(paths, profile, generation, ProfileHold::Free)?;
    }
    Ok(ReleaseReport { profile: profile.clone(), generation, was_held })
}

/// Holds a generation against what the machine's policy says by now.
fn check_policy(context: &Context, target: &Generation) -> Result<(), Error> {
    let policy = read_policy(&context.user)?;
    check_active(&policy, &target.extensions)?;
    target.extensions.iter().try_for_each(|extension| check_metering(&policy, extension))
}

/// Refuses if a component is lost that has to be compiled.
fn check_whole(number: u64, plan: &Plan, target: &Generation, inventory: &Inventory) -> Result<(), Error> {
    let to_compile = plan.steps().flat_map(|(_, step)| match step.kind {
        StepKind::Compile { .. } => step.extensions.as_slice(),
        _ => &[],
    });
    let is_lost = |name: &&ExtensionName| {
        let extension = target.extensions.iter().find(|extension| extension.name == **name);
        extension.is_none_or(|extension| inventory.blobs.get(&extension.component) != Some(&StoredState::Good))
    };
    let lost: Vec<ExtensionName> = to_compile.filter(is_lost).cloned().collect();
    if lost.is_empty() { Ok(()) } else { Err(ProfileError::NotWhole { number, lost }.into()) }
}
