//! Why the host cannot run, or cannot be asked.

use std::io;
use std::time::Duration;

use crate::model::fault::hint::Hint;
use crate::model::fault::{Fault, FaultKind};
use crate::ops::error::Error;
use crate::store;

/// The error of everything that has to do with the host.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error("there is no session bus")]
    NoBus,
    #[error("cannot connect to the session bus at {address}")]
    Bus { address: String, source: zbus::Error },
    #[error("the session bus at {address} did not answer within {} s", waited.as_secs())]
    BusSilent { address: String, waited: Duration },
    #[error("a host is already running{}", process.map_or_else(String::new, |process| format!(" (process {process})")))]
    NameTaken { process: Option<u32> },
    #[error("another process has taken the host's name on the session bus")]
    NameLost,
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    #[error("no host is running, and the session bus cannot start one")]
    NotEnabled,
    #[error("the session bus could not start the host: {0}")]
    NotStarted(String),
    #[error("the host ended before it answered")]
    Died,
    #[error("the host gave an answer that is not understood")]
    Answer(#[source] serde_json::Error),
    #[error("{0}")]
    SecretName(String),
    #[error("`secrets` is `none` in host.toml, so there is nowhere to keep them")]
    NoSecrets,
    #[error("{message}")]
    Secrets { message: String, hint: Option<String> },
    #[error("the session bus refused the request")]
    Refused(#[source] zbus::Error),
    #[error(transparent)]
    Verb(#[from] Error),
}

impl From<store::Error> for DaemonError {
    fn from(error: store::Error) -> Self {
        Self::Verb(error.into())
    }
}

impl DaemonError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoBus
            | Self::Bus { .. }
            | Self::BusSilent { .. }
            | Self::NotStarted(_)
            | Self::Died
            | Self::Refused(_) => FaultKind::Unavailable,
            Self::NameTaken { .. } | Self::NameLost => FaultKind::Unavailable,
            Self::NotEnabled => FaultKind::Missing,
            Self::SecretName(_) => FaultKind::Usage,
            Self::NoSecrets => FaultKind::Configuration,
            Self::Secrets { .. } => FaultKind::Unavailable,
            Self::Thread(_) => FaultKind::Io,
            Self::Answer(_) => FaultKind::Data,
            Self::Verb(error) => error.kind(),
        }
    }

    /// What to do next.
    pub fn hints(&self) -> Vec<Hint> {
        let hint: Hint = match self {
            Self::NoBus => "log in to a desktop, or run the command under `dbus-run-session`".into(),
            Self::Bus { .. } | Self::BusSilent { .. } => "check `$DBUS_SESSION_BUS_ADDRESS`".into(),
            Self::NameTaken { .. } => "`sesame host status` shows it".into(),
            Self::NameLost => "`sesame host status` shows which one answers now".into(),
            Self::NotEnabled => "run `sesame host enable`".into(),
            Self::NotStarted(_) | Self::Died => "`sesame host log` shows why; `sesame host run` runs it here".into(),
            Self::Answer(_) => {
                "the host is of another version: run `systemctl --user restart open-sesame-extensions`".into()
            }
            Self::Thread(_) => "end other programs, or raise the limit of processes (`ulimit -u`)".into(),
            Self::NoSecrets => "set `secrets` to `secret-service` or `file:PATH` in host.toml".into(),
            Self::Secrets { hint, .. } => return hint.iter().map(|hint| hint.clone().into()).collect(),
            Self::Refused(_) | Self::SecretName(_) => return Vec::new(),
            Self::Verb(error) => return error.hints(),
        };
        vec![hint]
    }

    pub fn fault(&self) -> Fault {
        match self {
            Self::Verb(error) => error.fault(),
            error => Fault::new(error.kind(), error, error.hints()),
        }
    }

    /// Whether it may pass when the bus is back.
    pub(super) fn is_of_bus(&self) -> bool {
        matches!(self, Self::Bus { .. } | Self::BusSilent { .. } | Self::NoBus)
    }
}
