//! `sesame rollback`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{CompileOptions, ProfileOption, ResourceOptions};
use crate::cli::render::active_set::{set_change, set_summary, summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::sync::{SyncOutcome, SyncReport};
use sesame::ops::sync::rollback::rollback;

#[derive(Debug, Clone, Args)]
pub struct RollbackCommand {
    /// Its number [default: the next one below the live one's]
    #[arg(value_name = "N")]
    pub generation: Option<u64>,
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
        let report = rollback(&context, &profile, self.generation)?;
        invocation.print_report(Data::Sync(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// What a rollback did.
fn words(report: &SyncReport) -> String {
    let changes: String = report.changes.iter().map(set_change).collect();
    let outcome = if report.outcome == SyncOutcome::UpToDate { "up to date:" } else { "done:" };
    format!("{changes}{}", summary(&set_summary(report), outcome))
}
