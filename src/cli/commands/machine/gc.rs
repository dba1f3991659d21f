//! `sesame gc`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{CompileOptions, FunctionCacheOption, ResourceOptions};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use sesame::model::report::maintain::gc::{GcReport, GcSizes};
use sesame::model::text::size;
use sesame::ops::maintain::gc::{self, GcScope};
use sesame::ops::sync::options::WriteMode;

#[derive(Debug, Clone, Args)]
pub struct GcCommand {
    /// Only what can be made again: compiled code and functions of other versions of sesame, and what is over the bound
    #[arg(long)]
    pub cache: bool,
    /// Remove nothing, say what would be
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub functions: FunctionCacheOption,
}

impl GcCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let compile = CompileOptions { functions: self.functions.clone(), ..CompileOptions::default() };
        let context = invocation.context_or_default(&ResourceOptions { compile, ..ResourceOptions::default() })?;
        let scope = if self.cache { GcScope::Cache } else { GcScope::Everything };
        let mode = if self.dry_run { WriteMode::Preview } else { WriteMode::Write };
        let report = gc::gc(&context, scope, mode)?;
        invocation.print_report(Data::Gc(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// What `gc` did, or would do.
fn words(report: &GcReport) -> String {
    let GcSizes { blobs, partial, cache } = report.removed;
    let parts = [
        (blobs, "of blobs"),
        (partial, "of unfinished downloads"),
        (cache.code, "of compiled code"),
        (cache.functions, "of compiled functions"),
    ];
    let parts = parts.into_iter().filter(|(found, _)| found.files > 0);
    let parts: Vec<String> = parts.map(|(found, what)| format!("{} {what}", size(found.bytes))).collect();
    let outcome = if report.dry_run { Style::warning("would remove") } else { Style::good("removed") };
    if parts.is_empty() {
        return format!("{} nothing to remove\n", Style::good("up to date:"));
    }
    format!("{outcome} {}\n", parts.join(", "))
}
