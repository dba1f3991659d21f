//! How errors end the process: exit statuses, after sysexits.h, and the words on standard error.

use std::io;

use supports_hyperlinks::Stream;

use crate::cli::terminal::environment::EnvironmentError;
use sesame::model::fault::hint::Hint;
use sesame::model::fault::{Fault, FaultKind};
use sesame::model::plan::step::StepKind;
use sesame::model::report::extension::RemoveReport;
#[cfg(feature = "daemon")]
use sesame::model::report::host::CallFailure;
use sesame::model::report::sync::{ExtensionStatus, LockOutcome, StepOutcome, StepReport, SyncOutcome, SyncReport};
use sesame::model::text::{SHOWN_NAMES, count, escape, list};
use sesame::model::toml::problem::Problem;
use sesame::ops::error::lock::LockError;
use sesame::ops::error::profile::ProfileError;
use sesame::ops::error::project::ProjectError;
use sesame::ops::error::run::RunError;
use sesame::ops::error::{Error, KeptEdit};

use super::active_set::{set_change, set_summary, summary};
use super::edit_outcome::{grants_changed, removed_words};
use super::lock_changes;
use super::plan::changes_and_steps;
use super::style::Style;
use super::table::table;

#[cfg(feature = "daemon")]
use sesame::daemon::error::DaemonError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Verb(#[from] Error),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The host of the desktop could not make a call.
    #[cfg(feature = "daemon")]
    #[error("{}", .0.fault.message)]
    Host(CallFailure),
    #[cfg(feature = "daemon")]
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error("`{0}` is neither the name of an extension nor a file")]
    NoTarget(String),
    #[error("{message}")]
    Usage {
        message: String,
        /// What was most likely meant, or what is allowed.
        suggestions: Vec<String>,
    },
    #[error("there is no command or topic `{name}`")]
    NoTopic {
        name: String,
        /// The closest that there is.
        closest: Option<String>,
    },
    #[error("`--grant` is for a component's file; what is live has the grants of its manifest")]
    GrantToActive,
    #[error("`--version` needs a repository without a tag")]
    VersionOfTag,
    #[error("the name `{0}` does not determine the format of a graph")]
    NoGraphFormat(String),
    #[error("cannot determine your shell from `$SHELL`")]
    UnknownShell,
    #[error("there is nobody to ask for a name and a password")]
    NobodyToAsk,
    #[error("a login needs a name without `:`, and a password that is not empty")]
    NoLogin,
    #[error("the compiler cannot go on")]
    Worker(#[source] io::Error),
    #[cfg(feature = "daemon")]
    #[error("the clipboard cannot be held")]
    Clipboard(#[source] io::Error),
    #[error("cannot read from standard input")]
    Input(#[source] io::Error),
}

impl CommandError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Verb(error) => error.kind(),
            #[cfg(feature = "daemon")]
            Self::Host(failure) => failure.fault.kind,
            #[cfg(feature = "daemon")]
            Self::Daemon(error) => error.kind(),
            Self::Environment(EnvironmentError::CurrentFolder(_)) | Self::Input(_) | Self::Worker(_) => FaultKind::Io,
            #[cfg(feature = "daemon")]
            Self::Clipboard(_) => FaultKind::Io,
            Self::Environment(EnvironmentError::NoHome) => FaultKind::Configuration,
            Self::Usage { .. }
            | Self::GrantToActive
            | Self::VersionOfTag
            | Self::NoGraphFormat(_)
            | Self::UnknownShell
            | Self::NoTarget(_)
            | Self::NoTopic { .. }
            | Self::NobodyToAsk
            | Self::NoLogin => FaultKind::Usage,
        }
    }

    pub fn fault(&self) -> Fault {
        match self {
            Self::Verb(error) => error.fault(),
            #[cfg(feature = "daemon")]
            Self::Host(failure) => failure.fault.clone(),
            #[cfg(feature = "daemon")]
            Self::Daemon(error) => error.fault(),
            error => Fault::new(error.kind(), error, error.hints()),
        }
    }

    /// What to do about an error that is not of a verb.
    fn hints(&self) -> Vec<Hint> {
        let hint = match self {
            Self::Verb(error) => return error.hints(),
            #[cfg(feature = "daemon")]
            Self::Host(failure) => return failure.fault.hints.clone(),
            #[cfg(feature = "daemon")]
            Self::Daemon(error) => return error.hints(),
            Self::Worker(_) => return Vec::new(),
            #[cfg(feature = "daemon")]
            Self::Clipboard(_) => return Vec::new(),
            Self::Environment(EnvironmentError::CurrentFolder(_)) => "change to a folder that exists".into(),
            Self::Environment(EnvironmentError::NoHome) => "set it to your home folder".into(),
            Self::Usage { suggestions, .. } => {
                let quoted = list(suggestions.iter().map(|text| format!("`{text}`")));
                match suggestions[..] {
                    [] => "`sesame help COMMAND` has its options".into(),
                    [_] => format!("did you mean {quoted}?").into(),
                    _ => format!("one of {quoted}").into(),
                }
            }
            Self::NoGraphFormat(_) => "end it in .svg, .dot, .mmd or .txt, or add `--format`".into(),
            Self::Input(_) => "hand over the password as UTF-8".into(),
            Self::NoLogin => "look whether the variable that holds it is set".into(),
            Self::NobodyToAsk => {
                "say `--username NAME --password-stdin` and hand over the password on standard input".into()
            }
            Self::UnknownShell => "name it: `sesame completions bash`, `zsh`, `fish` or `nushell`".into(),
            Self::VersionOfTag => "leave out the tag, or `--version`".into(),
            Self::NoTarget(name) => format!("write `./{name}` if it is a component's file").into(),
            Self::NoTopic { closest, .. } => {
                let guess = closest.iter().map(|closest| format!("did you mean `{closest}`?").into());
                return guess.chain(["`sesame help` lists all".into()]).collect();
            }
            Self::GrantToActive => "`sesame grant NAME CAPABILITY` grants it".into(),
        };
        vec![hint]
    }

    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Verb(error) => error.problems(),
            _ => &[],
        }
    }

    /// The report of a sync that failed in part.
    pub fn report(&self) -> Option<&SyncReport> {
        match self.refusal() {
            Some(Error::Incomplete(report) | Error::PutBack(report)) => Some(report),
            _ => None,
        }
    }

    /// The error of a verb.
    pub fn verb(&self) -> Option<&Error> {
        match self {
            Self::Verb(error) => Some(error),
            _ => None,
        }
    }

    /// The error of a verb, without what was done nevertheless.
    pub fn refusal(&self) -> Option<&Error> {
        self.verb().map(Error::refusal)
    }
}

