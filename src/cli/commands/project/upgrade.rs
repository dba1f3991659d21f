//! `sesame upgrade`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::active_names;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ProfileOption, ResourceOptions};
use crate::cli::render::active_set::{other_changes, set_summary, summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::lock_changes::{lock_change, merged, to_be_committed};
use crate::cli::render::style::Style;
use sesame::model::name::ExtensionName;
use sesame::model::report::sync::{LockOutcome, SyncOutcome, SyncReport};
use sesame::ops::edit::upgrade::upgrade;
use sesame::ops::sync::options::UpgradeSelection;

#[derive(Debug, Clone, Args)]
pub struct UpgradeCommand {
    /// Names of extensions [default: all]
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(active_names))]
    pub names: Vec<ExtensionName>,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl UpgradeCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let names = if self.names.is_empty() {
            UpgradeSelection::All
        } else {
            UpgradeSelection::Names(self.names.iter().cloned().collect())
        };
        let report = upgrade(&context, &names, self.profile.profile.as_ref())?;
        invocation.print_report(Data::Sync(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// What was upgraded.
fn words(report: &SyncReport) -> String {
    let lock = report.lock.as_ref().filter(|lock| lock.outcome == LockOutcome::Written);
    let locked_changes = || lock.iter().flat_map(|lock| &lock.changes);
    // What is granted is said of the live set alone.
    let changes_grants = |name: &ExtensionName| {
        report.changes.iter().any(|change| change.extension() == Some(name) && change.changes_grants())
    };
    let told = locked_changes().map(|change| &change.name).filter(|name| !changes_grants(name)).collect();
    let changes = locked_changes().map(lock_change).collect::<String>() + &other_changes(report, &told);
    let locked = lock.map(to_be_committed);
    let outcome = if report.outcome == SyncOutcome::UpToDate { "up to date:" } else { "done:" };
    let merged = lock.map(merged).unwrap_or_default();
    let hint = match lock {
        Some(_) => String::new(),
        None => {
            format!("  {}`sesame outdated` tells of versions that the manifest does not allow\n", Style::hint("hint: "))
        }
    };
    format!("{merged}{changes}{}{}{hint}", locked.unwrap_or_default(), summary(&set_summary(report), outcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sesame::model::digest::Digest;
    use sesame::model::lock::{LockChange, LockedVersion};
    use sesame::model::name::ProfileName;
    use sesame::model::plan::set_change::SetChange;
    use sesame::model::report::sync::LockReport;

    #[test]
    fn what_an_upgrade_makes_active_shows_its_grants() {
        let name: ExtensionName = "clock".parse().unwrap();
        let version = |tag: &str| LockedVersion { source: format!("ghcr.io/o/clock:{tag}"), digest: Digest::of(b"") };
        let change = LockChange {
            name: name.clone(),
            from: Some(version("1.0.0")),
            to: Some(version("1.1.0")),
            imports_added: Vec::new(),
            imports_removed: Vec::new(),
        };
        let source = "ghcr.io/o/clock:1.1.0".to_owned();
        let added = SetChange::Added { name, source, grants: vec!["config-read".into()], locked: true };
        let report = SyncReport {
            profile: ProfileName::default(),
            manifest: "sesame.toml".into(),
            outcome: SyncOutcome::Done,
            lock: Some(LockReport {
                file: "sesame.lock".into(),
                outcome: LockOutcome::Written,
                stale: Default::default(),
                changes: vec![change],
                merged: Default::default(),
                extensions: 1,
                texts: None,
            }),
            generation: Some(1),
            changes: vec![added],
            steps: Vec::new(),
            extensions: Vec::new(),
            functions: None,
        };
        let words = words(&report);
        assert!(words.contains("1.0.0 → 1.1.0") && words.contains("config-read"), "{words}");
    }
}
