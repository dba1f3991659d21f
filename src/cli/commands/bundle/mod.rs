//! `sesame bundle …`: a whole set, out of this machine and into another.

pub mod export;
pub mod import;

use clap::Subcommand;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;

use export::ExportCommand;
use import::ImportCommand;

#[derive(Debug, Clone, Subcommand)]
pub enum BundleSubcommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
    /// Write manifest, lock and all that the lock needs into one archive or folder
    Export(ExportCommand),
    /// Make the set of a bundle this machine's and live, without a network
    ///
    /// Its files are written where --manifest or $SESAME_MANIFEST says, and else into ~/.config/pds, whatever is in the
    /// current folder.
    Import(ImportCommand),
}

impl BundleSubcommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::Help { names } => invocation.help_below("bundle", names),
            Self::Export(export) => export.run(invocation),
            Self::Import(import) => import.run(invocation),
        }
    }
}
