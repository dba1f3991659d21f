//! How a change to the extensions of a manifest ended, in words.

use sesame::model::name::ExtensionName;
use sesame::model::report::extension::InstallReport;
use sesame::model::report::sync::{LockOutcome, LockReport, SyncReport};
use sesame::model::text::escape;

use super::active_set::{other_changes, set_summary, summary};
use super::lock_changes::{lock_change, merged, to_be_committed};
use super::style::Style;

/// What was installed or added.
pub fn installed(report: &InstallReport, outcome: &str) -> String {
    let granted = if report.capabilities.is_empty() { "no grants".to_owned() } else { report.capabilities.join(", ") };
    let replaced = report.replaced.iter().map(|replaced| format!("  in the place of {}\n", escape(replaced)));
    format!(
        "{} {}  {}  {}\n{}{} {}\n{}",
        Style::good(outcome),
        report.name,
        escape(&report.source),
        escape(&granted),
        replaced.collect::<String>(),
        Style::good("wrote"),
        escape(&report.file),
        closing_text(&report.lock, report.sync.as_ref(), &[&report.name])
    )
}

/// How a change to some extensions ended: what else was locked, and what is live.
pub fn closing_text(lock: &LockReport, sync: Option<&SyncReport>, names: &[&ExtensionName]) -> String {
    let locked = (lock.outcome == LockOutcome::Written).then(|| {
        let others = lock.changes.iter().filter(|change| !names.contains(&&change.name)).map(lock_change);
        format!("{}{}", others.collect::<String>(), to_be_committed(lock))
    });
    let told = names.iter().copied().collect();
    let changes = sync.map(|sync| other_changes(sync, &told)).unwrap_or_default();
    let live = sync.map(|sync| summary(&set_summary(sync), "done:"));
    format!("{}{changes}{}{}", merged(lock), locked.unwrap_or_default(), live.unwrap_or_default())
}
