//! `sesame host log`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::{Data, HostData};
use crate::cli::terminal::environment::Environment;
use sesame::daemon::error::DaemonError;
use sesame::model::report::host::HostLogReport;
use sesame::model::text::escape;
use sesame::store::logs::read_host;

#[derive(Debug, Clone, Args)]
pub struct LogCommand {}

impl LogCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let text = read_host(&Environment::read()?.paths).map_err(DaemonError::from)?.unwrap_or_default();
        let report = HostLogReport { lines: text.lines().map(str::to_owned).collect() };
        invocation.print_answer(Data::Host(HostData::Log(&report)), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &HostLogReport) -> String {
    report.lines.iter().map(|line| format!("{}\n", escape(line))).collect()
}
