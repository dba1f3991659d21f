//! `sesame doctor`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::query::doctor::{Check, CheckState, DoctorReport};
use sesame::model::text::escape;
use sesame::ops::query::doctor::doctor;

#[derive(Debug, Clone, Args)]
pub struct DoctorCommand {
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl DoctorCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context_or_default(&self.resources)?;
        let report = doctor(&context, &Environment::read()?.search(invocation.globals.manifest.clone()));
        invocation.print_result(Data::Doctor(&report), || words(&report));
        Ok(if report.is_wrong() { CommandOutcome::Differs } else { CommandOutcome::Done })
    }
}

fn words(report: &DoctorReport) -> String {
    report.checks.iter().map(check).collect()
}

fn check(check: &Check) -> String {
    let state = match check.state {
        CheckState::Good => Style::good("good  "),
        CheckState::Absent => "-     ".to_owned(),
        CheckState::Wrong => Style::error("wrong "),
    };
    let remedy = check.remedy.as_ref().map(|remedy| format!("        {}{}\n", Style::hint("hint: "), escape(remedy)));
    format!("{state}  {}: {}\n{}", escape(&check.about), escape(&check.what), remedy.unwrap_or_default())
}
