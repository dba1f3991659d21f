//! `sesame grant`, and what `revoke` shares with it.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::{active_names, capabilities};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ConfirmOption, ProfileOption, ResourceOptions};
use crate::cli::render::active_set::{set_change, sync_summary};
use crate::cli::render::consent::grants_question;
use crate::cli::render::edit_outcome::grants_changed;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::terminal::consent::ask;
use crate::cli::terminal::environment::Environment;
use sesame::model::capability::grant::Grant;
use sesame::model::name::ExtensionName;
use sesame::model::report::extension::GrantsReport;
use sesame::model::report::sync::{SyncOutcome, SyncReport};
use sesame::ops::edit::grants::{GrantEdit, GrantOptions, GrantPreview, change_grants};

use super::new_extension::after_edit;

#[derive(Debug, Clone, Args)]
pub struct GrantCommand {
    /// The extension's name
    #[arg(add = ArgValueCandidates::new(active_names))]
    pub name: ExtensionName,
    /// A capability, `config-read`, or items of one, `secret-read=api-token,pin`: they are added to those that are granted, or
    /// narrow a grant of the whole
    #[arg(value_name = "CAPABILITY", required = true, add = ArgValueCandidates::new(capabilities))]
    pub grants: Vec<Grant>,
    #[command(flatten)]
    pub options: GrantsOptions,
}

/// The options of `grant` and `revoke`.
#[derive(Debug, Clone, Args)]
pub struct GrantsOptions {
    #[command(flatten)]
    pub confirm: ConfirmOption,
    /// Change the manifest, and leave the active set as it is
    #[arg(long)]
    pub no_sync: bool,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl GrantCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let grants = self.grants.iter().map(|grant| environment.absolute(grant)).collect();
        self.options.change(invocation, &self.name, GrantEdit::Grant(grants))
    }
}

impl GrantsOptions {
    /// Changes the grants of an extension.
    pub fn change(
        &self,
        invocation: &Invocation<'_>,
        name: &ExtensionName,
        edit: GrantEdit,
    ) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let consent = |preview: &GrantPreview| {
            ask(&grants_question(preview), self.confirm.yes, invocation.output, &context.interrupt)
        };
        let (then, profile) = (after_edit(self.no_sync), self.profile.profile.as_ref());
        let report = change_grants(&context, &GrantOptions { name, edit, then, consent: &consent, profile })?;
        invocation.print_report(Data::Grants(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &GrantsReport) -> String {
    let active = report.sync.as_ref().map(|sync| format!("{}{}", held_changes(sync), sync_summary(sync, "done:")));
    // Of what only a held set has, nothing is written.
    let is_held = |sync: &SyncReport| sync.outcome == SyncOutcome::Held && !sync.changes.is_empty();
    let is_written = |sync: &SyncReport| !report.changes.is_empty() || !is_held(sync);
    let changed = report.sync.as_ref().is_none_or(is_written).then(|| grants_changed(report));
    format!("{}{}", changed.unwrap_or_default(), active.unwrap_or_default())
}

/// What a change means for a profile that is held.
fn held_changes(sync: &SyncReport) -> String {
    match (sync.outcome, sync.changes.is_empty()) {
        (SyncOutcome::Held, true) => "the profile is held, so this is not active yet\n".to_owned(),
        (SyncOutcome::Held, false) => sync.changes.iter().map(set_change).collect(),
        _ => String::new(),
    }
}
