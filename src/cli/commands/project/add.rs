//! `sesame add`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::edit_outcome::installed;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::terminal::environment::Environment;
use sesame::model::reference::reference_or_repository::ReferenceOrRepository;
use sesame::ops::edit::install_source::InstallSource;
use sesame::ops::edit::manifest_files::InstallTarget;

use super::new_extension::{NewExtensionOptions, after_edit, origin};

#[derive(Debug, Clone, Args)]
pub struct AddCommand {
    /// registry/principal/scope[:revision[@provenance]]; without a revision, versions compatible with the newest release,
    /// or where a tag is declared already, that release
    #[arg(required_unless_present = "path", conflicts_with = "path")]
    pub reference: Option<ReferenceOrRepository>,
    /// A component's file, which stays where it is
    #[arg(long, value_name = "FILE.wasm")]
    pub path: Option<PathBuf>,
    /// Lock it, and leave what is live as it is
    #[arg(long)]
    pub no_sync: bool,
    #[command(flatten)]
    pub new: NewExtensionOptions,
}

impl AddCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let file = InstallSource::InPlace(environment.start.join(self.path.clone().unwrap_or_default()));
        let origin = self.reference.as_ref().map_or(file, origin);
        let report =
            self.new.install(invocation, environment, origin, (InstallTarget::Manifest, after_edit(self.no_sync)))?;
        invocation.print_report(Data::Install(&report), || installed(&report, "added"));
        Ok(CommandOutcome::Done)
    }
}
