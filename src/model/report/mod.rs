//! What a run has done, as data. The words for people and the JSON document are both made from it.

pub mod bundle;
pub mod cache;
pub mod doctor;
pub mod event;
pub mod generations;
pub mod graph;
pub mod outdated;
pub mod registry;
pub mod status;
pub mod verify;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::fault::{Fault, FaultKind};
use super::function_cache::FunctionCounts;
use super::lock::merge::Choice;
use super::lock::{LockChange, Staleness};
use super::manifest::Config;
use super::name::{ExtensionName, ProfileName};
use super::plan::{Action, Origin, Plan, Step};

/// What `lock` did, or would do.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
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
    pub merged: BTreeMap<ExtensionName, Choice>,
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
pub struct SyncReport {
    pub profile: ProfileName,
    /// The manifest that was synced.
    pub manifest: String,
    pub outcome: SyncOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockReport>,
    /// The number of the live generation, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// What changes in the live set, one line each: extensions, grants, limits, config. Empty for a first set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Every step of the plan, in its order.
    pub steps: Vec<StepReport>,
    /// Every wanted extension, by name.
    pub extensions: Vec<ExtensionReport>,
    /// How much of what was compiled was in the function cache; none if nothing was looked for there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<FunctionCounts>,
}

/// That there was nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpToDate {
    pub profile: ProfileName,
    /// The number of the live generation; none for a lock.
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
    /// Something failed; what was live is still live.
    Failed,
    /// Nothing was done; the plan is what would be.
    Planned,
}

/// One step of a plan and how it ended.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct StepReport {
    /// `fetch`, `verify`, `compile`, `activate` or `prune`.
    pub action: &'static str,
    pub extensions: Vec<ExtensionName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// `index`, `manifest` or `component`, for a fetch and a verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The reference or path that a fetch asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    pub reason: String,
    pub outcome: StepOutcome,
    /// The step as one line for people.
    #[serde(skip)]
    pub line: String,
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
    /// It runs in the live generation.
    Live,
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
        let needed = self.steps.iter().filter(|step| step.action != "prune");
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
        plan.steps().map(|(_, step)| Self::new(step)).collect()
    }

    /// What went wrong, if it failed.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.outcome {
            StepOutcome::Failed(fault) => Some(fault),
            _ => None,
        }
    }

    fn new(step: &Step) -> Self {
        let (digest, role, generation) = match &step.action {
            Action::Fetch { blob, .. } | Action::Verify { blob } => {
                (Some(blob.digest), Some(blob.role.to_string()), None)
            }
            Action::Compile { component, .. } => (Some(*component), None, None),
            Action::Activate { generation, .. } | Action::Rollback { generation, .. } => {
                (None, None, Some(*generation))
            }
            Action::Prune { .. } => (None, None, None),
        };
        let from = match &step.action {
            Action::Fetch { origin: Origin::Registry(reference), .. } => Some(reference.to_string()),
            Action::Fetch { origin: Origin::Path(path), .. } => Some(path.clone()),
            _ => None,
        };
        Self {
            action: step.action.verb(),
            extensions: step.extensions.clone(),
            digest,
            role,
            from,
            generation,
            reason: step.reason.to_string(),
            outcome: StepOutcome::Planned,
            line: step.to_string(),
        }
    }
}

/// What `diff` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DiffReport {
    pub lock: LockReport,
    pub sync: SyncReport,
}

impl DiffReport {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        matches!(self.lock.outcome, LockOutcome::Satisfied | LockOutcome::Unchanged) && self.sync.steps.is_empty()
    }
}

/// What is live in a profile.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ListReport {
    pub profile: ProfileName,
    /// The number of the live generation, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    pub extensions: Vec<ListedExtension>,
}

/// One live extension.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ListedExtension {
    pub name: ExtensionName,
    /// The tag; none for an extension made from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The reference or path.
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Digest>,
    pub component: Digest,
    /// Each as it is written after `--grant`.
    pub capabilities: Vec<String>,
    /// Of the component, in bytes.
    pub size: u64,
    /// Of its compiled code, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_size: Option<u64>,
    pub state: CodeState,
}

/// Whether an extension can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodeState {
    /// Its code is there for this machine and this sesame.
    Ready,
    /// The next sync compiles it.
    NotCompiled,
}

/// Everything about one live extension.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InfoReport {
    #[serde(flatten)]
    pub extension: ListedExtension,
    pub profile: ProfileName,
    pub generation: u64,
    /// The manifest that made it live.
    pub manifest: String,
    pub imports: Vec<ImportReport>,
    /// The memory that an instance gets at most, in MiB.
    pub memory_mib: u64,
    /// The fuel of one call; none where it is not metered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// The time of one call, in milliseconds.
    pub timeout_ms: u64,
    /// Its own settings.
    #[serde(skip_serializing_if = "Config::is_empty")]
    pub config: Config,
    /// The component's world, as WIT.
    pub world: String,
}

/// An import, and the grant that it needs.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ImportReport {
    pub interface: String,
    /// The capability; none for what is always given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    pub granted: bool,
}

/// What a call gave back.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct CallReport {
    pub extension: String,
    pub function: String,
    /// In WIT; none if the function gives nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_type: Option<String>,
    pub outcome: CallOutcome,
    /// The result; what JSON each WIT type is, `sesame extension call --help` says.
    pub value: serde_json::Value,
    /// The result for people: a string as it is, anything else as WAVE; what a `result` holds, without it.
    #[serde(skip)]
    pub text: Option<String>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    Ok,
    /// The function gave the error of its `result`.
    Err,
}

/// What `install` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InstallReport {
    pub name: ExtensionName,
    /// The reference or path.
    pub source: String,
    /// The reference or path that had the name before, if it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<String>,
    /// The manifest that was written or changed.
    pub file: String,
    /// What it is granted now, each as it is written after `--grant`.
    pub capabilities: Vec<String>,
    pub lock: LockReport,
    /// Absent if nothing was to be made live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncReport>,
}

/// What `remove` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct RemoveReport {
    pub removed: Vec<Removed>,
    pub lock: LockReport,
    /// Absent if nothing was to be made live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncReport>,
}

/// An extension that was taken away.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Removed {
    pub name: ExtensionName,
    /// The manifest that was changed or removed.
    pub file: String,
    /// The component's file, which stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// What an extension has printed.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct LogReport {
    pub name: ExtensionName,
    /// One line each, the oldest first.
    pub lines: Vec<String>,
}

/// The interfaces of the host.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct WitReport {
    /// The files that were written; those that were there already are not among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The package as one text, where no folder was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What `init` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InitReport {
    /// The file that was written.
    pub manifest: String,
}
