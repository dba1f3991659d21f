//! `status`: how far apart manifest, lock, store, cache and the live set are. It is made from the plan of a sync, and changes
//! nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use crate::model::fault::Fault;
use crate::model::fault::hint::Remedy;
use crate::model::lock::{Lock, LockedSource, Staleness};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::Plan;
use crate::model::plan::generation::Generation;
use crate::model::plan::set_change::set_changes;
use crate::model::plan::step::{Step, StepKind};
use crate::model::reference::source_name::SourceName;
use crate::model::report::query::status::{Difference, DifferenceBetween, DifferenceFact, StatusReport};
use crate::model::report::sync::Forecast;
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::lock::LockError;
use crate::ops::policy::registries;
use crate::ops::query::profiles::left_active;
use crate::ops::sync::forecast::forecast;
use crate::ops::sync::narrow::after_refusal;
use crate::ops::sync::observe::{Observation, fresh_entries};
use crate::ops::sync::options::{NarrowingTarget, ProfileTakeover, WriteMode};
use crate::registry::Error as RegistryError;
use crate::registry::source::selection::SourceSelector;
use crate::store;
use crate::store::integrity::scan::CacheUpdates;

/// Whether registries are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteCheck {
    Ask,
    Leave,
}

/// Compares everything with everything.
///
/// # Errors
/// [`Error`] if the manifest or the lock cannot be read, or the store cannot be looked at; as [`Error::Narrowed`] if a `sync` that
/// fails of the same would narrow the active set.
pub fn status(context: &Context, profile: Option<ProfileName>, remote: RemoteCheck) -> Result<StatusReport, Error> {
    let profile = profile.as_ref();
    let (next_sync, refusal) = forecast(context, profile);
    // Where not everything can be compared, what `sync` is refused for goes first.
    compare(context, profile, remote, (next_sync, refusal.as_ref())).map_err(|error| match refusal {
        None => error,
        Some(refusal) => {
            let target = NarrowingTarget { profile, ownership: ProfileTakeover::Refuse };
            after_refusal(context, target, WriteMode::Preview, refusal)
        }
    })
}

fn compare(
    context: &Context,
    profile: Option<&ProfileName>,
    remote: RemoteCheck,
    (next_sync, refusal): (Forecast, Option<&Error>),
) -> Result<StatusReport, Error> {
    let observed = Observation::read(context, profile)?;
    let found = observed.lock()?;
    let mut differences = Vec::new();
    let is_missing = found.is_none();
    let lock = found.unwrap_or_default();
    let stale = observed.stale(&lock)?;
    differences.extend((is_missing && stale.is_empty()).then(missing_lock));
    let fresh = fresh_entries(&lock, &stale);
    // What a sync locks anew may come from elsewhere.
    let sources = observed.check_policy(stale.is_empty().then_some(&lock));
    let folders = observed.check_folders().map(drop);
    differences.extend([sources, folders].into_iter().filter_map(Result::err).flat_map(policy_differences));
    for (name, why) in stale.clone() {
        differences.push(difference(
            DifferenceBetween::ManifestAndLock,
            &name,
            DifferenceFact::Stale { why },
            Remedy::run("sesame lock"),
        ));
    }
    for (name, fault) in observed.ungranted(&fresh) {
        let (fault, remedies) = remedies(fault, "sesame lock");
        let what = DifferenceFact::NotGranted { fault };
        let extension = Some(name.clone());
        differences.push(Difference { between: DifferenceBetween::ManifestAndLock, extension, what, remedies });
    }
    if remote == RemoteCheck::Ask {
        let registry = registries::source_selector(context, &observed.manifest.registries)?;
        differences.extend(context.block_on(async { Ok(registry_differences(context, &registry, &lock).await) })?);
    }
    let mut is_known = true;
    let live = match observed.active() {
        Ok(live) => live,
        Err(error @ Error::Store(store::Error::UnknownActive { .. })) => {
            is_known = false;
            differences.push(Difference {
                between: DifferenceBetween::LockAndActive,
                extension: None,
                what: DifferenceFact::UnknownActive { fault: error.fault() },
                remedies: vec![Remedy::run("sesame rollback N"), Remedy::run("sesame sync --adopt")],
            });
            None
        }
        Err(error) => return Err(error),
    };
    context.warn(&others_left_active(context, &observed, live.is_none() && profile.is_none()));
    let (generation, extensions) =
        live.as_ref().map_or((None, 0), |(number, live)| (Some(*number), live.extensions.len()));
    let mut planned = plan_differences(&observed, &fresh, live, &stale)?;
    planned.retain(|difference| is_known || difference.between != DifferenceBetween::LockAndActive);
    differences.extend(planned);
    if let Some(Error::Lock(LockError::Extensions { faults, .. })) = refusal {
        differences.extend(unlisted(faults, &differences));
    }
    differences.sort_by(|a, b| (a.between, &a.extension).cmp(&(b.between, &b.extension)));
    if matches!(next_sync, Forecast::Refused { .. } | Forecast::Held { .. }) {
        // It would be refused as well, or change nothing.
        let refused = [Remedy::run("sesame sync"), Remedy::run("sesame lock")];
        differences.iter_mut().for_each(|difference| difference.remedies.retain(|remedy| !refused.contains(remedy)));
    }
    Ok(StatusReport { profile: observed.profile, generation, extensions, differences, next_sync })
}

