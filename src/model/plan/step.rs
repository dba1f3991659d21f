//! The steps of a plan: what each does, for which extensions, and why.

use serde::{Serialize, Serializer};

use crate::model::bounds::MAX_OCI_MANIFEST;
use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, Metering};
use crate::model::fault::file_problem::FileProblem;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::ProfileHold;
use crate::model::reference::OciReference;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Step {
    #[serde(flatten)]
    pub kind: StepKind,
    /// The extensions that it is done for, sorted.
    pub extensions: Vec<ExtensionName>,
    pub reason: StepReason,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum StepKind {
    /// Stage the bytes of a blob.
    Fetch {
        #[serde(flatten)]
        blob: BlobDescriptor,
        /// The reference or path.
        #[serde(rename = "from", serialize_with = "as_text")]
        #[schemars(with = "String")]
        origin: FetchSource,
    },
    /// Check staged bytes and let them into the store.
    Verify {
        #[serde(flatten)]
        blob: BlobDescriptor,
    },
    /// Compile a component for one engine.
    Compile {
        #[serde(rename = "digest")]
        component: Digest,
        /// In bytes.
        size: u64,
        #[serde(skip)]
        engine: EngineKey,
        metering: Metering,
    },
    /// Make the target generation the live one.
    Activate { profile: ProfileName, generation: u64 },
    /// Make what is left of the active set, after a sync was refused, the active generation.
    Narrow { profile: ProfileName, generation: u64 },
    /// Make a generation of before the live one again.
    Rollback {
        profile: ProfileName,
        generation: u64,
        /// Whether a sync leaves it active until it is released.
        #[serde(skip_serializing_if = "ProfileHold::is_free")]
        hold: ProfileHold,
    },
    /// Remove the records of old generations.
    Prune { profile: ProfileName, generations: Vec<u64> },
}

/// A blob that the lock names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct BlobDescriptor {
    pub digest: Digest,
    #[serde(flatten)]
    pub role: BlobRole,
}

/// What a blob is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum BlobRole {
    /// An OCI image index.
    Index,
    /// An OCI manifest.
    Manifest,
    /// A component of `size` bytes.
    Component { size: u64 },
}

/// Where a blob is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchSource {
    Registry(OciReference),
    /// A file, relative to the folder of the lock unless absolute.
    Path(String),
}

/// Why a step is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StepReason {
    NotInStore,
    /// What the store holds is not what its name says.
    Damaged {
        problem: FileProblem,
    },
    NotCompiled,
    EngineChanged,
    /// `max_fuel` was set, or is not set any more: code that counts fuel is other code.
    MeteringChanged,
    /// The compiled code is not what this machine made.
    CodeDamaged {
        problem: FileProblem,
    },
    FirstGeneration,
    SetChanged,
    Requested,
    /// The manifest no longer declares or grants a part of the active set.
    Undeclared,
    Superseded,
}

impl std::fmt::Display for FetchSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

pub(crate) fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl StepKind {
    /// How much work it is, in bytes; 0 where that means nothing.
    pub fn weight(&self) -> u64 {
        match self {
            Self::Fetch { blob, .. } | Self::Verify { blob } => match blob.role {
                BlobRole::Component { size } => size,
                BlobRole::Index | BlobRole::Manifest => 0,
            },
            Self::Compile { size, .. } => *size,
            Self::Activate { .. } | Self::Narrow { .. } | Self::Rollback { .. } | Self::Prune { .. } => 0,
        }
    }
}

impl BlobRole {
    /// The most bytes that a blob of this role may have.
    pub fn limit(self) -> u64 {
        match self {
            Self::Index | Self::Manifest => MAX_OCI_MANIFEST,
            Self::Component { size } => size,
        }
    }
}
