//! `sesame help`.

use crate::cli::help;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;

pub fn run(invocation: &Invocation<'_>, names: &[String]) -> Result<CommandOutcome, CommandError> {
    invocation.output.print_page(&help::help((invocation.program)(), names)?);
    Ok(CommandOutcome::Done)
}
