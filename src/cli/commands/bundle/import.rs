//! `sesame bundle …`: a whole set in one file, out of this machine and into another. Builds options and calls one verb.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::cli::commands::{Arguments, ProfileArgument};
use crate::cli::help::help_below;
use crate::cli::options::{Compiling, Means};
use crate::cli::render::failure::Failure;
use crate::cli::render::json;
use crate::cli::render::lock_changes::{Style, active_change, live, live_set, summary};
use crate::cli::render::table::table;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::{Output, Volume};
use crate::cli::terminal::prompt::agrees;
use crate::cli::{context, context_of};
use clap::Subcommand;
use sesame::model::report::SyncOutcome;
use sesame::model::report::bundle::{ExportReport, ImportReport};
use sesame::model::text::{count, escape, size};
use sesame::ops::bundle::export::export;
use sesame::ops::bundle::import::{BundleAsks, Existing, Import, import};
use sesame::ops::edit::consent::Consent;
use sesame::ops::project::Project;

#[derive(Debug, Clone, Subcommand)]
pub enum BundleCommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
    /// Write manifest, lock and all that the lock needs into one archive or folder
    Export {
        /// An archive, FILE.tar, or a folder of its own
        #[arg(value_name = "FILE.tar|FOLDER")]
        to: PathBuf,
        #[command(flatten)]
        means: Means,
    },
    /// Make the set of a bundle this machine's and live, without a network
    ///
    /// Its files are written where --manifest or $SESAME_MANIFEST says, and else into ~/.config/pds, whatever is in the
    /// current folder.
    Import {
        /// An archive, or a folder
        #[arg(value_name = "FILE.tar|FOLDER")]
        bundle: PathBuf,
        /// Write its files and grant everything that it grants, without asking
        #[arg(long)]
        grant_all: bool,
        /// Put its files in the place of the manifest, the lock and the drop-ins that are there; drop-ins that it has not go
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        profile: ProfileArgument,
        #[command(flatten)]
        compiling: Compiling,
    },
}

impl BundleCommand {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Export { .. } => "bundle export",
            Self::Import { .. } => "bundle import",
            Self::Help { .. } => "help",
        }
    }
}

pub fn run(arguments: &Arguments, command: &BundleCommand, output: &Output) -> Result<(), Failure> {
    let environment = Environment::read()?;
    match command {
        BundleCommand::Help { names } => output.page(&help_below("bundle", names)?),
        BundleCommand::Export { to, means } => {
            let context = context(arguments, command.name(), means, output)?;
            let mut report = export(&context, &environment.start.join(to))?;
            report.bundle = to.display().to_string();
            output.report(command.name(), json::Data::Export(&report), || exported(&report));
        }
        BundleCommand::Import { bundle, grant_all, replace, profile, compiling } => {
            let project = Project::named_or_own(&environment.search(arguments.manifest.clone()));
            let means = Means { offline: true, compiling: compiling.clone(), ..Means::default() };
            let path = environment.start.join(bundle);
            let context = context_of(environment, project, command.name(), &means, output)?;
            let consent = |asked: &BundleAsks<'_>| match (grant_all, output.asks()) {
                (true, _) => {
                    output.say(Volume::Normal, &brings(asked));
                    Consent::Granted
                }
                (false, false) => Consent::Nobody,
                (false, true) => {
                    output.say(Volume::Quiet, &brings(asked));
                    let folder = escape(&asked.folder);
                    output.say(Volume::Quiet, &format!("write them to {folder} and grant them that? [y/N] "));
                    agrees(output, &context.interrupt)
                }
            };
            let existing = if *replace { Existing::Replace } else { Existing::Keep };
            let wanted = Import { bundle: path, existing, consent: &consent, profile: profile.profile.clone() };
            let mut report = import(&context, &wanted)?;
            report.bundle = bundle.display().to_string();
            output.report(command.name(), json::Data::Import(&report), || imported(&report));
        }
    }
    Ok(())
}

/// What was written.
fn exported(report: &ExportReport) -> String {
    let had = report.size - report.written;
    let had = if had == 0 { String::new() } else { format!(", of which {} were there", size(had)) };
    format!(
        "{} {}  {}, {}, {}{had}\n{}\n",
        Style::good("exported"),
        escape(&report.bundle),
        count(report.extensions, "extension"),
        count(report.blobs, "blob"),
        size(report.size),
        report.digest
    )
}

/// What a bundle brings.
fn brings(asks: &BundleAsks<'_>) -> String {
    let mut text = String::new();
    let shown = escape(&asks.bundle.display().to_string()).into_owned();
    let _ = writeln!(text, "{} has {}:", Style::strong(&shown), count(asks.extensions.len(), "extension"));
    text.push_str(&table(asks.extensions.iter().map(|extension| {
        let grants = if extension.grants.is_empty() { "no grants".to_owned() } else { extension.grants.join(", ") };
        vec![extension.name.to_string(), escape(&extension.source).into_owned(), escape(&grants).into_owned()]
    })));
    for file in &asks.files {
        let verb = if asks.replaced.contains(file) { "replaces" } else { "writes" };
        let _ = writeln!(text, "  {verb} {}", escape(file));
    }
    for file in &asks.removed {
        let _ = writeln!(text, "  removes {}", escape(file));
    }
    text
}

/// What was imported.
fn imported(report: &ImportReport) -> String {
    let mut text = String::new();
    for file in &report.files {
        let _ = writeln!(text, "{} {}", Style::good("wrote"), escape(file));
    }
    for file in &report.removed {
        let _ = writeln!(text, "{} {}", Style::good("removed"), escape(file));
    }
    for change in &report.sync.changes {
        text.push_str(&active_change(change));
    }
    let is_new = report.sync.outcome != SyncOutcome::UpToDate;
    if is_new && report.sync.changes.is_empty() {
        text.push_str(&live(&report.sync.extensions));
    }
    text.push_str(&summary(&live_set(&report.sync), if is_new { "done:" } else { "up to date:" }));
    text
}
