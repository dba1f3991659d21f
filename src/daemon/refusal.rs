//! Why the host does not begin a call, or ends it.

use crate::daemon::schedule::executor::QueueFull;
use crate::model::fault::hint::Hint;
use crate::model::fault::{Fault, FaultKind};
use crate::model::report::host::{CallFailure, HostedExtension};
use crate::model::text::{count, escape};
use crate::model::toml::problem::Problem;
use crate::ops::error::Error;
use crate::ops::error::run::RunError;

/// The longest arguments of a call, in bytes.
pub(super) const MAX_ARGUMENTS: usize = 16 << 20;

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("`{}` is not the name of an extension", escape(.0))]
    NotAName(String),
    #[error("the arguments have {given} bytes; at most {MAX_ARGUMENTS} are accepted")]
    ArgumentsTooLarge { given: usize },
    #[error("the arguments are not a JSON array")]
    NotAnArray(#[source] serde_json::Error),
    #[error("the syntax `{}` is unknown", escape(.0))]
    UnknownSyntax(String),
    #[error("{} of `{extension}` are running or waiting, which is the most", count(*.calls, "call"))]
    TooManyOfExtension { extension: String, calls: usize },
    #[error("{} are running or waiting, which is the most", count(*.0, "call"))]
    TooMany(usize),
    #[error("all {} threads for the files of `{extension}` are stuck", HostedExtension::FILE_THREADS)]
    FilesStuck { extension: String },
    #[error("no thread can be started for the files of `{extension}`")]
    NoThread { extension: String, source: std::io::Error },
    #[error("the call of `{extension}` was stopped: {}", withdrawn(.why))]
    Withdrawn { extension: String, why: Withdrawal },
    #[error("the host is ending")]
    Ending,
    #[error("the call of `{extension}` ended without a result")]
    Panicked { extension: String },
}

/// Why a call that runs must not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawal {
    /// Nothing is known of what may run.
    Refusing,
    /// The extension is not active any more, or cannot be run as it is now.
    Extension,
    /// It is granted less, or has a lower limit.
    Narrowed,
    /// No one waits for it any more.
    Caller,
}

fn withdrawn(why: &Withdrawal) -> &'static str {
    match why {
        Withdrawal::Refusing => "the active set or a policy can no longer be read",
        Withdrawal::Extension => "the extension is no longer active",
        Withdrawal::Caller => "its caller has left the session bus",
        Withdrawal::Narrowed => "a grant was revoked or a limit lowered",
    }
}

impl Refusal {
    pub(super) fn queue_full(extension: &str, full: QueueFull) -> Self {
        match full {
            QueueFull::OfExtension(calls) => Self::TooManyOfExtension { extension: extension.to_owned(), calls },
            QueueFull::OfAll(calls) => Self::TooMany(calls),
        }
    }

    fn kind(&self) -> FaultKind {
        match self {
            Self::NotAName(_) | Self::ArgumentsTooLarge { .. } | Self::NotAnArray(_) | Self::UnknownSyntax(_) => {
                FaultKind::Usage
            }
            Self::TooManyOfExtension { .. } | Self::TooMany(_) | Self::FilesStuck { .. } | Self::Ending => {
                FaultKind::Unavailable
            }
            Self::NoThread { .. } => FaultKind::Io,
            Self::Withdrawn { .. } => FaultKind::Denied,
            Self::Panicked { .. } => FaultKind::Bug,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::NotAName(_) => "`sesame list` shows the active extensions".into(),
            Self::ArgumentsTooLarge { .. } => "pass a file or a key instead of the data itself".into(),
            Self::NotAnArray(_) => "write the arguments as in `[3, \"sig\"]`, or `[]` if there are none".into(),
            Self::UnknownSyntax(_) => "use `wave` or `json`".into(),
            Self::TooManyOfExtension { .. } | Self::TooMany(_) => {
                "try again when some have ended; `sesame host status` shows what runs".into()
            }
            Self::FilesStuck { .. } => {
                "a granted folder has a FIFO or a disk that does not answer; `systemctl --user restart open-sesame-extensions` frees the threads".into()
            }
            Self::Withdrawn { extension, .. } => format!("`sesame info {extension}` shows what it is granted now").into(),
            Self::Panicked { .. } => "please report it, with what you called".into(),
            Self::NoThread { .. } | Self::Ending => return None,
        })
    }

    fn extension(&self) -> Option<&String> {
        match self {
            Self::TooManyOfExtension { extension, .. }
            | Self::FilesStuck { extension }
            | Self::NoThread { extension, .. }
            | Self::Withdrawn { extension, .. }
            | Self::Panicked { extension } => Some(extension),
            _ => None,
        }
    }

    /// The refusal as data.
    pub fn fault(&self) -> Fault {
        let mut fault = Fault::new(self.kind(), self, self.hint());
        fault.extension = self.extension().cloned();
        fault
    }
}

impl From<Refusal> for CallFailure {
    fn from(refusal: Refusal) -> Self {
        refusal.fault().into()
    }
}

impl From<Fault> for CallFailure {
    fn from(fault: Fault) -> Self {
        Self { fault, backtrace: Vec::new() }
    }
}

impl From<Error> for CallFailure {
    fn from(error: Error) -> Self {
        let backtrace = match &error {
            Error::Run(RunError::Stopped { stop, .. }) => stop.backtrace.clone(),
            _ => Vec::new(),
        };
        Self { fault: whole_fault(&error), backtrace }
    }
}

/// The error as data, with the problems of the files among its causes.
pub(in crate::daemon) fn whole_fault(error: &Error) -> Fault {
    let mut fault = error.fault();
    if fault.causes.is_empty() {
        fault.causes = error.problems().iter().map(Problem::line).collect();
    }
    fault
}