/// The exit status of a kind of failure. With several failures the kind is the first of them in its order.
pub fn status(kind: FaultKind) -> u8 {
    match kind {
        FaultKind::Data => 65,
        FaultKind::Missing => 66,
        FaultKind::Unavailable => 69,
        FaultKind::Bug => 70,
        FaultKind::Io => 74,
        FaultKind::Integrity => 76,
        FaultKind::Denied => 77,
        FaultKind::Configuration => 78,
        FaultKind::Usage => 2,
        FaultKind::Guest => 3,
        FaultKind::Interrupted => 130,
    }
}

/// A problem, whose place leads to the file where the terminal shows such links.
fn problem_words(problem: &Problem, columns: usize) -> String {
    let place = problem.location();
    let file = std::path::absolute(&problem.file).ok().filter(|file| file.is_file());
    let place = match file.and_then(|file| url::Url::from_file_path(file).ok()) {
        Some(url) => Style::link(Stream::Stderr, url.as_str(), &place),
        None => place,
    };
    format!("{place}: {}", problem.description(columns))
}

/// What is said of a failure: what was wrong, why, and what to do next. Excerpts of files are no wider than so many columns.
pub fn words(failure: &CommandError, columns: usize) -> String {
    let error = match failure {
        CommandError::Verb(error) => error,
        #[cfg(feature = "daemon")]
        CommandError::Host(failure) => return host_words(failure),
        failure => return fault_words("", &failure.fault()),
    };
    let kept = error.kept_edit().map(|edit| kept_edit(edit) + "the sync after it was refused:\n").unwrap_or_default();
    let result = error.narrowing().map(|_| "nothing was added");
    let narrowed = error.narrowing().map(narrowed).unwrap_or_default();
    kept + &verb_words(error.refusal(), error.fault(), result, columns) + &narrowed
}

