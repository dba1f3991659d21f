//! How a change to the extensions of a manifest ended, in words.

use sesame::model::name::ExtensionName;
use sesame::model::report::extension::{GrantsReport, InstallReport, Removed};
use sesame::model::report::sync::{LockOutcome, LockReport, SyncReport};
use sesame::model::text::escape;

use super::active_set::{grant_changes, other_changes, sync_summary};
use super::lock_changes::{lock_change, merged, to_be_committed};
use super::style::Style;

/// What was installed or added.
pub fn installed(report: &InstallReport, outcome: &str) -> String {
    let granted = if report.capabilities.is_empty() { "no grants".to_owned() } else { report.capabilities.join(", ") };
    let kept = if report.kept_range.is_some() { "; the range is kept" } else { "" };
    let change = report.lock.changes.iter().find(|change| change.name == report.name);
    let before =
        change.and_then(|change| change.from.as_ref()).filter(|from| Some(&from.source) != report.locked.as_ref());
    let before = before.map(|from| format!(" instead of {}", escape(&from.source))).unwrap_or_default();
    let locked = report.locked.iter().map(|locked| format!("  locked to {}{before}{kept}\n", escape(locked)));
    let locked: String = locked.collect();
    let replaced = report.replaced.iter().map(|replaced| format!("  replaces {}\n", escape(replaced)));
    let narrowed: Vec<&str> = report.narrowed.iter().filter_map(|grant| grant.split('=').next()).collect();
    let narrowed = match narrowed[..] {
        [] => String::new(),
        _ => format!("  no longer granted as a whole: {}\n", narrowed.join(", ")),
    };
    format!(
        "{} {}  {}  {}\n{}{locked}{narrowed}{} {}\n{}",
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

/// An extension that was removed.
pub fn removed_words(Removed { name, file, kept }: &Removed) -> String {
    let kept = kept.as_ref().map(|kept| format!("{} stays\n", escape(kept))).unwrap_or_default();
    format!("{} {name} from {}\n{kept}", Style::good("removed"), escape(file))
}

/// How the grants of an extension were changed, before any sync.
pub fn grants_changed(report: &GrantsReport) -> String {
    let GrantsReport { name, file, changes, capabilities, .. } = report;
    if changes.is_empty() {
        let granted = if capabilities.is_empty() { "nothing".to_owned() } else { capabilities.join(", ") };
        return format!("{} `{name}` is granted {}\n", Style::good("nothing to change:"), escape(&granted));
    }
    let (changes, changed, wrote) = (grant_changes(changes), Style::good("changed"), Style::good("wrote"));
    format!("{changed} the grants of {name}: {}\n{wrote} {}\n", escape(&changes), escape(file))
}

/// How a change to some extensions ended: what else was locked, and what is live.
pub fn closing_text(lock: &LockReport, sync: Option<&SyncReport>, names: &[&ExtensionName]) -> String {
    let locked = (lock.outcome == LockOutcome::Written).then(|| {
        let others = lock.changes.iter().filter(|change| !names.contains(&&change.name)).map(lock_change);
        format!("{}{}", others.collect::<String>(), to_be_committed(lock))
    });
    let told = names.iter().copied().collect();
    let changes = sync.map(|sync| other_changes(sync, &told)).unwrap_or_default();
    let live = sync.map(|sync| sync_summary(sync, "done:"));
    format!("{}{changes}{}{}", merged(lock), locked.unwrap_or_default(), live.unwrap_or_default())
}
