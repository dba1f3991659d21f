//! `sesame host enable`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::{Data, HostData};
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::daemon::names::UNIT;
use sesame::daemon::read_settings;
use sesame::daemon::setup::{FOLDER_VARIABLES, HostSetup};
use sesame::model::report::host::{HostSetupReport, SystemdState};
use sesame::model::text::escape;

#[derive(Debug, Clone, Args)]
pub struct EnableCommand {}

impl EnableCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let setup = setup(&Environment::read()?)?;
        let report = interrupt()?.block_on(async { Ok(setup.enable().await) })??;
        invocation.print_report(Data::Host(HostData::Setup(&report)), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// Where the files of the host go on this machine.
pub fn setup(environment: &Environment) -> Result<HostSetup, CommandError> {
    let mut folders = Environment::variables();
    folders.retain(|name, value| FOLDER_VARIABLES.contains(&name.as_str()) && !value.is_empty());
    Ok(HostSetup {
        program: environment.program.clone(),
        configuration_home: environment.configuration_home(),
        data_home: environment.data_home(),
        folders,
        memory_mib: read_settings(&environment.user())?.memory_mib,
        bus: environment.bus.clone(),
    })
}

fn words(report: &HostSetupReport) -> String {
    let mut text: String = report.files.iter().map(|file| format!("wrote {}\n", escape(file))).collect();
    text.push_str(&match &report.systemd {
        SystemdState::Started => {
            format!("{} systemd has started {UNIT}, and does so at login\n", Style::good("enabled:"))
        }
        SystemdState::Failed(error) => format!(
            "{} systemd could not start {UNIT}: {}\n  {}`journalctl --user -u {UNIT}` and `sesame host log` show why\n",
            Style::warning("enabled, but"),
            escape(error),
            Style::hint("hint: "),
        ),
        SystemdState::NoBus => format!(
            "{} there is no session bus here; the next one starts the host when it is first called\n",
            Style::good("enabled:")
        ),
        SystemdState::Absent | SystemdState::Stopped | SystemdState::NotNeeded => {
            format!("{} the session bus starts the host when it is first called\n", Style::good("enabled:"))
        }
    });
    text
}
