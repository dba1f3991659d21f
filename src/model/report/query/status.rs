//! How far apart what is declared, locked, stored, compiled and active are, as data.

use serde::Serialize;

use crate::model::digest::Digest;
use crate::model::fault::Fault;
use crate::model::fault::hint::Remedy;
use crate::model::lock::Staleness;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::set_change::SetChange;
use crate::model::plan::step::{BlobDescriptor, StepReason};
use crate::model::report::sync::Forecast;

/// What `status` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StatusReport {
    pub profile: ProfileName,
    /// The number of the active generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// How many extensions are active.
    pub extensions: usize,
    /// Nothing, if everything agrees.
    pub differences: Vec<Difference>,
    /// What `sync` would do.
    pub next_sync: Forecast,
}

impl StatusReport {
    /// Whether everything agrees, and `sync` would change nothing.
    pub fn is_up_to_date(&self) -> bool {
        self.next_sync == Forecast::UpToDate && self.differences.is_empty()
    }
}

/// One thing that does not agree with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Difference {
    pub between: DifferenceBetween,
    /// The extension, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionName>,
    pub what: DifferenceFact,
    /// What makes them agree; each is enough.
    pub remedies: Vec<Remedy>,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DifferenceFact {
    /// This machine refuses it.
    Refused {
        fault: Fault,
    },
    /// There is no lock.
    NoLock,
    /// The lock does not satisfy the manifest.
    Stale {
        why: Staleness,
    },
    /// The component needs what the manifest does not grant.
    NotGranted {
        fault: Fault,
    },
    /// The registry no longer has what is locked.
    Gone {
        fault: Fault,
    },
    /// No source could be asked.
    Unreachable {
        fault: Fault,
    },
    /// The tag names something else by now.
    TagMoved {
        reference: String,
        provenance: Digest,
    },
    TagUnresolved {
        reference: String,
        fault: Fault,
    },
    /// The store lacks it.
    NotStored {
        #[serde(flatten)]
        blob: BlobDescriptor,
        reason: StepReason,
    },
    /// There is no usable compiled code.
    NotCompiled {
        reason: StepReason,
    },
    /// It cannot be determined which generation is active.
    UnknownActive {
        fault: Fault,
    },
    /// No generation is active.
    NothingActive,
    /// The active set is another.
    Set {
        change: SetChange,
    },
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
    /// What is locked and granted, and what is active.
    LockAndActive,
}
