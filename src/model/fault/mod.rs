//! What kind of thing went wrong. `cli` turns kinds into exit statuses; reports carry faults as data.

pub mod file_problem;
pub mod hint;

use serde::{Deserialize, Serialize};

use hint::{Hint, Remedy};

/// The kind of a failure, in the order of precedence where several happened at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A fault of sesame itself.
    Bug,
    /// The file system.
    Io,
    /// Bytes that do not have their digest, or an answer that cannot be believed for another reason.
    Integrity,
    /// Access or a capability that is not granted.
    Denied,
    /// A bad manifest or lock, or something fetched that is no usable component.
    Data,
    /// A registry that does not answer, a tag or digest that it does not have.
    Unavailable,
    /// No manifest, or no such extension.
    Missing,
    /// The configuration of the machine or of the command.
    Configuration,
    /// A command line that cannot be followed.
    Usage,
    /// A guest that trapped or met a limit.
    Guest,
    /// The person stopped it.
    Interrupted,
}

/// A failure as data: its kind, its message, and the messages of what caused it, outermost first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fault {
    pub kind: FaultKind,
    /// The extension that the message names; of a component that is not installed, its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// An error of another library, of whichever type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error and what caused it, in one line.
pub fn line(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", line(source)),
        None => error.to_string(),
    }
}

impl Fault {
    /// The message with its causes, in one line.
    pub fn line(&self) -> String {
        std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// The fault without its hints, and what puts it right, for a report that has that in a field of its own.
    pub fn into_remedies(mut self) -> (Self, Vec<Remedy>) {
        let remedies = std::mem::take(&mut self.hints).into_iter().map(Remedy::Hint).collect();
        (self, remedies)
    }

    /// A fault made from an error and its sources.
    pub fn new(kind: FaultKind, error: &dyn std::error::Error, hints: impl IntoIterator<Item = Hint>) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self { kind, extension: None, message: error.to_string(), causes, hints: hints.into_iter().collect() }
    }
}
