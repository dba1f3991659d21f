//! `sesame host status`.

use std::time::Duration;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::{Data, HostData};
use crate::cli::render::style::Style;
use crate::cli::render::table::headed_table;
use crate::cli::terminal::environment::Environment;
use sesame::daemon::bus::client;
use sesame::daemon::error::DaemonError;
use sesame::model::fault::Fault;
use sesame::model::report::host::{HostStatusReport, HostedExtension};
use sesame::model::text::{count, duration, escape, size};

#[derive(Debug, Clone, Args)]
pub struct StatusCommand {}

impl StatusCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let report = client::status(&environment.bus.ok_or(DaemonError::NoBus)?, &interrupt()?)?;
        invocation.print_result(Data::Host(HostData::Status(&report)), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &HostStatusReport) -> String {
    let generation =
        report.generation.map_or("nothing was activated yet".to_owned(), |number| format!("generation {number}"));
    let uptime = duration(Duration::from_millis(report.uptime_ms));
    let mut text = format!(
        "{} profile {}, {generation}, {}; process {}, up for {uptime}; {} of {} MiB in use\n",
        Style::strong("host:"),
        report.profile,
        count(report.extensions.len(), "extension"),
        report.process,
        size(report.memory),
        report.memory_limit_mib,
    );
    if let Some(fault) = &report.refusing {
        text.push_str(&format!("{} every call\n", Style::error("refused:")));
        text.push_str(&refusal(fault));
    }
    let rows = report.extensions.iter().map(row);
    if !report.extensions.is_empty() {
        text.push_str(&headed_table(
            &["extension", "calls", "running", "errors", "stopped", "refused", "time", "longest", "memory"],
            rows,
        ));
    }
    for extension in &report.extensions {
        if let Some(fault) = &extension.refused {
            text.push_str(&format!("{} {}\n{}", Style::error("refused:"), extension.name, refusal(fault)));
        }
        if extension.stuck_threads > 0 {
            let (stuck, all) = (extension.stuck_threads, HostedExtension::FILE_THREADS);
            text.push_str(&format!(
                "{} {stuck} of {all} threads for the files of {} are stuck\n",
                Style::warning("stuck:"),
                extension.name
            ));
        }
    }
    for backend in &report.backends {
        let problem = backend.problem.as_ref().map(|problem| format!(": {}", escape(problem)));
        text.push_str(&format!("{:<13} {}{}\n", backend.backend, backend.configured, problem.unwrap_or_default()));
        text.extend(backend.hint.iter().map(|hint| format!("  {}{}\n", Style::hint("hint: "), escape(hint))));
    }
    for (name, run) in &report.runs {
        let problem = run.problem.as_ref().map(|problem| format!(": {}", escape(problem)));
        text.push_str(&format!("runs {name} {} {}{}\n", escape(&run.function), run.when, problem.unwrap_or_default()));
    }
    text
}

fn row(extension: &HostedExtension) -> Vec<String> {
    let calls = &extension.calls;
    let time = |ms: u64| duration(Duration::from_millis(ms));
    let numbers =
        [calls.begun, calls.running, calls.errors, calls.stopped, calls.refused].map(|number| number.to_string());
    let mut row = vec![extension.name.to_string()];
    row.extend(numbers);
    row.extend([time(calls.time_ms), time(calls.longest_ms), size(calls.memory)]);
    row
}

/// Why something is refused, and what to do.
fn refusal(fault: &Fault) -> String {
    let hints = fault.hints.iter().map(|hint| format!("  {}{}\n", Style::hint("hint: "), escape(&hint.to_string())));
    format!("  {}\n", escape(&fault.line())) + &hints.collect::<String>()
}
