//! What a run has done, as data. The words for people and the JSON document are both made from it.

pub mod bundle;
pub mod event;
pub mod extension;
pub mod host;
pub mod maintain;
pub mod query;
pub mod registry;
pub mod sync;
pub mod warning;

use serde::Serialize;

/// The interfaces of the host.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WitReport {
    /// The files that were written; those that were there already are not among them.
    pub files: Vec<String>,
    /// The package as one text, where no folder was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What `init` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct InitReport {
    /// The file that was written.
    pub manifest: String,
}

/// What `completions --install` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CompletionsReport {
    /// The script that was written.
    pub file: String,
}
