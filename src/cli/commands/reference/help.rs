//! `sesame help`.

use crate::cli::help;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::Failure;

pub fn run(invocation: &Invocation<'_>, names: &[String]) -> Result<CommandOutcome, Failure> {
    invocation.output.page(&help::help((invocation.program)(), names)?);
    Ok(CommandOutcome::Done)
}
