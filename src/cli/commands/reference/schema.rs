//! `sesame schema`.

use clap::Args;

use crate::cli::help::schema::{SchemaName, text};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::Failure;

#[derive(Debug, Clone, Args)]
pub struct Schema {
    /// Which format
    pub name: SchemaName,
}

impl Schema {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, Failure> {
        invocation.output.text(&text(self.name));
        Ok(CommandOutcome::Done)
    }
}
