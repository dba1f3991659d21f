//! `sesame completions`.

use clap::Args;

use crate::cli::help::completions::{Shell, script};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;

#[derive(Debug, Clone, Args)]
pub struct CompletionsCommand {
    /// Which shell
    pub shell: Shell,
}

impl CompletionsCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        invocation.output.print_text(&script(self.shell));
        Ok(CommandOutcome::Done)
    }
}
