//! Errors of calls of extensions.

use std::path::PathBuf;

use crate::compiler::inspection::ComponentError;
use crate::host::extension::CallError;
use crate::host::functions::FunctionNotFound;
use crate::host::termination::{Termination, TerminationCause};
use crate::host::values::ValueError;
use crate::model::MAX_PROJECT_FILE;
use crate::model::fault::FaultKind;
use crate::model::fault::file_problem::FileProblem;
use crate::model::fault::hint::Hint;
use crate::model::name::ExtensionName;
use crate::model::text::{count, list};
use crate::model::toml::problem::Problem;
use crate::ops::error::component_hints::component_hint;

/// Why an extension cannot be called, or its call failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the secrets in {} cannot be used", path.display())]
    Secrets { path: PathBuf, source: SecretsFault },
    /// Faults in `host.toml`.
    #[error("{} in host.toml", count(.0.len(), "problem"))]
    HostSettings(Vec<Problem>),
    #[error("`{name}` counts no fuel, so none can be limited")]
    NotMetered { name: ExtensionName },
    #[error("`{name}` cannot be called")]
    NoFunction { name: String, source: FunctionNotFound },
    #[error("{} wanted, {given} given", count(*wanted, "argument"))]
    Arguments { function: String, wanted: usize, given: usize },
    #[error("the argument `{parameter}` cannot be read")]
    Argument { function: String, parameter: String, source: ValueError },
    #[error("what `{function}` gives cannot be shown")]
    Result { function: String, source: ValueError },
    #[error("`{name}` was stopped: {stop}")]
    Stopped { name: String, stop: Termination },
    #[error("`{name}` cannot be called")]
    Call { name: String, source: CallError },
    #[error("the compiled code of `{name}` is missing")]
    NoCode { name: ExtensionName },
    #[error("`{name}` cannot be loaded: the key of this machine is not usable")]
    BadKey { name: ExtensionName, source: FileProblem },
    #[error("the compiled code of `{name}` is not what was compiled")]
    BadCode { name: ExtensionName, source: FileProblem },
    #[error("`{name}` is not usable")]
    UnusableExtension { name: String, source: ComponentError },
}

/// Why a file of secrets cannot be used. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
pub enum SecretsFault {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("there is no such file")]
    Missing,
    #[error("it belongs to the user {owner}")]
    OwnedByOther { owner: u32 },
    #[error("others can read it: its mode is {mode:o}, and must be 600")]
    ReadableByOthers { mode: u32 },
    #[error("it has more than {MAX_PROJECT_FILE} bytes")]
    TooLarge,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it is not TOML")]
    NotToml,
    #[error("`{name}` is not a string")]
    NotAString { name: String },
}

