//! Why the compiler gave no answer.

use std::path::PathBuf;

use super::inspection::ComponentError;

/// Why a component was neither inspected nor compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompilerError {
    /// It is the component's doing.
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error("the compiler {} cannot be started", program.display())]
    NotStarted { program: PathBuf, source: std::io::Error },
    /// A fault of sesame itself.
    #[error("{0}")]
    Bug(&'static str),
}
