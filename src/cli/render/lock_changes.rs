//! Reports as words for people. Everything that others wrote is escaped here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use sesame::host::grants::needed;
use sesame::model::capability::{Capability, shown};
use sesame::model::lock::merge::Choice;
use sesame::model::lock::{LockChange, LockedVersion};
use sesame::model::name::ExtensionName;
use sesame::model::report::{
    DiffReport, ExtensionReport, InitReport, InstallReport, LockOutcome, LockReport, RemoveReport, Removed,
    SyncOutcome, SyncReport, UpToDate, WitReport,
};
use sesame::model::text::{count, escape, size, source_change};
use sesame::ops::edit::consent::Asks;

use super::table::table;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style as Ansi};
use similar::{ChangeTag, TextDiff};
use supports_hyperlinks::Stream;

/// The few styles. They are written always; the stream drops them where no colour is wanted.
pub struct Style;

impl Style {
    pub fn error(text: &str) -> String {
        paint(AnsiColor::Red.on_default().bold(), text)
    }

    pub fn warning(text: &str) -> String {
        paint(AnsiColor::Yellow.on_default().bold(), text)
    }

    pub fn hint(text: &str) -> String {
        paint(AnsiColor::Cyan.on_default().bold(), text)
    }

    pub fn good(text: &str) -> String {
        paint(AnsiColor::Green.on_default().bold(), text)
    }

    pub fn added(text: &str) -> String {
        paint(AnsiColor::Green.on_default(), text)
    }

    pub fn removed(text: &str) -> String {
        paint(AnsiColor::Red.on_default(), text)
    }

    pub fn strong(text: &str) -> String {
        paint(Ansi::new().bold(), text)
    }

