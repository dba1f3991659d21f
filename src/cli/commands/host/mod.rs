//! `sesame host …`: the host of the desktop.

pub mod audit;
pub mod client;
pub mod clipboard;
pub mod disable;
pub mod enable;
pub mod log;
pub mod run;
pub mod secret;
pub mod status;
pub mod test;

use clap::Subcommand;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::lazy::LazySubcommand;
use crate::cli::render::failure::CommandError;

use audit::AuditSubcommand;
use disable::DisableCommand;
use enable::EnableCommand;
use log::LogCommand;
use run::RunCommand;
use secret::SecretSubcommand;
use status::StatusCommand;
use test::TestCommand;

#[derive(Debug, Clone, Subcommand)]
pub enum HostSubcommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
    /// Let the desktop start the host: at login, and when it is first called
    Enable(EnableCommand),
    /// End the host, and do not let the desktop start it any more
    Disable(DisableCommand),
    /// Show the running host: its profile, extensions, calls, memory and backends, and what is refused and why
    Status(StatusCommand),
    /// Try the keyring, the clipboard and the notifications once; exits with 1 if one of them fails
    Test(TestCommand),
    /// Keep secrets where extensions find them
    Secret(LazySubcommand<SecretSubcommand>),
    /// Show what the host has logged
    Log(LogCommand),
    /// Look at the record of what extensions did with secrets and the clipboard
    Audit(LazySubcommand<AuditSubcommand>),
    /// Run the host in this terminal, until it is interrupted
    Run(RunCommand),
}

impl HostSubcommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::Help { names } => invocation.help_below("host", names),
            Self::Enable(command) => command.run(invocation),
            Self::Disable(command) => command.run(invocation),
            Self::Status(command) => command.run(invocation),
            Self::Test(command) => command.run(invocation),
            Self::Secret(LazySubcommand(command)) => command.run(invocation),
            Self::Log(command) => command.run(invocation),
            Self::Audit(LazySubcommand(command)) => command.run(invocation),
            Self::Run(command) => command.run(invocation),
        }
    }
}
