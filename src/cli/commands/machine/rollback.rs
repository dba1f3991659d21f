//! `sesame rollback`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::generation_numbers;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{CompileOptions, ProfileOption, ResourceOptions};
use crate::cli::render::active_set::{held_summary, set_change, set_summary, sync_summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::plan::generation::ProfileHold;
use sesame::model::report::sync::{ReleaseReport, RollbackReport};
use sesame::ops::sync::rollback::{release, rollback};

#[derive(Debug, Clone, Args)]
pub struct RollbackCommand {
    /// Its number [default: the next one below the active one's]
    #[arg(value_name = "N", add = ArgValueCandidates::new(generation_numbers))]
    pub generation: Option<u64>,
    /// Keep it active: `sync` changes nothing until `rollback --release`. Without N, holds the active generation if it is
    /// not the newest
    #[arg(long, conflicts_with = "release")]
    pub hold: bool,
    /// End a hold, so that the next `sync` activates what the manifest declares
    #[arg(long, conflicts_with = "generation")]
    pub release: bool,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub compile: CompileOptions,
}

impl RollbackCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let compile = self.compile.clone();
        let context =
            invocation.context_or_default(&ResourceOptions { offline: true, compile, ..ResourceOptions::default() })?;
        let profile = invocation.profile(&Environment::read()?, &self.profile)?;
        if self.release {
            let report = release(&context, &profile)?;
            invocation.print_report(Data::Release(&report), || released(&report));
            return Ok(CommandOutcome::Done);
        }
        let hold = if self.hold { ProfileHold::Held } else { ProfileHold::Free };
        let report = rollback(&context, &profile, self.generation, hold)?;
        invocation.print_report(Data::Rollback(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// What a rollback did, and what the next sync does with that.
fn words(report: &RollbackReport) -> String {
    let RollbackReport { sync, is_held, is_newest } = report;
    let changes: String = sync.changes.iter().map(set_change).collect();
    if *is_held {
        return format!("{changes}{}", held_summary(&set_summary(sync)));
    }
    let hint = (!is_newest).then(|| {
        let words = "the next `sesame sync` goes forward again; `sesame rollback --hold` keeps this one";
        format!("  {}{words}\n", Style::hint("hint: "))
    });
    format!("{changes}{}{}", sync_summary(sync, "done:"), hint.unwrap_or_default())
}

fn released(report: &ReleaseReport) -> String {
    let ReleaseReport { profile, generation, was_held } = report;
    if *was_held {
        let released = Style::good("released:");
        format!(
            "{released} profile `{profile}`, at generation {generation}; `sesame sync` activates what the manifest declares\n"
        )
    } else {
        format!("{} profile `{profile}` is not held\n", Style::good("nothing to release:"))
    }
}
