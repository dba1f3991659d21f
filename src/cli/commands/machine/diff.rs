//! `sesame diff`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::profiles;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::active_set::{held_summary, set_summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::lock_changes::lock_text;
use crate::cli::render::plan::changes_and_steps;
use sesame::model::name::ProfileName;
use sesame::model::report::sync::{DiffReport, SyncOutcome};
use sesame::model::text::count;
use sesame::ops::sync::diff::diff;

#[derive(Debug, Clone, Args)]
pub struct DiffCommand {
    /// The live set to compare with [default: the manifest's, or `default`]
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(profiles))]
    pub profile: Option<ProfileName>,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl DiffCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let report = diff(&context, self.profile.clone())?;
        invocation.print_result(Data::Diff(&report), || words(&report));
        Ok(if report.is_empty() { CommandOutcome::Done } else { CommandOutcome::Differs })
    }
}

fn words(report: &DiffReport) -> String {
    if report.is_empty() {
        return format!(
            "no differences: {} in profile `{}`\n",
            count(report.sync.extensions.len(), "extension"),
            report.sync.profile
        );
    }
    let mut text = lock_text(&report.lock);
    text.push_str(&changes_and_steps(&report.sync));
    if report.sync.outcome == SyncOutcome::Held {
        text.push_str(&held_summary(&set_summary(&report.sync)));
    }
    text
}
