//! `sesame extension install`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::commands::project::{NewExtensionOptions, origin};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::edit_outcome::installed;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::terminal::environment::Environment;
use sesame::model::reference::reference_or_repository::ReferenceOrRepository;
use sesame::ops::edit::install_source::InstallSource;
use sesame::ops::edit::manifest_files::InstallTarget;
use sesame::ops::edit::transaction::AfterEdit;

#[derive(Debug, Clone, Args)]
pub struct InstallCommand {
    /// registry/principal/scope[:revision[@provenance]]; without a revision, versions compatible with the newest release
    #[arg(required_unless_present = "from_file", conflicts_with = "from_file")]
    pub reference: Option<ReferenceOrRepository>,
    /// Copy a component's file beside the manifest and install that
    #[arg(long, value_name = "FILE.wasm")]
    pub from_file: Option<PathBuf>,
    #[command(flatten)]
    pub new: NewExtensionOptions,
}

impl InstallCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let file = InstallSource::File(environment.start.join(self.from_file.clone().unwrap_or_default()));
        let origin = self.reference.as_ref().map_or(file, origin);
        let report = self.new.install(invocation, environment, origin, (InstallTarget::DropIn, AfterEdit::Sync))?;
        invocation.print_report(Data::Install(&report), || installed(&report, "installed"));
        Ok(CommandOutcome::Done)
    }
}