/// The sets that this manifest leaves active in other profiles, before the first sync into the one that it declares.
fn others_left_active(context: &Context, observed: &Observation<'_>, is_first: bool) -> Vec<Warning> {
    if is_first { left_active(context, &observed.profile, WriteMode::Preview) } else { Vec::new() }
}

/// Without extensions, nothing else shows that there is no lock.
fn missing_lock() -> Difference {
    let (between, remedies) = (DifferenceBetween::ManifestAndLock, vec![Remedy::run("sesame lock")]);
    Difference { between, extension: None, what: DifferenceFact::NoLock, remedies }
}

/// What a sync would be refused for, of the extensions that no other difference says it of.
fn unlisted(faults: &[(ExtensionName, Fault)], listed: &[Difference]) -> Vec<Difference> {
    let line = |what: &DifferenceFact| match what {
        DifferenceFact::Refused { fault } | DifferenceFact::NotGranted { fault } => Some(fault.line()),
        _ => None,
    };
    let is_listed = |name: &ExtensionName, fault: &Fault| {
        listed.iter().any(|one| one.extension.as_ref() == Some(name) && line(&one.what) == Some(fault.line()))
    };
    let unlisted = faults.iter().filter(|(name, fault)| !is_listed(name, fault));
    unlisted.map(|(name, fault)| refused(Some(name.clone()), fault.clone())).collect()
}

/// What a sync would be refused for.
fn policy_differences(error: Error) -> Vec<Difference> {
    let faults = match error {
        Error::Lock(LockError::Extensions { faults, .. }) => {
            faults.into_iter().map(|(name, fault)| (Some(name), fault)).collect()
        }
        error => vec![(None, error.fault())],
    };
    faults.into_iter().map(|(extension, fault)| refused(extension, fault)).collect()
}

fn refused(extension: Option<ExtensionName>, fault: Fault) -> Difference {
    let (fault, remedies) = remedies(fault, "sesame sync");
    let what = DifferenceFact::Refused { fault };
    Difference { between: DifferenceBetween::ManifestAndMachine, extension, what, remedies }
}

/// What the next sync would do with the entries of the lock that stay; what is stale is only declared.
fn plan_differences(
    observed: &Observation<'_>,
    lock: &Lock,
    live: Option<(u64, Generation)>,
    stale: &BTreeMap<ExtensionName, Staleness>,
) -> Result<Vec<Difference>, Error> {
    let target = observed.target(lock);
    let inventory = observed.inventory(&target, lock, live, CacheUpdates::Leave)?;
    let plan = Plan::for_sync(&target, lock, &inventory);
    let mut differences: Vec<Difference> = plan.steps().flat_map(|(_, step)| of_step(step)).collect();
    let adopt = inventory.active.as_ref().is_some_and(|(_, live)| !observed.manages(live));
    let remedy = if adopt { "sesame sync --adopt" } else { "sesame sync" };
    let changes = match &inventory.active {
        Some((_, live)) => {
            let unlocked = observed.manifest.extensions.iter().filter(|(name, _)| stale.contains_key(*name));
            set_changes(live, &target, unlocked).into_iter().map(|change| DifferenceFact::Set { change }).collect()
        }
        None if observed.manifest.extensions.is_empty() => Vec::new(),
        None => vec![DifferenceFact::NothingActive],
    };
    differences.extend(changes.into_iter().map(|what| Difference {
        between: DifferenceBetween::LockAndActive,
        extension: match &what {
            DifferenceFact::Set { change } => change.extension().cloned(),
            _ => None,
        },
        what,
        remedies: vec![Remedy::run(remedy)],
    }));
    Ok(differences)
}

