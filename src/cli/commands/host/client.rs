//! Calls by the host of the desktop, for `sesame call`.

use crate::cli::render::failure::CommandError;
use crate::cli::terminal::environment::Environment;
use sesame::daemon::bus::client;
use sesame::daemon::error::DaemonError;
use sesame::model::report::extension::CallReport;
use sesame::model::report::host::CallAnswer;
use sesame::ops::context::Interrupt;
use sesame::ops::run::call::CallOptions;

/// Calls a function in the host; none if there is no host to be asked, and why.
pub fn call(
    environment: &Environment,
    extension: &str,
    options: &CallOptions,
    interrupt: &Interrupt,
) -> Result<Result<CallReport, &'static str>, CommandError> {
    let Some(bus) = &environment.bus else { return Ok(Err("there is no session bus")) };
    match client::call(bus, extension, options, interrupt) {
        Ok(CallAnswer::Returned { report, text }) => Ok(Ok(CallReport { text, ..report })),
        Ok(CallAnswer::Failed(failure)) => Err(CommandError::Host(failure)),
        Err(DaemonError::NotEnabled) => Ok(Err("no host runs, and none is enabled")),
        Err(DaemonError::Bus { .. }) => Ok(Err("the session bus cannot be reached")),
        Err(error) => Err(error.into()),
    }
}
