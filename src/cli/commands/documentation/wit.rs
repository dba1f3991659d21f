//! `sesame wit`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::WitReport;
use sesame::model::text::escape;
use sesame::ops::publish::wit;

#[derive(Debug, Clone, Args)]
pub struct WitCommand {
    /// The folder, for example wit/deps/open-sesame-host
    pub folder: Option<PathBuf>,
}

impl WitCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let report = match &self.folder {
            None if !invocation.globals.json => {
                invocation.output.print_text(&wit::text());
                return Ok(CommandOutcome::Done);
            }
            None => WitReport { files: Vec::new(), text: Some(wit::text()) },
            Some(folder) => wit::write(&Environment::read()?.start.join(folder))?,
        };
        invocation.print_report(Data::Wit(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &WitReport) -> String {
    if report.files.is_empty() {
        return format!("{} the files are there\n", Style::good("up to date:"));
    }
    report.files.iter().map(|file| format!("{} {}\n", Style::good("wrote"), escape(file))).collect()
}
