//! `sesame generations`, and `generations delete`.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::generation_numbers;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ProfileOption, ResourceOptions};
use crate::cli::render::active_set::set_change;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::fault::line;
use sesame::model::name::ProfileName;
use sesame::model::report::query::generations::{
    GenerationReport, GenerationsDiffReport, GenerationsReport, RemovedGenerationsReport,
};
use sesame::model::text::{count, escape, time};
use sesame::ops::query::generations;

#[derive(Debug, Clone, Args)]
pub struct GenerationsCommand {
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(subcommand)]
    pub command: Option<GenerationsSubcommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum GenerationsSubcommand {
    /// Show what changes from one generation to another
    Diff {
        /// The number of the earlier one
        #[arg(value_name = "A", add = ArgValueCandidates::new(generation_numbers))]
        from: u64,
        /// The number of the later one [default: the active one]
        #[arg(value_name = "B", add = ArgValueCandidates::new(generation_numbers))]
        to: Option<u64>,
        #[command(flatten)]
        profile: ProfileOption,
    },
    /// Delete generations, but never the live one
    Delete {
        /// Their numbers
        #[arg(value_name = "N", required = true, add = ArgValueCandidates::new(generation_numbers))]
        generations: Vec<u64>,
        #[command(flatten)]
        profile: ProfileOption,
    },
}

impl GenerationsCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        match &self.command {
            None => {
                let profile = invocation.profile(&environment, &self.profile)?;
                let report = generations::list(&environment.paths, &profile)?;
                invocation.print_answer(Data::Generations(&report), || words(&report));
            }
            Some(GenerationsSubcommand::Diff { from, to, profile: own }) => {
                let profile = self.profile(invocation, &environment, own)?;
                let report = generations::diff(&environment.paths, &profile, *from, *to)?;
                invocation.print_answer(Data::GenerationsDiff(&report), || diff(&report));
            }
            Some(GenerationsSubcommand::Delete { generations, profile: own }) => {
                let profile = self.profile(invocation, &environment, own)?;
                let context = invocation.context_or_default(&ResourceOptions::default())?;
                let report = generations::delete(&context, &profile, generations)?;
                invocation.print_report(Data::RemovedGenerations(&report), || removed(&report));
            }
        }
        Ok(CommandOutcome::Done)
    }

    /// The profile that is named behind the command below, or before it.
    fn profile(
        &self,
        invocation: &Invocation<'_>,
        environment: &Environment,
        own: &ProfileOption,
    ) -> Result<ProfileName, CommandError> {
        let profile = own.profile.clone().or_else(|| self.profile.profile.clone());
        invocation.profile(environment, &ProfileOption { profile })
    }
}

fn diff(report: &GenerationsDiffReport) -> String {
    if report.changes.is_empty() {
        return format!("generations {} and {} are the same set\n", report.from, report.to);
    }
    report.changes.iter().map(set_change).collect()
}

/// The generations of a profile, each with what it changed.
fn words(report: &GenerationsReport) -> String {
    if report.generations.is_empty() {
        return format!("there are no generations in profile `{}`\n", report.profile);
    }
    report.generations.iter().map(|one| generation(one, report.is_held)).collect()
}

fn generation(generation: &GenerationReport, is_held: bool) -> String {
    let active = match (generation.active, is_held) {
        (true, true) => format!("  {}", Style::good("active, held")),
        (true, false) => format!("  {}", Style::good("active")),
        (false, _) => String::new(),
    };
    let number = Style::strong(&generation.number.to_string());
    if let Some(problem) = &generation.problem {
        let label = if problem.is_other_version() { "not readable:" } else { "damaged:" };
        return format!("{number}{active}  {} {}\n", Style::error(label), escape(&line(problem)));
    }
    let when = generation.activated.map(time).unwrap_or_default();
    let extensions = count(generation.extensions.len(), "extension");
    let changes = generation.changes.iter().map(|change| format!("    {}", set_change(change)));
    format!("{number}  {when}  {extensions}{active}\n{}", changes.collect::<String>())
}

/// What was removed.
fn removed(report: &RemovedGenerationsReport) -> String {
    let numbers: Vec<String> = report.removed.iter().map(u64::to_string).collect();
    format!("{} generation {} of profile `{}`\n", Style::good("removed"), numbers.join(", "), report.profile)
}
