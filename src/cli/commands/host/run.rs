//! `sesame host run`.

use std::sync::Arc;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::render::failure::CommandError;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::Verbosity;
use sesame::daemon::environment::DaemonEnvironment;
use sesame::daemon::error::DaemonError;
use sesame::daemon::run;
use sesame::model::text::escape;

#[derive(Debug, Clone, Args)]
pub struct RunCommand {}

impl RunCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let output = invocation.output.clone();
        let daemon = DaemonEnvironment {
            user: environment.user(),
            paths: environment.paths,
            variables: Environment::variables(),
            clock: environment.clock,
            bus: environment.bus.ok_or(DaemonError::NoBus)?,
            program: environment.program,
            echo: Arc::new(move |text| output.say(Verbosity::Normal, &format!("{}\n", escape(text)))),
        };
        run(&daemon, &interrupt()?)?;
        Ok(CommandOutcome::Done)
    }
}