impl RunError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoCode { .. } => FaultKind::Missing,
            Self::NotMetered { .. } | Self::NoFunction { .. } | Self::Arguments { .. } | Self::Argument { .. } => {
                FaultKind::Usage
            }
            Self::Stopped { stop: Termination { cause: TerminationCause::Machine(_), .. }, .. } | Self::Call { .. } => {
                FaultKind::Io
            }
            Self::Stopped { .. } => FaultKind::Guest,
            Self::Secrets { .. } | Self::HostSettings(_) => FaultKind::Configuration,
            Self::Result { .. } | Self::UnusableExtension { .. } => FaultKind::Data,
            Self::BadKey { .. } | Self::BadCode { .. } => FaultKind::Integrity,
        }
    }

    /// The extension that the message names.
    pub(super) fn extension(&self) -> Option<&str> {
        match self {
            Self::NoFunction { name, .. }
            | Self::Stopped { name, .. }
            | Self::Call { name, .. }
            | Self::UnusableExtension { name, .. } => Some(name),
            Self::NotMetered { name }
            | Self::NoCode { name }
            | Self::BadKey { name, .. }
            | Self::BadCode { name, .. } => Some(name.as_str()),
            Self::Secrets { .. }
            | Self::HostSettings(_)
            | Self::Arguments { .. }
            | Self::Argument { .. }
            | Self::Result { .. } => None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::UnusableExtension { source, .. } => component_hint(source),
            Self::NoCode { .. } | Self::BadKey { .. } | Self::BadCode { .. } => "run `sesame sync`".into(),
            Self::Secrets { source: SecretsFault::OwnedByOther { .. }, .. } => "name a file of your own".into(),
            Self::Secrets { path, source: SecretsFault::ReadableByOthers { .. } } => {
                format!("`chmod 600 {}`", path.display()).into()
            }
            Self::Secrets { path, source: SecretsFault::Missing } => {
                format!("write `NAME = \"VALUE\"` lines into it, and `chmod 600 {}`", path.display()).into()
            }
            Self::Secrets { path, .. } => {
                format!("write `NAME = \"VALUE\"` lines into {}, and nothing else", path.display()).into()
            }
            Self::NotMetered { name } => {
                format!("set `max_fuel` in the limits of `{name}` and run `sesame sync`").into()
            }
            Self::NoFunction { source, .. } => no_function(source),
            Self::Arguments { function, .. } | Self::Argument { function, .. } => {
                format!("its signature is `{function}`").into()
            }
            Self::Result { .. } => "resources and streams have no text; call it from a program".into(),
            Self::Stopped { name, stop } => return stopped(name, &stop.cause),
            Self::Call { .. } | Self::HostSettings(_) => return None,
        })
    }
}

fn no_function(error: &FunctionNotFound) -> Hint {
    let quoted = |names: &[String]| list(names.iter().map(|name| format!("`{name}`")));
    let more = if error.more == 0 { String::new() } else { format!(" and {} more", error.more) };
    let signatures: Vec<String> = error.known.iter().map(|known| known.signature.clone()).collect();
    if error.is_interface {
        return format!("it is an interface, with {}{more}", quoted(&signatures)).into();
    }
    if !error.of_resources.is_empty() {
        return format!(
            "it exports {}, which cannot be called from here: a resource lives no longer than one call; call it from a program",
            quoted(&error.of_resources)
        ).into();
    }
    match (&error.closest, signatures.as_slice()) {
        (Some(closest), _) => format!("did you mean `{closest}`?").into(),
        (None, []) => "it exports no functions".into(),
        (None, known) if known.len() > 4 => {
            format!("it exports {}{more}", list(error.known.iter().map(|known| known.name.as_str()))).into()
        }
        (None, known) => format!("it exports {}", quoted(known)).into(),
    }
}

/// A component's file has no manifest whose limits could be raised.
fn stopped(name: &str, cause: &TerminationCause) -> Option<Hint> {
    let is_installed = name.parse::<ExtensionName>().is_ok();
    let limit = match cause {
        cause if !is_installed && !matches!(cause, TerminationCause::Machine(_)) => return None,
        TerminationCause::Time(_) => "timeout_ms",
        TerminationCause::Fuel(_) => "max_fuel",
        TerminationCause::Memory(..) => "max_memory_mib",
        TerminationCause::Budget(..) => {
            return Some("call it again when fewer calls run, or raise `memory_mib` in host.toml".into());
        }
        TerminationCause::Machine(_) => {
            return Some(
                "the host sets 4 GiB of addresses aside for each memory: `ulimit -v` and the memory of the container must allow that; `sesame doctor` tries it"
                    .into(),
            );
        }
        TerminationCause::Tables
        | TerminationCause::Transfer
        | TerminationCause::Trap(_)
        | TerminationCause::Exit(_)
        | TerminationCause::Other(_) => {
            return Some(format!("`sesame log {name}` shows what it has printed").into());
        }
    };
    Some(
        format!("if it needs more, raise `{limit}` where it is set: in its manifest, a policy, or on the command line")
            .into(),
    )
}
