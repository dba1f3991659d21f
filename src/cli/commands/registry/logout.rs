//! `sesame registry logout`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use sesame::model::reference::host::RegistryHost;
use sesame::model::report::registry::LogoutReport;
use sesame::model::text::escape;
use sesame::ops::publish::login::logout;

#[derive(Debug, Clone, Args)]
pub struct LogoutCommand {
    /// host[:port]
    pub host: RegistryHost,
}

impl LogoutCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context_or_default(&ResourceOptions::default())?;
        let report = logout(&context, &self.host)?;
        invocation.print_report(Data::Logout(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &LogoutReport) -> String {
    let host = escape(&report.host);
    match &report.place {
        Some(place) => format!("{} of {host}; removed from {}\n", Style::good("logged out"), escape(place)),
        None => format!("docker's file has no credentials for {host}\n"),
    }
}
