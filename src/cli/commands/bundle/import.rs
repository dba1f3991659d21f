//! `sesame bundle import`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{CompileOptions, ProfileOption, ResourceOptions};
use crate::cli::render::active_set::{extension_table, set_change, sync_summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::table;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::{Output, Verbosity};
use crate::cli::terminal::prompt::confirm;
use sesame::model::report::bundle::ImportReport;
use sesame::model::report::sync::SyncOutcome;
use sesame::model::text::{count, escape};
use sesame::ops::bundle::bundled_set::ExistingFiles;
use sesame::ops::bundle::import::{BundleConsentRequest, ImportOptions, import};
use sesame::ops::context::Interrupt;
use sesame::ops::edit::consent::Consent;
use sesame::ops::project::Project;

#[derive(Debug, Clone, Args)]
pub struct ImportCommand {
    /// An archive, or a folder
    #[arg(value_name = "FILE.tar|FOLDER")]
    pub bundle: PathBuf,
    /// Write its files and grant everything that it grants, without asking
    #[arg(long)]
    pub grant_all: bool,
    /// Put its files in the place of the manifest, the lock and the drop-ins that are there; drop-ins that it has not go
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub compile: CompileOptions,
}

impl ImportCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let project = Project::named_or_default(&environment.search(invocation.globals.manifest.clone()));
        let path = environment.start.join(&self.bundle);
        let resources = ResourceOptions { offline: true, compile: self.compile.clone(), ..ResourceOptions::default() };
        let context = invocation.context_of(environment, project, &resources)?;
        let consent = |asked: &BundleConsentRequest<'_>| self.consent(asked, invocation.output, &context.interrupt);
        let existing = if self.replace { ExistingFiles::Replace } else { ExistingFiles::Keep };
        let profile = self.profile.profile.clone();
        let mut report = import(&context, &ImportOptions { bundle: path, existing, consent: &consent, profile })?;
        report.bundle = self.bundle.display().to_string();
        invocation.print_report(Data::Import(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }

    fn consent(&self, asked: &BundleConsentRequest<'_>, output: &Output, interrupt: &Interrupt) -> Consent {
        match (self.grant_all, output.is_interactive()) {
            (true, _) => {
                output.say(Verbosity::Normal, &contents(asked));
                Consent::Granted(())
            }
            (false, false) => Consent::NoPrompt,
            (false, true) => {
                output.say(Verbosity::Quiet, &contents(asked));
                let folder = escape(&asked.folder);
                output.say(Verbosity::Quiet, &format!("write them to {folder} and grant them that? [y/N] "));
                confirm(output, interrupt)
            }
        }
    }
}

/// What a bundle brings.
fn contents(asks: &BundleConsentRequest<'_>) -> String {
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
fn words(report: &ImportReport) -> String {
    let mut text = String::new();
    for file in &report.files {
        let _ = writeln!(text, "{} {}", Style::good("wrote"), escape(file));
    }
    for file in &report.removed {
        let _ = writeln!(text, "{} {}", Style::good("removed"), escape(file));
    }
    for change in &report.sync.changes {
        text.push_str(&set_change(change));
    }
    let is_new = !matches!(report.sync.outcome, SyncOutcome::UpToDate | SyncOutcome::Held);
    if is_new && report.sync.changes.is_empty() {
        text.push_str(&extension_table(&report.sync.extensions));
    }
    text.push_str(&sync_summary(&report.sync, "done:"));
    text
}
