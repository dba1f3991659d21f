//! `sesame lock`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::active_names;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::lock_changes::{lock_change, lock_text, merged};
use crate::cli::render::style::Style;
use sesame::model::name::ExtensionName;
use sesame::model::report::sync::{LockOutcome, LockReport};
use sesame::model::text::{count, escape};
use sesame::ops::sync::lock::lock;
use sesame::ops::sync::options::{UpgradeSelection, WriteMode};

#[derive(Debug, Clone, Args)]
pub struct LockCommand {
    /// Write nothing; exit with 1 if the lock would change
    #[arg(long)]
    pub check: bool,
    /// Resolve every tag again
    #[arg(long)]
    pub upgrade: bool,
    /// Resolve one extension's tag again; may be given several times
    #[arg(long = "upgrade-extension", short = 'P', value_name = "NAME", conflicts_with = "upgrade",
        add = ArgValueCandidates::new(active_names))]
    pub names: Vec<ExtensionName>,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl LockCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let upgrade = match (self.upgrade, self.names.as_slice()) {
            (true, _) => UpgradeSelection::All,
            (false, []) => UpgradeSelection::Nothing,
            (false, names) => UpgradeSelection::Names(names.iter().cloned().collect()),
        };
        let mode = if self.check { WriteMode::Preview } else { WriteMode::Write };
        let report = lock(&context, mode, &upgrade)?;
        if self.check {
            invocation.print_result(Data::Lock(&report), || preview(&report));
        } else {
            invocation.print_report(Data::Lock(&report), || words(&report));
        }
        Ok(match report.outcome {
            LockOutcome::WouldChange => CommandOutcome::Differs,
            _ => CommandOutcome::Done,
        })
    }
}

/// What a lock did.
fn words(report: &LockReport) -> String {
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

/// What a lock would do.
fn preview(report: &LockReport) -> String {
    if report.outcome != LockOutcome::WouldChange {
        return words(report);
    }
    // Of what the sides of a merge say, the merge tells.
    let stale = report.stale.iter().filter(|(name, _)| !report.merged.contains_key(*name));
    let stale = stale.map(|(name, why)| format!("{name} {}\n", escape(&why.to_string())));
    let file = escape(&report.file);
    let words = format!("{} {file}; the same without `--check` writes it\n", Style::warning("would change:"));
    format!("{}{}{}{words}", merged(report), stale.collect::<String>(), lock_text(report))
}
