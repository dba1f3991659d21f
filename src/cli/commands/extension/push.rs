//! `sesame push`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{CompileOptions, ResourceOptions, setting};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::reference::destination::Destination;
use sesame::model::report::registry::PushReport;
use sesame::model::text::{escape, size};
use sesame::ops::publish::push::{PushOptions, push};
use sesame::registry::publish::package::ExistingTag;

#[derive(Debug, Clone, Args)]
pub struct PushCommand {
    /// The component's file
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// registry/principal/scope:revision, or oci-layout:FOLDER:REFERENCE
    #[arg(value_name = "REF")]
    pub destination: Destination,
    /// An annotation of the manifest, such as org.opencontainers.image.source; may be given several times
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = setting)]
    pub annotations: Vec<(String, String)>,
    /// Move a tag that names something else
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub compile: CompileOptions,
}

impl PushCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let resources = ResourceOptions { compile: self.compile.clone(), ..ResourceOptions::default() };
        let context = invocation.context_or_default(&resources)?;
        let mut destination = self.destination.clone();
        let start = Environment::read()?.start;
        destination.layout = destination.layout.map(|folder| start.join(folder));
        let wanted = PushOptions {
            file: start.join(&self.file),
            destination,
            annotations: self.annotations.iter().cloned().collect(),
            existing_tag: if self.force { ExistingTag::Move } else { ExistingTag::Refuse },
        };
        let report = push(&context, &wanted)?;
        invocation.print_report(Data::Push(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &PushReport) -> String {
    let verb = if report.unchanged { Style::good("there already") } else { Style::good("pushed") };
    let place = report.layout.as_ref().map(|folder| format!(" into {}", escape(folder))).unwrap_or_default();
    format!("{verb} {}{place}  {}\n", escape(&report.reference), size(report.size))
}
