//! `sesame help`.

use clap::Args;

use crate::cli::help;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::Failure;

#[derive(Debug, Clone, Args)]
pub struct HelpCommand {
    /// A command or a topic [default: a list of both]
    #[arg(value_name = "TOPIC")]
    pub names: Vec<String>,
}

impl HelpCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, Failure> {
        invocation.output.page(&help::help((invocation.program)(), &self.names)?);
        Ok(CommandOutcome::Done)
    }
}
