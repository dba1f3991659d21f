//! `sesame host disable`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::{Data, HostData};
use crate::cli::terminal::environment::Environment;
use sesame::daemon::names::UNIT;
use sesame::model::report::host::{HostSetupReport, SystemdState};
use sesame::model::text::escape;

use super::enable::setup;

#[derive(Debug, Clone, Args)]
pub struct DisableCommand {}

impl DisableCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let setup = setup(&Environment::read()?)?;
        let report = interrupt()?.block_on(async { Ok(setup.disable().await) })??;
        invocation.print_report(Data::Host(HostData::Setup(&report)), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &HostSetupReport) -> String {
    if report.files.is_empty() {
        return "the host was not enabled\n".to_owned();
    }
    let mut text: String = report.files.iter().map(|file| format!("removed {}\n", escape(file))).collect();
    text.push_str(&match report.systemd {
        SystemdState::Stopped => format!("disabled: systemd has ended {UNIT}\n"),
        _ => "disabled; a host that is running goes on until its session ends\n".to_owned(),
    });
    text
}
