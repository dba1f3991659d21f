//! Why a generation, or the record of which is active, cannot be used, as data.

use serde::Serialize;

use crate::model::fault::file_problem::FileProblem;
use crate::model::name::ProfileName;

/// What is wrong with the file of a generation, or with the file that names the active one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum GenerationProblem {
    #[error(transparent)]
    File {
        #[from]
        problem: FileProblem,
    },
    /// The file that names the active generation holds something else.
    #[error("it does not contain the number of a generation")]
    NotANumber,
    /// It names a generation that is not there.
    #[error("there is no generation {number}")]
    NoGeneration { number: u64 },
    /// There is no such file, though several generations are there, so one was active.
    #[error("it is not there, and {generations} generations are")]
    NoRecord { generations: usize },
    /// The active generation cannot be used.
    #[error("generation {number} cannot be used")]
    Unusable {
        number: u64,
        #[source]
        problem: Box<GenerationProblem>,
    },
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is not TOML, or has other fields; in the words of the parser.
    #[error("{message}")]
    Toml { message: String },
    #[error("it is of the profile `{profile}`")]
    OtherProfile { profile: ProfileName },
    #[error("it is generation {number}")]
    OtherNumber { number: u64 },
    #[error("it does not say its number")]
    NoNumber,
    /// Nothing is wrong with it, but this program does not read it.
    #[error("another sesame wrote it, in version {version}; this one reads versions {oldest} to {newest}")]
    OtherVersion { version: i64, oldest: u32, newest: u32 },
}

impl GenerationProblem {
    /// Whether a sesame of another version wrote it, so that nothing is wrong with it.
    pub fn is_other_version(&self) -> bool {
        match self {
            Self::OtherVersion { .. } => true,
            Self::Unusable { problem, .. } => problem.is_other_version(),
            _ => false,
        }
    }
}
