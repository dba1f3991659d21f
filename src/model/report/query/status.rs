//! How far apart what is wanted, locked, stored, compiled and live are, as data.

use serde::Serialize;

use crate::model::name::{ExtensionName, ProfileName};

/// What `status` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct StatusReport {
    pub profile: ProfileName,
    /// The number of the live generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// How many extensions are live.
    pub extensions: usize,
    /// Nothing, if everything agrees.
    pub differences: Vec<Difference>,
}

/// One thing that does not agree with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Difference {
    pub between: DifferenceBetween,
    /// The extension, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionName>,
    pub what: String,
    /// The command that mends it, or what else to do.
    pub remedy: String,
}

/// What does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Between")]
pub enum DifferenceBetween {
    /// What the manifest grants, and what this machine allows.
    ManifestAndMachine,
    /// What the manifest wants, and what is locked.
    ManifestAndLock,
    /// What is locked, and what the registry has by now.
    LockAndRegistry,
    /// What is locked, and what is in the store.
    LockAndStore,
    /// What is in the store, and what is compiled.
    StoreAndCache,
    /// What is locked and granted, and what is live.
    LockAndLive,
}
