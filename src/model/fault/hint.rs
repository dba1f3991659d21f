//! What helps to go on, as data: a sentence, or a command to type.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What to do next, or what helps to find that out, as one sentence without a period at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Hint(Cow<'static, str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&'static str> for Hint {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

/// What puts something right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// A command, as it is typed. A word in capitals stands for something to fill in.
    Run(String),
    /// Something else to do.
    Hint(Hint),
}

impl Remedy {
    pub fn run(command: impl Into<String>) -> Self {
        Self::Run(command.into())
    }

    pub fn hint(hint: impl Into<Hint>) -> Self {
        Self::Hint(hint.into())
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(command) => f.write_str(command),
            Self::Hint(hint) => hint.fmt(f),
        }
    }
}
