//! What a person should know and what stops nothing, as data. The words for it are made by the program.

use serde::Serialize;

use crate::model::capability::Capability;
use crate::model::fault::Fault;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::step::StepReason;

/// Something that the person should know and that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Warning {
    /// A policy of this machine allows less than the manifest sets.
    LimitLowered {
        extension: ExtensionName,
        /// `max_memory_mib`, `max_fuel` or `timeout_ms`
        limit: &'static str,
        declared: u64,
        allowed: u64,
    },
    /// The component does not import what these grants are for.
    UnusedGrants { extension: ExtensionName, capabilities: Vec<Capability> },
    /// No newer version asks for these, so they were not granted.
    GrantsNotNeeded { capabilities: Vec<Capability> },
    /// A granted folder cannot be used on this machine, so calls of the extension fail.
    UnusableFolder { extension: ExtensionName, fault: Fault },
    /// A sync was refused, and what the manifest may no longer grant was not removed from the active set.
    NotNarrowed {
        profile: ProfileName,
        /// What the extensions of the active set are granted.
        extensions: Vec<KeptGrants>,
        /// Why it was not narrowed.
        fault: Fault,
    },
    /// A set that this manifest has made before, in another profile than it declares now, is still active.
    OtherProfileActive {
        declared: ProfileName,
        active: ProfileName,
        /// How many extensions it has.
        extensions: usize,
        /// Whether it can still be renamed to what is declared.
        is_name_free: bool,
    },
    /// What was removed from the manifest is still active in another profile that the manifest made.
    ActiveElsewhere {
        extension: ExtensionName,
        profile: ProfileName,
        /// What the extension is still granted there and no longer in the manifest; empty if the extension itself was removed.
        grants: Vec<String>,
    },
    /// Blobs or compiled code were damaged, and are made again.
    DamageReplaced {
        extensions: Vec<ExtensionName>,
        /// Of the first that was found.
        reason: StepReason,
    },
    /// A lock with the usual name stands beside a manifest with another one, which has a lock of its own.
    EarlierLock {
        /// The lock with the usual name.
        earlier: String,
        lock: String,
    },
    /// A file of an earlier state of the project could not be removed.
    LeftOver { fault: Fault },
    /// Old generations could not be removed.
    NotPruned { fault: Fault },
    /// Other users could write to a folder of sesame, and no longer can.
    FolderMadePrivate { folder: String },
    /// A mirror did not help, and another source did.
    MirrorPassedOver { source: String, fault: Fault },
    /// `insecure` is set for the host.
    CertificateUnchecked { host: String },
    /// No credentials are taken from a place.
    CredentialsIgnored {
        /// A file, `$DOCKER_AUTH_CONFIG`, or a credential helper.
        place: String,
        /// The host or prefix that they are for, if the rest of the place is used.
        #[serde(skip_serializing_if = "Option::is_none")]
        registry: Option<String>,
        why: CredentialsProblem,
    },
    /// Other credentials for the host go before those that were kept.
    CredentialsHidden { host: String, place: String },
    /// A place still has credentials for the host.
    CredentialsLeft { host: String, place: String },
    /// Which versions there are could not be found out.
    VersionsUnknown { extension: ExtensionName, fault: Fault },
    /// Functions of the function cache were damaged, and are compiled again.
    FunctionsDamaged,
    /// Compiled functions cannot be kept for later.
    FunctionsNotKept { why: String },
    /// Not all compiled functions fit into the function cache.
    FunctionCacheFull {
        /// The most that it keeps at a time, in bytes.
        limit: u64,
    },
    /// The compiler could not be confined.
    CompilerUnconfined { why: String },
}

/// The grants of an extension of the active set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct KeptGrants {
    pub name: ExtensionName,
    /// Each as it is written after `--grant`.
    pub grants: Vec<String>,
}

/// Why no credentials are taken from a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CredentialsProblem {
    /// It cannot be read, and why.
    Unreadable {
        error: String,
    },
    NotJson,
    /// An entry, or what a helper answered, cannot be used, and why.
    Unusable {
        error: String,
    },
}
