//! Errors of the host of the desktop.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use crate::cli::render::failure::CommandError;
use sesame::daemon::error::DaemonError;
use sesame::daemon::refusal::{Refusal, Withdrawal};
use sesame::model::audit::ChainProblem;
use sesame::model::report::host::CallFailure;

use super::Catalogue;

pub(super) fn render(catalogue: &mut Catalogue) {
    let no_json = serde_json::from_str::<Vec<serde_json::Value>>("[").unwrap_err();
    let bus = || "unix:path=/run/user/1000/bus".to_owned();
    for error in [
        DaemonError::NoBus,
        DaemonError::Bus { address: bus(), source: bus_error() },
        DaemonError::BusSilent { address: bus(), waited: Duration::from_secs(5) },
        DaemonError::NameTaken { process: Some(4711) },
        DaemonError::NameTaken { process: None },
        DaemonError::NameLost,
        DaemonError::Thread(Error::from(ErrorKind::WouldBlock)),
        DaemonError::NotEnabled,
        DaemonError::NotStarted("Process ended with exit code 74".into()),
        DaemonError::Died,
        DaemonError::Answer(no_json),
        DaemonError::SecretName("the name of a secret has 1 to 255 bytes and no control characters".into()),
        DaemonError::NoSecrets,
        DaemonError::Secrets { message: "the keyring is locked".into(), hint: Some("unlock the keyring".into()) },
        DaemonError::Refused(bus_error()),
    ] {
        let key = super::key(&error);
        catalogue.command_under(key, error.into());
    }
    let extension = || "snippets".to_owned();
    for refusal in [
        Refusal::NotAName("Snippets".into()),
        Refusal::ArgumentsTooLarge { given: 20_000_000 },
        Refusal::NotAnArray(serde_json::from_str::<Vec<serde_json::Value>>("3").unwrap_err()),
        Refusal::UnknownSyntax("yaml".into()),
        Refusal::TooManyOfExtension { extension: extension(), calls: 128 },
        Refusal::TooMany(1024),
        Refusal::FilesStuck { extension: extension() },
        Refusal::NoThread { extension: extension(), source: Error::from(ErrorKind::WouldBlock) },
        Refusal::Withdrawn { extension: extension(), why: Withdrawal::Refusing },
        Refusal::Withdrawn { extension: extension(), why: Withdrawal::Extension },
        Refusal::Withdrawn { extension: extension(), why: Withdrawal::Narrowed },
        Refusal::Withdrawn { extension: extension(), why: Withdrawal::Caller },
        Refusal::Ending,
        Refusal::Panicked { extension: extension() },
    ] {
        let key = super::key(&refusal);
        catalogue.command_under(key, CommandError::Host(CallFailure::from(refusal)));
    }
    let stopped = CallFailure { fault: Refusal::TooMany(1024).fault(), backtrace: vec!["snippets::expand".to_owned()] };
    catalogue.command(CommandError::Host(stopped));
    catalogue.command(CommandError::Clipboard(Error::from(ErrorKind::NotFound)));
    catalogue.source(ChainProblem::NotARecord);
    catalogue.source(ChainProblem::BrokenChain);
    catalogue.source(ChainProblem::Sequence { found: 7, expected: 3 });
}

/// What zbus says when nothing listens.
fn bus_error() -> zbus::Error {
    zbus::Error::InputOutput(std::sync::Arc::new(Error::from(ErrorKind::ConnectionRefused)))
}
