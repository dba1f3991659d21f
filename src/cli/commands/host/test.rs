//! `sesame host test`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::{Data, HostData};
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::daemon::bus::client;
use sesame::daemon::error::DaemonError;
use sesame::model::report::host::{BackendReport, HostTestReport};
use sesame::model::text::escape;

#[derive(Debug, Clone, Args)]
pub struct TestCommand {}

impl TestCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let bus = Environment::read()?.bus.ok_or(DaemonError::NoBus)?;
        let report = HostTestReport { backends: client::test(&bus, &interrupt()?)? };
        invocation.print_result(Data::Host(HostData::Test(&report)), || report.backends.iter().map(line).collect());
        let failed = report.backends.iter().any(|backend| backend.problem.is_some());
        Ok(if failed { CommandOutcome::Differs } else { CommandOutcome::Done })
    }
}

fn line(backend: &BackendReport) -> String {
    let state = match (&backend.problem, backend.configured.as_str()) {
        (Some(problem), _) => format!("{}  {}", Style::error("failed"), escape(problem)),
        (None, "none") => "off".to_owned(),
        (None, _) => Style::good("works"),
    };
    let hint = backend.hint.as_ref().map(|hint| format!("  {}{}\n", Style::hint("hint: "), escape(hint)));
    format!("{:<13} {:<15} {state}\n{}", backend.backend, escape(&backend.configured), hint.unwrap_or_default())
}
