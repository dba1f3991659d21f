//! What the commands about registries did, as data: `registry check`, `login`, `logout`, and `extension push`.

use serde::Serialize;

use crate::model::digest::Digest;
use crate::model::fault::Fault;

/// How a registry was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RegistryReport {
    /// The host, or the part of it that was meant.
    pub registry: String,
    /// The URL of its API.
    pub address: String,
    /// `HTTP/1.1` or `HTTP/2.0`
    pub protocol: String,
    /// What it wants to see before it answers; nothing where it answers anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wants: Option<String>,
    pub credentials: CredentialStatus,
    pub access: RegistryAccess,
    /// Why it does not let us in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Whether there are credentials for a registry, and where; never what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Credentials")]
pub enum CredentialStatus {
    Found {
        place: String,
    },
    None,
    /// None are looked for, because of a setting of the project.
    Withheld {
        setting: String,
    },
}

/// Whom a registry lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Access")]
pub enum RegistryAccess {
    /// Anybody, without asking.
    Open,
    /// Anybody who fetches a token.
    Anonymous,
    /// Us, with our credentials.
    In,
    Refused,
}

/// What `login` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LoginReport {
    pub host: String,
    /// Where the credentials are kept now.
    pub place: String,
    /// Whether the registry has seen and accepted them; one that asks for none cannot tell.
    pub verified: bool,
}

/// What `logout` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LogoutReport {
    pub host: String,
    /// Where credentials were removed; nowhere if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What `push` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PushReport {
    /// The reference with the digest that it names now.
    pub reference: String,
    /// The folder of the OCI layout that it was written into, instead of a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// The manifest's digest.
    pub provenance: Digest,
    pub component: Digest,
    /// The component's size in bytes.
    pub size: u64,
    /// Whether it was there already, so that nothing was sent.
    pub unchanged: bool,
}