/// A fetch, or a compiling that is not for want of a fetch.
fn of_step(step: &Step) -> Vec<Difference> {
    let reason = step.reason.clone();
    let (between, what) = match &step.kind {
        StepKind::Fetch { blob, .. } => {
            (DifferenceBetween::LockAndStore, DifferenceFact::NotStored { blob: *blob, reason })
        }
        StepKind::Compile { .. } => (DifferenceBetween::StoreAndCache, DifferenceFact::NotCompiled { reason }),
        StepKind::Verify { .. }
        | StepKind::Activate { .. }
        | StepKind::Narrow { .. }
        | StepKind::Rollback { .. }
        | StepKind::Prune { .. } => {
            return Vec::new();
        }
    };
    step.extensions.iter().map(|name| difference(between, name, what.clone(), Remedy::run("sesame sync"))).collect()
}

/// Tags that name something else by now, and what is locked and gone.
async fn registry_differences(context: &Context, registry: &SourceSelector, lock: &Lock) -> Vec<Difference> {
    let asked = lock.entries.iter().filter_map(|(name, entry)| match &entry.source {
        LockedSource::Oci { reference, provenance, .. } => Some((name, reference, *provenance)),
        LockedSource::Path(_) => None,
    });
    let asked = stream::iter(asked).map(|(name, reference, provenance)| async move {
        let what = match registry.resolve(reference).await {
            Ok(found) if found.provenance == provenance => return None,
            moved => match (registry.document(reference, provenance).await, moved) {
                (Err(error), _) if error.is_not_found() => DifferenceFact::Gone { fault: Error::from(error).fault() },
                (Err(error), _) => {
                    let check = Remedy::run(format!("sesame registry check {}", reference.registry()));
                    let what = DifferenceFact::Unreachable { fault: Error::from(error).fault() };
                    return Some(difference(DifferenceBetween::LockAndRegistry, name, what, check));
                }
                (Ok(_), Ok(found)) => {
                    DifferenceFact::TagMoved { reference: reference.to_string(), provenance: found.provenance }
                }
                // Mirrors have what is locked, and need not have tags.
                (Ok(_), Err(error)) if is_gone_from_layouts(&error) => return None,
                (Ok(_), Err(error)) => DifferenceFact::TagUnresolved {
                    reference: reference.to_string(),
                    fault: Error::from(error).fault(),
                },
            },
        };
        Some(difference(DifferenceBetween::LockAndRegistry, name, what, Remedy::run(format!("sesame lock -P {name}"))))
    });
    let found: Vec<Option<Difference>> = asked.buffered(context.jobs.max(1)).collect().await;
    found.into_iter().flatten().collect()
}

/// Whether only layouts were asked, and have it not.
fn is_gone_from_layouts(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { source_name, .. } => matches!(source_name, SourceName::Layout(_)),
        RegistryError::All { tried, .. } => tried.iter().all(is_gone_from_layouts),
        _ => false,
    }
}

fn difference(between: DifferenceBetween, name: &ExtensionName, what: DifferenceFact, remedy: Remedy) -> Difference {
    Difference { between, extension: Some(name.clone()), what, remedies: vec![remedy] }
}

/// A fault, and what it says to do, or else a command.
fn remedies(fault: Fault, command: &str) -> (Fault, Vec<Remedy>) {
    let (fault, remedies) = fault.into_remedies();
    (fault, if remedies.is_empty() { vec![Remedy::run(command)] } else { remedies })
}
