//! What changes in a lock, in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

use sesame::host::grants::required_capability;
use sesame::model::lock::merge::MergeChoice;
use sesame::model::lock::{LockChange, LockedVersion};
use sesame::model::name::ExtensionName;
use sesame::model::reference::OciReference;
use sesame::model::report::sync::LockReport;
use sesame::model::text::escape;

use super::style::Style;

/// One change of a lock in a few lines; what it imports stands out.
pub fn lock_change(change: &LockChange) -> String {
    let version = |version: &LockedVersion| format!("{}  {}", escape(&version.source), version.digest.short());
    let name = &change.name;
    let text = match (&change.from, &change.to) {
        (None, Some(to)) => format!("{} {name}  {}\n", Style::added("+"), version(to)),
        (Some(from), None) => format!("{} {name}  {}\n", Style::removed("-"), version(from)),
        (Some(from), Some(to)) => {
            let source = escape(&source_change(&from.source, &to.source)).into_owned();
            let digests = match (from.digest == to.digest, from.source == to.source) {
                (false, _) => format!("    {} → {}\n", from.digest.short(), to.digest.short()),
                (true, false) => String::new(),
                (true, true) => "    what the lock records of it\n".to_owned(),
            };
            format!("~ {name}  {source}\n{digests}")
        }
        (None, None) => String::new(),
    };
    text + &capability_changes(change)
}

/// How a reference or path becomes another: `ghcr.io/acme/clock:1.0.0 → 1.1.0` where only the tag is another.
pub fn source_change(from: &str, to: &str) -> String {
    let references = (from.parse::<OciReference>(), to.parse::<OciReference>());
    match references {
        _ if from == to => to.to_owned(),
        (Ok(before), Ok(after)) if before.without_revision() == after.without_revision() => {
            format!("{from} → {}", after.revision())
        }
        _ => format!("{from} → {to}"),
    }
}

/// How the sides of a merge were put together.
pub fn merged(report: &LockReport) -> String {
    let line = |(name, choice): (&ExtensionName, &MergeChoice)| match choice {
        MergeChoice::Ours => format!("merged {name}: only our side has it\n"),
        MergeChoice::Theirs => format!("merged {name}: only their side has it\n"),
        MergeChoice::Neither => format!("merged {name}: the sides differ, so it was resolved again\n"),
    };
    report.merged.iter().map(line).collect()
}

/// What a sync has locked on its way.
pub fn locked_words(lock: &LockReport) -> String {
    let changes: String = lock.changes.iter().map(lock_change).collect();
    format!("{changes}{}", to_be_committed(lock))
}

pub fn to_be_committed(lock: &LockReport) -> String {
    format!("{} {}, to be committed\n", Style::good("locked:"), escape(&lock.file))
}

/// The summary and the textual diff of a lock that would be written.
pub fn lock_text(report: &LockReport) -> String {
    let mut text: String = report.changes.iter().map(lock_change).collect();
    if let Some((old, new)) = &report.texts {
        let _ = writeln!(text, "--- {0}\n+++ {0}", escape(&report.file));
        let diff = TextDiff::from_lines(old.as_str(), new.as_str());
        for group in diff.grouped_ops(2) {
            text.push_str("@@\n");
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let line = escape(change.value().trim_end_matches('\n')).into_owned();
                let _ = match change.tag() {
                    ChangeTag::Equal => writeln!(text, " {line}"),
                    ChangeTag::Delete => writeln!(text, "{}", Style::removed(&format!("-{line}"))),
                    ChangeTag::Insert => writeln!(text, "{}", Style::added(&format!("+{line}"))),
                };
            }
        }
    }
    text
}

/// What a component wants more or less than the one before.
pub fn capability_changes(change: &LockChange) -> String {
    if change.to.is_none() {
        return String::new();
    }
    let (needs, others) = imports(change);
    let lines = [("capabilities", needs), ("imports", others)].into_iter().filter(|(_, list)| !list.is_empty());
    lines.map(|(what, list)| format!("    {what}: {}\n", list.join(" "))).collect()
}

/// What a change adds and removes: capabilities, and what needs none, by its package.
fn imports(change: &LockChange) -> (Vec<String>, Vec<String>) {
    let capabilities = |imports: &[String]| -> Vec<String> {
        imports
            .iter()
            .filter_map(|import| required_capability(import).flatten())
            .map(|capability| capability.to_string())
            .collect()
    };
    let others = |imports: &[String]| {
        wit_packages(imports.iter().filter(|import| required_capability(import).flatten().is_none()))
    };
    let added = capabilities(&change.imports_added).into_iter().map(|name| Style::strong(&format!("+{name}")));
    let removed = capabilities(&change.imports_removed).into_iter().map(|name| format!("-{name}"));
    // Another version of the same package is no news.
    let (after, before) = (others(&change.imports_added), others(&change.imports_removed));
    let gained = after.difference(&before).map(|package| format!("+{package}"));
    let lost = before.difference(&after).map(|package| format!("-{package}"));
    (added.chain(removed).collect(), gained.chain(lost).collect())
}

/// The packages that imports are of.
pub fn wit_packages<'a>(imports: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    imports.map(|import| escape(import.split('/').next().unwrap_or(import)).into_owned()).collect()
}
