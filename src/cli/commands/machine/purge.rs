//! `sesame purge`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::help::completions::{Shell, pages};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ConfirmOption, ResourceOptions};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::table;
use crate::cli::terminal::consent::ask;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::maintain::purge::{PurgeReport, PurgedKind};
use sesame::model::text::{count, escape, size};
use sesame::ops::maintain::purge::{PurgeOptions, purge};
use sesame::ops::publish::completions::is_installed;
use sesame::ops::publish::man_pages::is_written;
use sesame::ops::sync::options::WriteMode;

#[derive(Debug, Clone, Args)]
pub struct PurgeCommand {
    /// Remove nothing, and list every file that would be removed
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    #[command(flatten)]
    pub confirm: ConfirmOption,
}

impl PurgeCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context_or_default(&ResourceOptions::default())?;
        let consent =
            |report: &PurgeReport| ask(&question(report), self.confirm.yes, invocation.output, &context.interrupt);
        let mode = if self.dry_run { WriteMode::Preview } else { WriteMode::Write };
        let others = written(&Environment::read()?, (invocation.program)());
        let report = purge(&context, &PurgeOptions { mode, others, consent: &consent })?;
        if self.dry_run {
            invocation.print_result(Data::Purge(&report), || preview(&report));
        } else {
            invocation.print_report(Data::Purge(&report), || words(&report));
        }
        Ok(CommandOutcome::Done)
    }
}

/// What `completions --install` and `host enable` have written, and manual pages in the user's usual folder.
fn written(environment: &Environment, program: clap::Command) -> Vec<(PathBuf, PurgedKind)> {
    let (data, configuration) = (environment.data_home(), environment.configuration_home());
    let scripts = Shell::ALL.map(|shell| shell.installed_path(&data, &configuration));
    let scripts = scripts.into_iter().filter(|path| is_installed(path));
    let pages = pages(program).into_iter().map(|(name, _)| data.join("man/man1").join(name));
    let documentation = scripts.chain(pages.filter(|path| is_written(path)));
    let units = host_files(&configuration, &data).into_iter().map(|path| (path, PurgedKind::HostUnit));
    documentation.map(|path| (path, PurgedKind::Documentation)).chain(units).collect()
}

#[cfg(feature = "daemon")]
fn host_files(configuration: &Path, data: &Path) -> Vec<PathBuf> {
    sesame::daemon::setup::files(configuration, data).to_vec()
}

#[cfg(not(feature = "daemon"))]
fn host_files(_: &Path, _: &Path) -> Vec<PathBuf> {
    Vec::new()
}

fn what(kind: PurgedKind) -> &'static str {
    match kind {
        PurgedKind::Profiles => "profiles and their generations",
        PurgedKind::Blobs => "manifests and components",
        PurgedKind::Staging => "unfinished downloads",
        PurgedKind::Quarantine => "quarantine",
        PurgedKind::StoreLock => "the lock of the store",
        PurgedKind::CompiledCode => "compiled code",
        PurgedKind::CompiledFunctions => "compiled functions",
        PurgedKind::Records => "records of what was checked",
        PurgedKind::Key => "the key of this machine",
        PurgedKind::Logs => "what extensions printed",
        PurgedKind::HostLog => "the log of the host",
        PurgedKind::AuditLog => "the audit log",
        PurgedKind::HostUnit => "what `sesame host enable` wrote",
        PurgedKind::Documentation => "completions and manual pages",
    }
}

fn parts(report: &PurgeReport) -> String {
    table(report.parts.iter().map(|part| {
        let files = format!("{}, {}", count(part.size.files as usize, "file"), size(part.size.bytes));
        vec![escape(&part.path).into_owned(), files, what(part.what).to_owned()]
    }))
}

fn kept(report: &PurgeReport) -> String {
    let mut text = String::new();
    for path in &report.kept {
        let _ = writeln!(text, "  kept: {}", escape(path));
    }
    text
}

fn question(report: &PurgeReport) -> String {
    format!("{}{}remove these files? [y/N] ", parts(report), kept(report))
}

const NOTHING: &str = "sesame has no files on this machine\n";

/// Every file, and what they are for.
fn preview(report: &PurgeReport) -> String {
    if report.parts.is_empty() {
        return NOTHING.to_owned();
    }
    let mut text = String::new();
    for file in report.parts.iter().flat_map(|part| &part.files) {
        let _ = writeln!(text, "{}", escape(file));
    }
    let outcome = Style::warning("would remove:");
    format!("{text}{outcome}\n{}{}", parts(report), kept(report))
}

fn words(report: &PurgeReport) -> String {
    if report.parts.is_empty() {
        return NOTHING.to_owned();
    }
    let files: u64 = report.parts.iter().map(|part| part.size.files).sum();
    let bytes: u64 = report.parts.iter().map(|part| part.size.bytes).sum();
    format!("{} {}, {}\n{}", Style::good("removed"), count(files as usize, "file"), size(bytes), kept(report))
}
