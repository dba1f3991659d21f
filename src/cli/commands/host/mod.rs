//! `sesame host …`: the host of the desktop.

pub mod client;
pub mod clipboard;
pub mod run;
pub mod status;

use clap::Subcommand;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;

use run::RunCommand;
use status::StatusCommand;

#[derive(Debug, Clone, Subcommand)]
pub enum HostSubcommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
    /// Run the host in this terminal, until it is interrupted
    Run(RunCommand),
    /// Show the running host: its profile, extensions, calls, memory and backends, and what is refused and why
    Status(StatusCommand),
}

impl HostSubcommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::Help { names } => invocation.help_below("host", names),
            Self::Run(command) => command.run(invocation),
            Self::Status(command) => command.run(invocation),
        }
    }
}
