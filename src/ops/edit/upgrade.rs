//! `upgrade`: resolves extensions again and makes the set live, or leaves both as they were.

use crate::model::name::ProfileName;
use crate::model::report::sync::SyncReport;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::sync::lock::{check_upgrade, resolve_and_write};
use crate::ops::sync::observe::Observation;
use crate::ops::sync::options::UpgradeSelection;

use super::transaction::{activate, all_or_nothing, check_profile_manifest};

/// Takes the newest revisions that the manifest allows.
///
/// # Errors
/// Any of `lock` and `sync`; then lock and live set are as before.
pub fn upgrade(
    context: &Context,
    upgrade: &UpgradeSelection,
    profile: Option<&ProfileName>,
) -> Result<SyncReport, Error> {
    let _guard = context.lock_store()?;
    let observed = Observation::read(context, profile)?;
    check_upgrade(context, &observed.manifest, upgrade)?;
    check_profile_manifest(context, profile, &observed.manifest)?;
    all_or_nothing(context, |undo| {
        undo.remember(&context.project.lock_path())?;
        let (_, lock) = resolve_and_write(context, &observed.manifest, upgrade)?;
        Ok(SyncReport { lock: Some(lock), ..activate(context, profile)? })
    })
}
