//! `sesame schema`.

use clap::Args;

use crate::cli::help::schema::{SchemaName, text};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;

#[derive(Debug, Clone, Args)]
pub struct SchemaCommand {
    /// Which format
    pub name: SchemaName,
}

impl SchemaCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        invocation.output.print_text(&text(self.name));
        Ok(CommandOutcome::Done)
    }
}
