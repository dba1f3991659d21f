//! `sesame upgrade`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::{active_names, capabilities};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ProfileOption, ResourceOptions};
use crate::cli::render::active_set::{held_summary, other_changes, set_summary, sync_summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::lock_changes::{lock_change, merged, source_change, to_be_committed};
use crate::cli::render::plan::steps;
use crate::cli::render::style::Style;
use crate::cli::terminal::consent::ask_for_grants;
use crate::cli::terminal::environment::Environment;
use sesame::model::capability::grant::Grant;
use sesame::model::name::ExtensionName;
use sesame::model::report::extension::{LeftExtension, UpgradeReport};
use sesame::model::report::sync::{LockOutcome, SyncOutcome, SyncReport};
use sesame::model::text::escape;
use sesame::ops::edit::consent::{Consent, ConsentRequest};
use sesame::ops::edit::upgrade::{UpgradeOptions, upgrade};
use sesame::ops::error::policy::{capability_list, grant_options};
use sesame::ops::sync::options::{UpgradeSelection, WriteMode};

#[derive(Debug, Clone, Args)]
pub struct UpgradeCommand {
    /// Names of extensions [default: all]
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(active_names))]
    pub names: Vec<ExtensionName>,
    /// Change nothing, and print what would be upgraded
    #[arg(long)]
    pub dry_run: bool,
    /// Grant a capability that a newer version asks for; may be given several times
    #[arg(long = "grant", value_name = "CAPABILITY", add = ArgValueCandidates::new(capabilities))]
    pub grants: Vec<Grant>,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl UpgradeCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let selection = UpgradeSelection::of_names(&self.names);
        let environment = Environment::read()?;
        let consent = |request: &ConsentRequest<'_>| match self.dry_run {
            true => Consent::NoPrompt,
            false => ask_for_grants(request, &environment, invocation.output, &context.interrupt),
        };
        let mode = if self.dry_run { WriteMode::Preview } else { WriteMode::Write };
        let grants: Vec<Grant> = self.grants.iter().map(|grant| environment.absolute(grant)).collect();
        let profile = self.profile.profile.as_ref();
        let options = UpgradeOptions { mode, selection: &selection, grants: &grants, consent: &consent, profile };
        let report = upgrade(&context, &options)?;
        if self.dry_run {
            invocation.print_result(Data::Upgrade(&report), || preview(&report));
            return Ok(CommandOutcome::Done);
        }
        invocation.print_report(Data::Upgrade(&report), || words(&report));
        Ok(if report.left.is_empty() { CommandOutcome::Done } else { CommandOutcome::Differs })
    }
}

/// What was upgraded, and what was not.
fn words(report: &UpgradeReport) -> String {
    let wrote = report.files.iter().map(|file| format!("{} {}\n", Style::good("wrote"), escape(file)));
    let upgraded = upgraded(&report.sync, report.left.is_empty());
    wrote.chain([upgraded]).chain(report.left.iter().map(left)).collect()
}

/// What would be upgraded, and what would not.
fn preview(report: &UpgradeReport) -> String {
    let changes = || report.sync.lock.iter().flat_map(|lock| &lock.changes);
    let reported = changes().map(|change| &change.name).filter(|name| !changes_grants(&report.sync, name)).collect();
    let mut text: String = changes().map(lock_change).collect();
    text.push_str(&other_changes(&report.sync, &reported));
    text.push_str(&steps(&report.sync));
    text.extend(report.left.iter().map(left));
    if report.sync.outcome == SyncOutcome::Held {
        text.push_str(&held_summary(&set_summary(&report.sync)));
    } else if text.is_empty() {
        let upgraded = Style::good("up to date:");
        text = format!("{upgraded} there is nothing to upgrade in profile `{}`\n", report.sync.profile);
    }
    text
}

/// An extension that was left as it is, and how to upgrade it.
fn left(left: &LeftExtension) -> String {
    let LeftExtension { name, locked, newer, capabilities, denied_by } = left;
    let change = escape(&source_change(locked, newer)).into_owned();
    let required = capability_list(capabilities);
    let line = format!("{} {name}  {change}  requires {required}", Style::strong("not upgraded:"));
    match denied_by {
        Some(file) => format!("{line}, which {} denies\n", escape(file)),
        None => {
            let grants = grant_options(capabilities);
            format!("{line}\n  {}`sesame upgrade {name} {grants}` grants it\n", Style::hint("hint: "))
        }
    }
}

/// What is granted is reported with the active set alone.
fn changes_grants(report: &SyncReport, name: &ExtensionName) -> bool {
    report.changes.iter().any(|change| change.extension() == Some(name) && change.changes_grants())
}

fn upgraded(report: &SyncReport, is_complete: bool) -> String {
    let lock = report.lock.as_ref().filter(|lock| lock.outcome == LockOutcome::Written);
    let locked_changes = || lock.iter().flat_map(|lock| &lock.changes);
    let told = locked_changes().map(|change| &change.name).filter(|name| !changes_grants(report, name)).collect();
    let changes = locked_changes().map(lock_change).collect::<String>() + &other_changes(report, &told);
    let locked = lock.map(to_be_committed);
    let merged = lock.map(merged).unwrap_or_default();
    let hint = match lock {
        None if is_complete => {
            format!(
                "  {}`sesame outdated` looks for newer versions that the manifest does not allow\n",
                Style::hint("hint: ")
            )
        }
        _ => String::new(),
    };
    format!("{merged}{changes}{}{}{hint}", locked.unwrap_or_default(), sync_summary(report, "done:"))
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
        let words = upgraded(&report, true);
        assert!(words.contains("1.0.0 → 1.1.0") && words.contains("config-read"), "{words}");
    }
}
