//! What the next sync would do, for commands that only report: `sync` itself decides, up to where it would make a request or
//! write something. Of a lock that has to be made again, what is known without a request is decided in the same way.

use std::sync::Arc;

use crate::model::name::ProfileName;
use crate::model::plan::set_change::SetChange;
use crate::model::report::event::NoObserver;
use crate::model::report::sync::Forecast;
use crate::ops::context::Context;
use crate::ops::error::Error;

use super::lock::lock_without_requests;
use super::options::{NarrowingTarget, ProfileTakeover, SyncOptions, WriteMode};
use super::planned_sync::PlannedSync;
use super::{Preparation, narrow, prepare};

/// What the next `sync` of the project would do. The refusal comes with it as an error.
pub(crate) fn forecast(context: &Context, profile: Option<&ProfileName>) -> (Forecast, Option<Error>) {
    match next_sync(context, profile) {
        Ok(forecast) => (forecast, None),
        Err(refusal) => {
            (Forecast::Refused { fault: refusal.fault(), narrowing: narrowing(context, profile) }, Some(refusal))
        }
    }
}

/// What a refused sync would remove from the active set.
pub(crate) fn narrowing(context: &Context, profile: Option<&ProfileName>) -> Vec<SetChange> {
    let target = NarrowingTarget { profile, ownership: ProfileTakeover::Refuse };
    narrow::preview(context, target).ok().flatten().map(|report| report.changes).unwrap_or_default()
}

/// The same for callers that report a refusal in their own way.
///
/// # Errors
/// What it would be refused for.
pub(crate) fn next_sync(context: &Context, profile: Option<&ProfileName>) -> Result<Forecast, Error> {
    // Only a report is made, so no step of it is shown.
    let context = &Context { observer: Arc::new(NoObserver), ..context.clone() };
    match prepare(context, &SyncOptions::preview(profile))? {
        Preparation::Planned(planned) => {
            planned.check_held(context)?;
            Ok(if planned.is_empty() { Forecast::UpToDate } else { Forecast::Changes })
        }
        Preparation::Held(held) => Ok(Forecast::Held { generation: held.generation.unwrap_or_default() }),
        Preparation::Stale(desired) => {
            let observed = &desired.observed;
            let lock = observed.lock()?.unwrap_or_default();
            let known = lock_without_requests(context, &observed.manifest, &lock, &observed.stale(&lock)?)?;
            PlannedSync::new(*desired, known, WriteMode::Preview)?.check_held(context)?;
            Ok(Forecast::Changes)
        }
    }
}
