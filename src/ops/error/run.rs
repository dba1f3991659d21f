//! An extension cannot be called, or its call failed.

use std::path::PathBuf;

use crate::compiler::inspection::ComponentError;
use crate::host::extension::CallError;
use crate::host::functions::FunctionNotFound;
use crate::host::termination::{Termination, TerminationCause};
use crate::host::values::ValueError;
use crate::model::fault::FaultKind;
use crate::model::name::ExtensionName;
use crate::model::text::count;

/// An extension cannot be called, or its call failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the secrets in {} cannot be used: {why}", path.display())]
    Secrets { path: PathBuf, why: String },
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
    #[error("the compiled code of `{name}` is not what was compiled: {why}")]
    BadCode { name: ExtensionName, why: String },
    #[error("`{name}` is not usable")]
    UnusableExtension { name: String, source: ComponentError },
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
            Self::Secrets { .. } => FaultKind::Configuration,
            Self::Result { .. } | Self::UnusableExtension { .. } => FaultKind::Data,
            Self::BadCode { .. } => FaultKind::Integrity,
        }
    }
}