    /// A text that leads to a URL, where the terminal that a stream is shows such links (OSC 8).
    pub fn link(stream: Stream, url: &str, text: &str) -> String {
        let choice = match stream {
            Stream::Stdout => AutoStream::choice(&std::io::stdout()),
            Stream::Stderr => AutoStream::choice(&std::io::stderr()),
        };
        if choice != ColorChoice::Never && supports_hyperlinks::on(stream) {
            format!("\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\")
        } else {
            text.to_owned()
        }
    }
}

fn paint(style: Ansi, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

pub fn init(report: &InitReport) -> String {
    format!(
        "{} {}\nname your extensions in it, then run `sesame sync`\n",
        Style::good("wrote"),
        escape(&report.manifest)
    )
}

/// What a lock did.
pub fn lock(report: &LockReport) -> String {
    let changes = format!("{}{}", merged(report), report.changes.iter().map(lock_change).collect::<String>());
    let extensions = count(report.extensions, "extension");
    let file = escape(&report.file);
    let words = match report.outcome {
        LockOutcome::Satisfied => {
            format!("{} {file} satisfies the manifest ({extensions})", Style::good("up to date:"))
        }
        LockOutcome::Unchanged => {
            format!("{} what was resolved again is as it was ({extensions})", Style::good("up to date:"))
        }
        LockOutcome::Written | LockOutcome::WouldChange => {
            format!("{} {file} ({extensions}); commit it, and `sesame sync` makes it live", Style::good("locked:"))
        }
    };
    format!("{changes}{words}\n")
}

/// How the sides of a merge were put together.
pub fn merged(report: &LockReport) -> String {
    let line = |(name, choice): (&ExtensionName, &Choice)| match choice {
        Choice::Ours => format!("merged {name}: only our side has it\n"),
        Choice::Theirs => format!("merged {name}: only their side has it\n"),
        Choice::Neither => format!("merged {name}: the sides differ, so it was resolved again\n"),
    };
    report.merged.iter().map(line).collect()
}

/// What a lock would do.
pub fn lock_preview(report: &LockReport) -> String {
    if report.outcome != LockOutcome::WouldChange {
        return lock(report);
    }
    let stale = report.stale.iter().map(|(name, why)| format!("{name} {}\n", escape(&why.to_string())));
    let file = escape(&report.file);
    let words = format!("{} {file}; the same without `--check` writes it\n", Style::warning("would change:"));
    format!("{}{}{words}", stale.collect::<String>(), lock_text(report))
}

/// What a sync did. An extension that changes in the lock and in the live set is told of once.
pub fn sync(report: &SyncReport) -> String {
    let mut text = String::new();
    let lock = report.lock.as_ref().filter(|lock| lock.outcome == LockOutcome::Written);
    let changes = || lock.iter().flat_map(|lock| &lock.changes);
    let by_name: BTreeMap<&str, &LockChange> = changes().map(|change| (change.name.as_str(), change)).collect();
    let live_names: BTreeSet<&str> = report.changes.iter().filter_map(|line| name_of(line)).collect();
    if let Some(lock) = lock {
        text.push_str(&merged(lock));
        let only_locked = changes().filter(|change| !live_names.contains(change.name.as_str()));
        text.extend(only_locked.map(lock_change));
    }
    for line in &report.changes {
        text.push_str(&active_change(line));
        text.extend(name_of(line).and_then(|name| by_name.get(name)).map(|change| needs(change)));
    }
    let is_done = report.outcome != SyncOutcome::UpToDate;
    if is_done && text.is_empty() {
        text.push_str(&live(&report.extensions));
    }
    text.extend(lock.map(to_be_committed));
    text.push_str(&summary(&live_set(report), if is_done { "done:" } else { "up to date:" }));
    text
}

/// That there was nothing to do.
pub fn up_to_date(live: &UpToDate) -> String {
    summary(live, "up to date:")
}

pub fn live_set(report: &SyncReport) -> UpToDate {
    let (profile, generation, extensions) = (report.profile.clone(), report.generation, report.extensions.len());
    UpToDate { profile, generation, extensions }
}

/// What is live in the end.
pub fn summary(live: &UpToDate, outcome: &str) -> String {
    let generation = live.generation.map_or_else(String::new, |number| format!(" (generation {number})"));
    let are = if live.extensions == 1 { "is" } else { "are" };
    let (extensions, profile) = (count(live.extensions, "extension"), &live.profile);
    format!("{} {extensions} {are} live in profile `{profile}`{generation}\n", Style::good(outcome))
}

/// What a sync has locked on its way.
pub fn locked(lock: &LockReport) -> String {
    let changes: String = lock.changes.iter().map(lock_change).collect();
    format!("{changes}{}", to_be_committed(lock))
}

pub fn to_be_committed(lock: &LockReport) -> String {
    format!("{} {}, to be committed\n", Style::good("locked:"), escape(&lock.file))
}

/// What a sync would do.
pub fn plan(report: &SyncReport) -> String {
    let mut text = String::new();
    if let Some(lock) = &report.lock {
        text.push_str(&lock_text(lock));
    }
    if report.outcome == SyncOutcome::UpToDate {
        let extensions = count(report.extensions.len(), "extension");
        let _ = writeln!(text, "nothing to do: {extensions} in profile `{}`", report.profile);
    }
    text.push_str(&steps(report));
    text
}

/// What changes in the live set, and the plan that gets there.
fn steps(report: &SyncReport) -> String {
    let changes = report.changes.iter().map(|change| active_change(change));
    changes.chain(report.steps.iter().map(|step| format!("{}\n", escape(&step.line)))).collect()
}

pub fn diff(report: &DiffReport) -> String {
    if report.is_empty() {
        return format!(
            "no differences: {} in profile `{}`\n",
            count(report.sync.extensions.len(), "extension"),
            report.sync.profile
        );
    }
    let mut text = lock_text(&report.lock);
    text.push_str(&steps(&report.sync));
    text
}

/// What was installed.
pub fn install(report: &InstallReport) -> String {
    installed(report, "installed")
}

/// What was added.
pub fn added(report: &InstallReport) -> String {
    installed(report, "added")
}

fn installed(report: &InstallReport, outcome: &str) -> String {
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
        ending(&report.lock, report.sync.as_ref(), &[&report.name])
    )
}

/// How a change to some extensions ended: what else was locked, and what is live.
fn ending(lock: &LockReport, sync: Option<&SyncReport>, names: &[&ExtensionName]) -> String {
    let locked = (lock.outcome == LockOutcome::Written).then(|| {
        let others = lock.changes.iter().filter(|change| !names.contains(&&change.name)).map(lock_change);
        format!("{}{}", others.collect::<String>(), to_be_committed(lock))
    });
    let told = names.iter().map(|name| name.as_str()).collect();
    let changes = sync.map(|sync| live_changes(sync, &told)).unwrap_or_default();
    let live = sync.map(|sync| summary(&live_set(sync), "done:"));
    format!("{}{changes}{}{}", merged(lock), locked.unwrap_or_default(), live.unwrap_or_default())
}

/// What changes in the live set, but for the extensions that were told of already.
pub fn live_changes(report: &SyncReport, told: &BTreeSet<&str>) -> String {
    let lines = report.changes.iter().filter(|line| name_of(line).is_none_or(|name| !told.contains(name)));
    lines.map(|line| active_change(line)).collect()
}

/// One change of the active set, its sign in colour.
pub fn active_change(line: &str) -> String {
    match line.split_at_checked(1) {
        Some(("+", rest)) => format!("{}{}\n", Style::added("+"), escape(rest)),
        Some(("-", rest)) => format!("{}{}\n", Style::removed("-"), escape(rest)),
        _ => format!("{}\n", escape(line)),
    }
}

/// Whose line about the live set it is: `~ NAME  …`; nobody's if it is about the whole set.
pub fn name_of(line: &str) -> Option<&str> {
    line.get(2..)?.split_once("  ").map(|(name, _)| name)
}

/// What was taken away.
pub fn remove(report: &RemoveReport) -> String {
    let removed = report.removed.iter().map(|Removed { name, file, kept }| {
        let kept = kept.as_ref().map(|kept| format!("{} stays\n", escape(kept))).unwrap_or_default();
        format!("{} {name} from {}\n{kept}", Style::good("removed"), escape(file))
    });
    let names: Vec<&ExtensionName> = report.removed.iter().map(|removed| &removed.name).collect();
    format!("{}{}", removed.collect::<String>(), ending(&report.lock, report.sync.as_ref(), &names))
}

/// That manual pages were written.
pub fn pages(folder: &Path, number: usize) -> String {
    let pages = count(number, "manual page");
    format!("{} {pages} into {}\n", Style::good("wrote"), escape(&folder.display().to_string()))
}

pub fn wit(report: &WitReport) -> String {
    if report.files.is_empty() {
        return format!("{} the files are there\n", Style::good("up to date:"));
    }
    report.files.iter().map(|file| format!("{} {}\n", Style::good("wrote"), escape(file))).collect()
}

/// What an extension asks for, and the question.
pub fn asks(asks: &Asks<'_>) -> String {
    let mut text = format!(
        "{} {}  {}  {}\n",
        Style::strong(asks.name.as_str()),
        escape(asks.source),
        asks.entry.component.short(),
        size(asks.entry.size)
    );
    if let Some(replaced) = asks.replaced.filter(|replaced| *replaced != asks.source) {
        let _ = writeln!(text, "  in the place of {}", escape(replaced));
    }
    let granted = shown(asks.granted).into_iter().zip(asks.granted);
    let granted = granted.map(|(grant, (capability, scope))| {
        vec![escape(&grant).into_owned(), "granted".to_owned(), capability.allows_of(scope).to_owned()]
    });
    let others = [(asks.missing, "asked for"), (asks.inherited, "from before")];
    let others = others.into_iter().flat_map(|(capabilities, state)| {
        let row = move |capability: &Capability| {
            vec![capability.to_string(), state.to_owned(), capability.allows().to_owned()]
        };
        capabilities.iter().map(row)
    });
    text.push_str(&table(granted.chain(others)));
    let wasi = packages(asks.entry.imports.iter().filter(|import| import.starts_with("wasi:")));
    if !wasi.is_empty() {
        let wasi: Vec<String> = wasi.into_iter().collect();
        let _ = writeln!(text, "  it uses {}, which shows it nothing that is not granted", wasi.join(", "));
    }
    let question = if asks.inherited.is_empty() { "grant what it asks for?" } else { "grant all of that to it?" };
    format!("{text}{question} [y/N] ")
}

/// What is live, one row each.
pub fn live(extensions: &[ExtensionReport]) -> String {
    table(extensions.iter().map(|extension| {
        let grants = escape(&extension.capabilities.join(", ")).into_owned();
        vec![extension.name.to_string(), escape(&extension.source).into_owned(), grants]
    }))
}

/// One change of a lock in a few lines; what it imports stands out.
pub fn lock_change(change: &LockChange) -> String {
    let version = |version: &LockedVersion| format!("{}  {}", escape(&version.source), version.digest.short());
    let name = &change.name;
    let text = match (&change.from, &change.to) {
        (None, Some(to)) => format!("{} {name}  {}\n", Style::added("+"), version(to)),
        (Some(from), None) => format!("{} {name}  {}\n", Style::removed("-"), version(from)),
        (Some(from), Some(to)) => {
            let source = escape(&source_change(&from.source, &to.source)).into_owned();
            format!("~ {name}  {source}\n    {} → {}\n", from.digest.short(), to.digest.short())
        }
        (None, None) => String::new(),
    };
    text + &needs(change)
}

/// What a component wants more or less than the one before.
fn needs(change: &LockChange) -> String {
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
        imports.iter().filter_map(|import| needed(import).flatten()).map(|capability| capability.to_string()).collect()
    };
    let others = |imports: &[String]| packages(imports.iter().filter(|import| needed(import).flatten().is_none()));
    let added = capabilities(&change.imports_added).into_iter().map(|name| Style::strong(&format!("+{name}")));
    let removed = capabilities(&change.imports_removed).into_iter().map(|name| format!("-{name}"));
    // Another version of the same package is no news.
    let (after, before) = (others(&change.imports_added), others(&change.imports_removed));
    let gained = after.difference(&before).map(|package| format!("+{package}"));
    let lost = before.difference(&after).map(|package| format!("-{package}"));
    (added.chain(removed).collect(), gained.chain(lost).collect())
}

/// The packages that imports are of.
pub fn packages<'a>(imports: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    imports.map(|import| escape(import.split('/').next().unwrap_or(import)).into_owned()).collect()
}

/// The summary and the textual diff of a lock that would be written.
fn lock_text(report: &LockReport) -> String {
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
