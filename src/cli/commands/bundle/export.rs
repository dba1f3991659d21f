//! `sesame bundle export`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::bundle::ExportReport;
use sesame::model::text::{count, escape, size};
use sesame::ops::bundle::export::export;

#[derive(Debug, Clone, Args)]
pub struct ExportCommand {
    /// An archive, FILE.tar, or a folder of its own
    #[arg(value_name = "FILE.tar|FOLDER")]
    pub to: PathBuf,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl ExportCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let mut report = export(&context, &Environment::read()?.start.join(&self.to))?;
        report.bundle = self.to.display().to_string();
        invocation.print_report(Data::Export(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// What was written.
fn words(report: &ExportReport) -> String {
    let had = report.size - report.written;
    let had = if had == 0 { String::new() } else { format!(", of which {} were there", size(had)) };
    format!(
        "{} {}  {}, {}, {}{had}\n{}\n",
        Style::good("exported"),
        escape(&report.bundle),
        count(report.extensions, "extension"),
        count(report.blobs, "blob"),
        size(report.size),
        report.digest
    )
}
