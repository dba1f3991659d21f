//! `sesame host run`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::render::failure::CommandError;
use crate::cli::terminal::environment::Environment;
use sesame::daemon::error::DaemonError;
use sesame::daemon::{DaemonEnvironment, run};

#[derive(Debug, Clone, Args)]
pub struct RunCommand {}

impl RunCommand {
    pub fn run(&self, _: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let daemon = DaemonEnvironment {
            user: environment.user(),
            paths: environment.paths,
            variables: Environment::variables(),
            bus: environment.bus.ok_or(DaemonError::NoBus)?,
        };
        run(&daemon, &interrupt()?)?;
        Ok(CommandOutcome::Done)
    }
}
