//! Why a component cannot be used, found by reading it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use wasmparser::BinaryReaderError;

use crate::model::file_kind::FileKind;
use crate::model::text::shorten_message;

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum InspectError {
    #[error("it is {0}")]
    NotAComponent(FileKind),
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    #[error("it imports {what} `{name}`, which no host can give it")]
    Import { what: Cow<'static, str>, name: String },
    #[error("it exports {what} `{name}`, which no host can run")]
    Export { what: Cow<'static, str>, name: String },
    #[error("it is a WIT package: interfaces without the code of an extension")]
    WitPackage,
    #[error("it needs {}, which this host does not have", features.join(" and "))]
    Features { features: Vec<String> },
    #[error("it has {found} {what}, and at most {most} are allowed")]
    TooMany { what: Cow<'static, str>, found: u64, most: u64 },
    #[error("it imports or exports a name of {length} bytes, and at most {most} are allowed: `{name}`")]
    LongName {
        /// Its beginning.
        name: String,
        length: u64,
        most: u64,
    },
}

impl From<BinaryReaderError> for InspectError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(format!("{} (at offset {:#x})", shorten_message(error.message()), error.offset()))
    }
}
