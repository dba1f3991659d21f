//! What `lock`, `sync`, `diff` and the commands that end in a sync did, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::fault::{Fault, FaultKind};
use crate::model::function_cache::FunctionCounts;
use crate::model::lock::merge::MergeChoice;
use crate::model::lock::{LockChange, Staleness};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::Plan;
use crate::model::plan::set_change::SetChange;
use crate::model::plan::step::{Step, StepKind};

/// What `lock` did, or would do.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LockReport {
    /// The lock file.
    pub file: String,
    pub outcome: LockOutcome,
    /// Why it had to be made again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stale: BTreeMap<ExtensionName, Staleness>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<LockChange>,
    /// What was done about extensions that the sides of a merge do not have alike.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub merged: BTreeMap<ExtensionName, MergeChoice>,
    /// How many extensions it holds.
    pub extensions: usize,
    /// The old and new text of the file, for a diff.
    #[serde(skip)]
    pub texts: Option<(String, String)>,
}

/// How `lock` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LockOutcome {
    /// It satisfied the manifest; nothing was asked or written.
    Satisfied,
    /// What was resolved again is as it was.
    Unchanged,
    /// It was written.
    Written,
    /// It would be written.
    WouldChange,
}

/// What `sync` did, or would do.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SyncReport {
    pub profile: ProfileName,
    /// The manifest that was synced.
    pub manifest: String,
    pub outcome: SyncOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockReport>,
    /// The number of the active generation, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// What changes in the active set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<SetChange>,
    /// Every step of the plan, in its order.
    pub steps: Vec<StepReport>,
    /// Every wanted extension, by name.
    pub extensions: Vec<ExtensionReport>,
    /// How much of what was compiled was in the function cache; none if nothing was looked for there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<FunctionCounts>,
}

/// What `rollback` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RollbackReport {
    #[serde(flatten)]
    pub sync: SyncReport,
    /// Whether syncs leave the generation active until it is released.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
    /// Whether it is the newest, so that no later one was left.
    pub is_newest: bool,
}

/// What `rollback --release` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReleaseReport {
    pub profile: ProfileName,
    /// The active generation, which stays active until the next sync.
    pub generation: u64,
    /// Whether the profile was held.
    pub was_held: bool,
}

/// That there was nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSummary {
    pub profile: ProfileName,
    /// The number of the active generation; none for a lock.
    pub generation: Option<u64>,
    /// How many extensions there are.
    pub extensions: usize,
}

/// How `sync` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyncOutcome {
    /// There was nothing to do.
    UpToDate,
    /// Everything of the plan was done.
    Done,
    /// Something failed; what was active still is.
    Failed,
    /// Nothing was done; the plan is what would be.
    Planned,
    /// The profile is held at its active generation, which stays active.
    Held,
}

/// What the next `sync` would do, as far as that is known without a request and without writing anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Forecast {
    UpToDate,
    /// It would change something, or first has to resolve what is not locked.
    Changes,
    /// The profile is held at its active generation, so it would change nothing.
    Held {
        generation: u64,
    },
    /// It would be refused.
    Refused {
        fault: Fault,
        /// What it would remove from the active set nevertheless.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        narrowing: Vec<SetChange>,
    },
}

/// One step of a plan and how it ended.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct StepReport {
    #[serde(flatten)]
    pub step: Step,
    pub outcome: StepOutcome,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    Planned,
    Done,
    Failed(Fault),
    /// Something that it needs failed.
    Skipped,
    /// The run was interrupted before.
    Interrupted,
}

/// One wanted extension at the end of a run.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ExtensionReport {
    pub name: ExtensionName,
    /// The reference or path.
    pub source: String,
    pub component: Digest,
    pub capabilities: Vec<String>,
    pub status: ExtensionStatus,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// How far an extension came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExtensionStatus {
    /// It runs in the active generation.
    Active,
    /// It is in the store and compiled, but the set was not activated.
    Ready,
    /// A step for it failed.
    Failed,
    /// The plan has steps for it that were not run.
    Pending,
}

impl SyncReport {
    /// The kind of failure that decides the exit status, if there was one.
    pub fn worst(&self) -> Option<FaultKind> {
        let needed = self.steps.iter().filter(|step| !step.is_prune());
        let kinds = needed.filter_map(|step| match &step.outcome {
            StepOutcome::Failed(fault) => Some(fault.kind),
            StepOutcome::Interrupted => Some(FaultKind::Interrupted),
            _ => None,
        });
        kinds.min()
    }
}

impl StepReport {
    /// The report of each step of a plan before it is run.
    pub fn planned(plan: &Plan) -> Vec<Self> {
        plan.steps().map(|(_, step)| Self { step: step.clone(), outcome: StepOutcome::Planned }).collect()
    }

    /// What went wrong, if it failed.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.outcome {
            StepOutcome::Failed(fault) => Some(fault),
            _ => None,
        }
    }

    /// Whether it removes old generations, which is tidying, no more.
    pub fn is_prune(&self) -> bool {
        matches!(self.step.kind, StepKind::Prune { .. })
    }

    /// The generation that it makes the active one.
    pub fn activates(&self) -> Option<u64> {
        match self.step.kind {
            StepKind::Activate { generation, .. }
            | StepKind::Narrow { generation, .. }
            | StepKind::Rollback { generation, .. } => Some(generation),
            _ => None,
        }
    }

    pub fn is_done(&self) -> bool {
        self.outcome == StepOutcome::Done
    }
}

/// What `diff` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DiffReport {
    pub lock: LockReport,
    pub sync: SyncReport,
}

impl DiffReport {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        matches!(self.lock.outcome, LockOutcome::Satisfied | LockOutcome::Unchanged)
            && self.sync.outcome == SyncOutcome::UpToDate
    }
}
