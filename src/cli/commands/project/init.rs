//! `sesame init`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::InitReport;
use sesame::model::text::escape;
use sesame::ops::edit::init::init;

#[derive(Debug, Clone, Args)]
pub struct InitCommand {}

impl InitCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let named = invocation.globals.manifest.clone().unwrap_or_default();
        let report = init(&Environment::read()?.start.join(&named), &named)?;
        invocation.print_report(Data::Init(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &InitReport) -> String {
    format!(
        "{} {}\nname your extensions in it, then run `sesame sync`\n",
        Style::good("wrote"),
        escape(&report.manifest)
    )
}
