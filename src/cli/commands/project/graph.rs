//! `sesame graph`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::graph::{GraphFormat, render_graph};
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::text::escape;
use sesame::ops::project::Project;
use sesame::ops::publish::drawing;
use sesame::ops::query::graph::graph;

#[derive(Debug, Clone, Args)]
pub struct GraphCommand {
    /// In which format [default: by the extension of the file (.svg, .dot, .mmd, .txt), else text]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<GraphFormat>,
    /// Write it into a file, without colours
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl GraphCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let project = Project::find(&environment.search(invocation.globals.manifest.clone()))?;
        let report = graph(&project)?;
        let format = match (self.format, &self.output) {
            (Some(format), _) => format,
            (None, None) => GraphFormat::Text,
            (None, Some(file)) => {
                GraphFormat::of_file(file).ok_or_else(|| CommandError::NoGraphFormat(file.display().to_string()))?
            }
        };
        let Some(file) = &self.output else {
            invocation.print_answer(Data::Graph(&report), || render_graph(&report, format));
            return Ok(CommandOutcome::Done);
        };
        let drawn = anstream::adapter::strip_str(&render_graph(&report, format)).to_string();
        drawing::write(&environment.start.join(file), &drawn)?;
        let shown = escape(&file.display().to_string()).into_owned();
        invocation.print_report(Data::Graph(&report), || format!("{} {shown}\n", Style::good("wrote")));
        Ok(CommandOutcome::Done)
    }
}
