//! What is active, and what changes of it, in words.

use std::collections::BTreeSet;

use sesame::model::report::sync::{ExtensionReport, SetSummary, SyncReport};
use sesame::model::text::{count, escape};

use super::style::Style;
use super::table::table;

/// What is live in the end.
pub fn summary(live: &SetSummary, outcome: &str) -> String {
    let generation = live.generation.map_or_else(String::new, |number| format!(" (generation {number})"));
    let are = if live.extensions == 1 { "is" } else { "are" };
    let (extensions, profile) = (count(live.extensions, "extension"), &live.profile);
    format!("{} {extensions} {are} live in profile `{profile}`{generation}\n", Style::good(outcome))
}

pub fn set_summary(report: &SyncReport) -> SetSummary {
    let (profile, generation, extensions) = (report.profile.clone(), report.generation, report.extensions.len());
    SetSummary { profile, generation, extensions }
}

/// One change of the active set, its sign in colour.
pub fn active_change(line: &str) -> String {
    match line.split_at_checked(1) {
        Some(("+", rest)) => format!("{}{}\n", Style::added("+"), escape(rest)),
        Some(("-", rest)) => format!("{}{}\n", Style::removed("-"), escape(rest)),
        _ => format!("{}\n", escape(line)),
    }
}

/// What changes in the live set, but for the extensions that were told of already.
pub fn active_changes(report: &SyncReport, told: &BTreeSet<&str>) -> String {
    let lines = report.changes.iter().filter(|line| name_of(line).is_none_or(|name| !told.contains(name)));
    lines.map(|line| active_change(line)).collect()
}

/// Whose line about the live set it is: `~ NAME  …`; nobody's if it is about the whole set.
pub fn name_of(line: &str) -> Option<&str> {
    line.get(2..)?.split_once("  ").map(|(name, _)| name)
}

/// What is live, one row each.
pub fn extension_table(extensions: &[ExtensionReport]) -> String {
    table(extensions.iter().map(|extension| {
        let grants = escape(&extension.capabilities.join(", ")).into_owned();
        vec![extension.name.to_string(), escape(&extension.source).into_owned(), grants]
    }))
}
