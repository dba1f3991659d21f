//! `sesame registry …`: how registries grant access.

pub mod check;
pub mod login;
pub mod logout;

use clap::Subcommand;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;

use check::CheckCommand;
use login::LoginCommand;
use logout::LogoutCommand;

#[derive(Debug, Clone, Subcommand)]
pub enum RegistrySubcommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
    /// Check a name and a password, and keep them where docker does
    Login(LoginCommand),
    /// Forget what docker's file, or its helper, has for a registry
    Logout(LogoutCommand),
    /// Look whether a registry can be reached and lets us in; exits with 1 if it does not let us in
    Check(CheckCommand),
}

impl RegistrySubcommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::Help { names } => invocation.help_below("registry", names),
            Self::Login(login) => login.run(invocation),
            Self::Logout(logout) => logout.run(invocation),
            Self::Check(check) => check.run(invocation),
        }
    }
}
