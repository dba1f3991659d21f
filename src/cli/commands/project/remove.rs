//! `sesame remove`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::active_names;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ProfileOption, ResourceOptions};
use crate::cli::render::edit_outcome::{closing_text, removed_words};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use sesame::model::name::ExtensionName;
use sesame::model::report::extension::RemoveReport;
use sesame::ops::edit::remove::remove;

use super::new_extension::after_edit;

#[derive(Debug, Clone, Args)]
pub struct RemoveCommand {
    /// Their names
    #[arg(value_name = "NAME", required = true, add = ArgValueCandidates::new(active_names))]
    pub names: Vec<ExtensionName>,
    /// Lock the rest, and leave what is live as it is
    #[arg(long)]
    pub no_sync: bool,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl RemoveCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let report = remove(&context, &self.names, self.profile.profile.as_ref(), after_edit(self.no_sync))?;
        invocation.print_report(Data::Remove(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// What was removed.
fn words(report: &RemoveReport) -> String {
    let removed: String = report.removed.iter().map(removed_words).collect();
    let names: Vec<&ExtensionName> = report.removed.iter().map(|removed| &removed.name).collect();
    format!("{removed}{}", closing_text(&report.lock, report.sync.as_ref(), &names))
}
