//! What is wrong on the disk, as data.

use serde::Serialize;

use crate::model::fault::Fault;
use crate::model::fault::file_problem::FileProblem;
use crate::model::fault::hint::Remedy;
use crate::model::name::ExtensionName;
use crate::model::plan::generation_problem::GenerationProblem;
use crate::model::toml::problem::Problem;

/// What `verify` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct VerifyReport {
    pub checked: VerifiedCounts,
    /// What is wrong, in the order of their paths.
    pub findings: Vec<Finding>,
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Checked")]
pub struct VerifiedCounts {
    /// Manifests and components.
    pub blobs: u64,
    /// Compiled components.
    pub code: u64,
    pub generations: u64,
    pub locks: u64,
    /// The bytes of blobs and compiled components.
    pub bytes: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Finding {
    pub kind: FindingKind,
    pub path: String,
    /// What is wrong with it.
    pub what: FindingFact,
    /// The extensions that need it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<ExtensionName>,
    #[serde(flatten)]
    pub outcome: RepairOutcome,
}

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FindingFact {
    /// With a file or folder of sesame's.
    File { problem: FileProblem },
    /// With a generation.
    Generation { problem: GenerationProblem },
    /// With the active generation, or the record of which it is.
    Active { problem: GenerationProblem },
    /// With a file that people write.
    Problems { problems: Vec<Problem> },
    /// It cannot be checked.
    Failed { fault: Fault },
}

/// What it is that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A folder of sesame's.
    Folder,
    /// The key that compiled code is authenticated with.
    Key,
    /// A generation, or which of them is live.
    Generation,
    /// A manifest or a component.
    Blob,
    /// The beginning of a download.
    Partial,
    /// A compiled component.
    Code,
    /// Compiled functions.
    Functions,
    /// A lock that names what was live.
    Lock,
}

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[schemars(rename = "Outcome")]
pub enum RepairOutcome {
    /// Nothing was done.
    Found,
    Repaired {
        repair: Repair,
    },
    /// It could not be repaired.
    Left {
        /// None if it is what was found.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<LeftReason>,
        /// What puts it right; each is enough.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        remedies: Vec<Remedy>,
    },
}

/// How something was repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Repair {
    /// Other users can no longer read or change it.
    MadePrivate,
    /// It was moved to the folder for what is damaged.
    Quarantined {
        path: String,
    },
    /// It is made again when it is needed.
    Removed,
    /// There is a new key, and everything is compiled again.
    NewKey,
    FetchedAgain,
    CompiledAgain,
}

/// Why something could not be repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LeftReason {
    Failed {
        fault: Fault,
    },
    /// Something that it is made from could not be had.
    InputMissing,
}

impl VerifyReport {
    /// Whether something is still wrong.
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(Finding::is_wrong)
    }
}

impl Finding {
    /// Whether something is still wrong. A cache may always be deleted: what was compiled is compiled again.
    pub fn is_wrong(&self) -> bool {
        let is_missing = self.what == FindingFact::File { problem: FileProblem::Missing };
        let is_deleted = matches!(self.kind, FindingKind::Code | FindingKind::Functions) && is_missing;
        match self.outcome {
            RepairOutcome::Repaired { .. } => false,
            RepairOutcome::Found => !is_deleted,
            RepairOutcome::Left { .. } => true,
        }
    }
}

impl RepairOutcome {
    pub fn is_repaired(&self) -> bool {
        matches!(self, Self::Repaired { .. })
    }
}
