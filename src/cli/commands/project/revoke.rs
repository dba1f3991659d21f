//! `sesame revoke`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::{active_names, capabilities};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::terminal::environment::Environment;
use sesame::model::capability::grant::{Grant, Revocation};
use sesame::model::name::ExtensionName;
use sesame::ops::edit::grants::GrantEdit;

use super::grant::GrantsOptions;

#[derive(Debug, Clone, Args)]
pub struct RevokeCommand {
    /// The extension's name
    #[arg(add = ArgValueCandidates::new(active_names))]
    pub name: ExtensionName,
    /// A capability, `secret-read`, or items of one, `secret-read=pin`. It stays revoked even if the sync after it is refused,
    /// whose status is then the exit status
    #[arg(value_name = "CAPABILITY", required = true, add = ArgValueCandidates::new(capabilities))]
    pub grants: Vec<Revocation>,
    #[command(flatten)]
    pub options: GrantsOptions,
}

impl RevokeCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let grants: Vec<Grant> = self.grants.iter().map(|Revocation(grant)| environment.absolute(grant)).collect();
        self.options.change(invocation, &self.name, GrantEdit::Revoke(grants))
    }
}
