//! `diff`: what `lock` and `sync` would change, without changing it.

use crate::model::name::ProfileName;
use crate::model::report::sync::{DiffReport, SyncOutcome};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::sync;

use super::lock;
use super::options::{SyncOptions, UpgradeSelection, WriteMode};

/// The lock that a `lock` would write, and the plan of the `sync` after it.
///
/// # Errors
/// What that `sync` would be refused for, as [`Error::Narrowed`] if it would narrow the active set.
pub fn diff(context: &Context, profile: Option<ProfileName>) -> Result<DiffReport, Error> {
    let options = SyncOptions::preview(profile.as_ref());
    let mut sync = sync::sync(context, &options)?;
    let lock = match sync.lock.take() {
        Some(lock) => lock,
        None => {
            let (lock, warnings) = lock::lock_with_warnings(context, WriteMode::Preview, &UpgradeSelection::Nothing)?;
            // Of a set that is not held, the sync has reported the same.
            if sync.outcome == SyncOutcome::Held {
                context.warn(&warnings);
            }
            lock
        }
    };
    Ok(DiffReport { lock, sync })
}