/// The words of a call that the host could not make.
#[cfg(feature = "daemon")]
fn host_words(failure: &CallFailure) -> String {
    let mut fault = failure.fault.clone();
    let hints = std::mem::take(&mut fault.hints);
    fault_words("", &fault) + &backtrace(&failure.backtrace) + &hints.iter().map(hint_words).collect::<String>()
}

/// Where a guest was when it was stopped.
fn backtrace(frames: &[String]) -> String {
    if frames.is_empty() {
        return String::new();
    }
    let frames = frames.iter().map(|frame| format!("    {}\n", escape(frame)));
    "  it was in:\n".to_owned() + &frames.collect::<String>()
}

/// A change to the project that stays.
fn kept_edit(edit: &KeptEdit) -> String {
    match edit {
        KeptEdit::Grants(report) => grants_changed(report),
        KeptEdit::Removed(RemoveReport { removed, lock, .. }) => {
            let written = (lock.outcome == LockOutcome::Written).then(|| lock_changes::to_be_committed(lock));
            removed.iter().map(removed_words).chain(written).collect()
        }
    }
}

/// The words of a verb's error, which is this fault. `result` is what became of the command after several failures, if it is not
/// the usual.
fn verb_words(error: &Error, mut fault: Fault, result: Option<&str>, columns: usize) -> String {
    let mut text = String::new();
    match error {
        error if !error.problems().is_empty() => {
            let problems = error.problems();
            for problem in problems.iter().take(SHOWN_NAMES) {
                text.push_str(&format!("{}{}\n", Style::error("error: "), problem_words(problem, columns)));
            }
            text.push_str(&unshown(problems.len()));
            return text;
        }
        Error::Lock(LockError::Extensions { faults, changes }) => {
            text.extend(changes.iter().take(SHOWN_NAMES).map(lock_changes::lock_change));
            for (name, fault) in faults.iter().take(SHOWN_NAMES) {
                text.push_str(&fault_words(&prefix(&[name.as_str()], fault), fault));
            }
            text.push_str(&unshown(faults.len()));
            if faults.len() > 1 {
                text.push_str(&format!("{}; {}\n", fault.message, result.unwrap_or("nothing was changed")));
            }
            return text;
        }
        Error::Incomplete(report) | Error::PutBack(report) => {
            return incomplete(report, &fault, result);
        }
        _ => {}
    }
    let hints = std::mem::take(&mut fault.hints);
    text.push_str(&fault_words("", &fault));
    match error {
        Error::Project(ProjectError::NoManifest { searched }) => {
            text.push_str("  looked at:\n");
            for path in searched {
                text.push_str(&format!("    {}\n", escape(&path.display().to_string())));
            }
        }
        Error::Run(RunError::Stopped { stop, .. }) => text.push_str(&backtrace(&stop.backtrace)),
        Error::Profile(ProfileError::OtherManifest { differences, .. }) if !differences.is_empty() => {
            text.push_str("  syncing this manifest into it would change:\n");
            text.extend(differences.iter().map(|change| format!("    {}", set_change(change))));
        }
        _ => {}
    }
    text.extend(hints.iter().map(hint_words));
    text
}

