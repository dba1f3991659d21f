//! `sesame graph`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::graph::{GraphFormat, render_graph};
use crate::cli::render::json::Data;
use crate::cli::terminal::environment::Environment;
use sesame::ops::project::Project;
use sesame::ops::query::graph::graph;

#[derive(Debug, Clone, Args)]
pub struct GraphCommand {
    /// In which format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: GraphFormat,
}

impl GraphCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let project = Project::find(&Environment::read()?.search(invocation.globals.manifest.clone()))?;
        let report = graph(&project)?;
        invocation.print_answer(Data::Graph(&report), || render_graph(&report, self.format));
        Ok(CommandOutcome::Done)
    }
}
