//! What is active, and what changes of it, in words.

use std::collections::BTreeSet;

use sesame::model::manifest::Limits;
use sesame::model::name::ExtensionName;
use sesame::model::plan::set_change::{ExtensionChange, GrantChanges, Replacement, SetChange};
use sesame::model::report::sync::{ExtensionReport, SetSummary, SyncOutcome, SyncReport};
use sesame::model::text::{count, escape};

use super::lock_changes::source_change;
use super::style::Style;
use super::table::table;

/// What is live in the end.
pub fn summary(live: &SetSummary, outcome: &str) -> String {
    let generation = live.generation.map_or_else(String::new, |number| format!(" (generation {number})"));
    let are = if live.extensions == 1 { "is" } else { "are" };
    let (extensions, profile) = (count(live.extensions, "extension"), &live.profile);
    format!("{} {extensions} {are} live in profile `{profile}`{generation}\n", Style::good(outcome))
}

/// That a profile is held, and how to go on.
pub fn held_summary(active: &SetSummary) -> String {
    let hint = Style::hint("hint: ");
    format!("{}  {hint}`sesame rollback --release` lets `sesame sync` change it again\n", summary(active, "held:"))
}

/// What is active after a sync; `outcome` is how it ended, unless the profile is held.
pub fn sync_summary(report: &SyncReport, outcome: &str) -> String {
    match report.outcome {
        SyncOutcome::Held => held_summary(&set_summary(report)),
        SyncOutcome::UpToDate => summary(&set_summary(report), "up to date:"),
        _ => summary(&set_summary(report), outcome),
    }
}

pub fn set_summary(report: &SyncReport) -> SetSummary {
    let (profile, generation, extensions) = (report.profile.clone(), report.generation, report.extensions.len());
    SetSummary { profile, generation, extensions }
}

/// One change of the active set in a line, its sign in colour.
pub fn set_change(change: &SetChange) -> String {
    match change {
        SetChange::Added { name, source, grants, locked } => {
            let grants = if grants.is_empty() { String::new() } else { format!("  grants: {}", grants.join(", ")) };
            let locked = if *locked { "" } else { "  (not locked yet)" };
            format!("{} {name}  {}{}{locked}\n", Style::added("+"), escape(source), escape(&grants))
        }
        SetChange::Removed { name, source } => format!("{} {name}  {}\n", Style::removed("-"), escape(source)),
        SetChange::Changed(change) => format!("~ {}  {}\n", change.name, escape(&extension_change(change).join(", "))),
        SetChange::SharedConfig => "~ the shared [config]\n".to_owned(),
        SetChange::Manifest { from, to } => {
            format!("~ the set passes from {} to {}\n", escape(&from.to_string()), escape(&to.to_string()))
        }
    }
}

/// What changes of an extension. Where it comes from somewhere else, that its component is another is not repeated.
fn extension_change(change: &ExtensionChange) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(change.source.as_ref().map(|source| source_change(&source.from, &source.to)));
    if !change.locked {
        parts.push("not locked yet".to_owned());
    } else if parts.is_empty() {
        if let Some(Replacement { from, to }) = &change.component {
            parts.push(format!("component {} → {}", from.short(), to.short()));
        } else if change.provenance.is_some() {
            parts.push("provenance".to_owned());
        } else if change.lock_record {
            parts.push("what the lock says of it".to_owned());
        }
    }
    if !change.grants.is_empty() {
        parts.push(format!("grants: {}", grant_changes(&change.grants)));
    }
    parts.extend(change.limits.as_ref().map(limits));
    if change.config {
        parts.push("config".to_owned());
    }
    parts
}

/// `+config-read; -env=TZ; secret-read → secret-read=pin`
pub fn grant_changes(changes: &GrantChanges) -> String {
    let added = changes.added.iter().map(|grant| format!("+{grant}"));
    let removed = changes.removed.iter().map(|grant| format!("-{grant}"));
    let changed = changes.changed.iter().map(|Replacement { from, to }| format!("{from} → {to}"));
    added.chain(removed).chain(changed).collect::<Vec<_>>().join("; ")
}

/// Which limits change, with the defaults where none is set.
fn limits(Replacement { from, to }: &Replacement<Limits>) -> String {
    let text = |value: Option<u64>| value.map_or_else(|| "off".to_owned(), |value| value.to_string());
    let all = [
        ("max_memory_mib", Some(from.memory_mib()), Some(to.memory_mib())),
        ("max_fuel", from.max_fuel, to.max_fuel),
        ("timeout_ms", Some(from.time_ms()), Some(to.time_ms())),
    ];
    let changed = all.into_iter().filter(|(_, from, to)| from != to);
    let changed: Vec<String> =
        changed.map(|(name, from, to)| format!("{name} {} → {}", text(from), text(to))).collect();
    // One that is set to its default changes nothing.
    if changed.is_empty() { "limits".to_owned() } else { changed.join(", ") }
}

/// What changes in the live set, but for the extensions that were told of already.
pub fn other_changes(report: &SyncReport, told: &BTreeSet<&ExtensionName>) -> String {
    let is_told = |change: &&SetChange| change.extension().is_some_and(|name| told.contains(name));
    report.changes.iter().filter(|change| !is_told(change)).map(set_change).collect()
}

/// What is live, one row each.
pub fn extension_table(extensions: &[ExtensionReport]) -> String {
    table(extensions.iter().map(|extension| {
        let grants = escape(&extension.capabilities.join(", ")).into_owned();
        vec![extension.name.to_string(), escape(&extension.source).into_owned(), grants]
    }))
}
