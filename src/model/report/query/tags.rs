//! Which tags a repository has, as data.

use serde::Serialize;

use crate::model::name::ExtensionName;

/// What `tags` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TagsReport {
    pub repository: String,
    /// The versions, the newest first, then all others by name.
    pub tags: Vec<ListedTag>,
    /// The newest release, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ListedTag {
    pub tag: String,
    /// Whether it is a version, which a range can have.
    pub is_version: bool,
    /// The extensions of the manifest that allow it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fits: Vec<ExtensionName>,
    /// The extensions that are locked to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<ExtensionName>,
}