/// What was removed from the active set although a sync was refused, or would be.
fn narrowed(report: &SyncReport) -> String {
    if report.outcome == SyncOutcome::Done {
        let changes: String = report.changes.iter().map(set_change).collect();
        return summary(&set_summary(report), "narrowed:") + &changes;
    }
    format!("it would narrow the active set:\n{}", changes_and_steps(report))
}

fn incomplete(report: &SyncReport, whole: &Fault, result: Option<&str>) -> String {
    let locked = report.lock.as_ref().filter(|lock| lock.outcome == LockOutcome::Written);
    let mut text = locked.map(lock_changes::locked_words).unwrap_or_default();
    if report.steps.iter().any(|step| step.outcome == StepOutcome::Interrupted)
        && report.worst() == Some(FaultKind::Interrupted)
    {
        let is_kept = |step: &&StepReport| step.is_done() && matches!(step.step.kind, StepKind::Verify { .. });
        let kept = report.steps.iter().filter(is_kept).count();
        let live = match report.generation {
            Some(generation) => format!("generation {generation} is still live"),
            None => "nothing is live yet".to_owned(),
        };
        let kept = if kept == 0 { String::new() } else { format!(", {} kept", count(kept, "fetched blob")) };
        return format!("{text}{}interrupted; {live}{kept}\n", Style::error("error: "));
    }
    // What several have failed of is told once.
    let mut faults: Vec<(&Fault, Vec<&str>)> = Vec::new();
    for (extension, fault) in report.extensions.iter().flat_map(|one| one.faults.iter().map(move |fault| (one, fault)))
    {
        let name = extension.name.as_str();
        match faults.iter_mut().find(|(other, _)| *other == fault) {
            Some((_, names)) if !names.contains(&name) => names.push(name),
            Some(_) => {}
            None => faults.push((fault, vec![name])),
        }
    }
    let total = faults.len();
    for (fault, names) in faults.into_iter().take(SHOWN_NAMES) {
        text.push_str(&fault_words(&prefix(&names, fault), fault));
    }
    text.push_str(&unshown(total));
    // Those of an extension are told with it.
    for step in report.steps.iter().filter(|step| step.activates().is_some() || step.is_prune()) {
        text.extend(step.fault().map(|fault| fault_words("", fault)));
    }
    let rows = report.extensions.iter().map(|extension| {
        let status = match extension.status {
            ExtensionStatus::Active => "live",
            ExtensionStatus::Ready => "ready, not live",
            ExtensionStatus::Failed => "failed",
            ExtensionStatus::Pending => "not done",
        };
        vec![extension.name.to_string(), status.to_owned(), escape(&extension.source).into_owned()]
    });
    text.push_str(&table(rows));
    let result = result.unwrap_or("nothing was activated");
    text.push_str(&format!("{}{}; {result}\n", Style::error("error: "), whole.message));
    text.extend(whole.hints.iter().map(hint_words));
    text
}

/// The extensions that a fault is of, unless its message names the only one.
fn prefix(names: &[&str], fault: &Fault) -> String {
    match names {
        [name] if fault.extension.as_deref() == Some(name) => String::new(),
        names => format!("{}: ", list(names)),
    }
}

fn fault_words(prefix: &str, fault: &Fault) -> String {
    let mut text = format!("{}{prefix}{}\n", Style::error("error: "), escape(&fault.message));
    for cause in &fault.causes {
        text.push_str(&format!("  caused by: {}\n", escape(cause)));
    }
    text.extend(fault.hints.iter().map(hint_words));
    text
}

fn hint_words(hint: &Hint) -> String {
    format!("  {}{}\n", Style::hint("hint: "), escape(&hint.to_string()))
}

/// How many of `total` were left out after the first [`SHOWN_NAMES`]; empty if none were.
fn unshown(total: usize) -> String {
    match total.saturating_sub(SHOWN_NAMES) {
        0 => String::new(),
        more => format!("and {more} more, which `--json` lists\n"),
    }
}
