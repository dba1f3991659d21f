//! Capabilities: the permissions to use one host interface each. Deny by default.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A permission to use one interface of the package `open-sesame:host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    ClipboardWrite,
    ConfigRead,
    IpcPublish,
    Notification,
    SecretRead,
    SecretWrite,
}

/// What a manifest grants to one extension.
pub type Grants = BTreeSet<Capability>;

impl Capability {
    pub const ALL: [Self; 6] = [
        Self::ClipboardWrite,
        Self::ConfigRead,
        Self::IpcPublish,
        Self::Notification,
        Self::SecretRead,
        Self::SecretWrite,
    ];

    /// The name in manifests, which is also the name of the WIT interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClipboardWrite => "clipboard-write",
            Self::ConfigRead => "config-read",
            Self::IpcPublish => "ipc-publish",
            Self::Notification => "notification",
            Self::SecretRead => "secret-read",
            Self::SecretWrite => "secret-write",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no capability `{0}`")]
pub struct UnknownCapability(String);

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(text: &str) -> Result<Self, UnknownCapability> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.as_str() == text)
            .ok_or_else(|| UnknownCapability(text.to_owned()))
    }
}
