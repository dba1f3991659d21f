//! What the host of the desktop says of itself and of its calls, as data. It crosses the session bus as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::audit::{AuditRecord, ChainProblem};
use crate::model::digest::Digest;
use crate::model::fault::Fault;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::report::extension::{CallReport, ListedFunction};

/// The answer to a call that the command line made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallAnswer {
    Returned {
        report: CallReport,
        /// The result for people; see [`CallReport::text`].
        text: Option<String>,
    },
    Failed(CallFailure),
}

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFailure {
    pub fault: Fault,
    /// Where a guest was when it was stopped, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
}

/// How the host of the desktop does.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HostStatusReport {
    pub process: u32,
    /// How long it has been running, in milliseconds.
    pub uptime_ms: u64,
    pub profile: ProfileName,
    /// The number of the active generation; none if nothing was ever activated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Why every call is refused, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusing: Option<Fault>,
    pub extensions: Vec<HostedExtension>,
    /// What stands behind each capability.
    pub backends: Vec<BackendReport>,
    /// What the guests hold now, in bytes.
    pub memory: u64,
    /// What they may hold together, in MiB.
    pub memory_limit_mib: u64,
    /// What runs by itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<ExtensionName, RunReport>,
    /// Why the host has not given up all that it should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfined: Option<String>,
}

/// An extension of the active set.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostedExtension {
    pub name: ExtensionName,
    pub component: Digest,
    /// Why it is refused, if it cannot be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Fault>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<ListedFunction>,
    pub calls: CallCounts,
    /// Threads that wait for a granted file or folder although no call needs them any more; of [`HostedExtension::FILE_THREADS`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stuck_threads: usize,
}

/// What an extension's calls did since the host was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CallCounts {
    /// Begun, running ones included.
    pub begun: u64,
    pub running: u64,
    /// Gave the error of their `result`.
    pub errors: u64,
    /// Trapped, or met a limit.
    pub stopped: u64,
    /// Refused, or ended because of what was withdrawn.
    pub refused: u64,
    /// All calls together, in milliseconds.
    pub time_ms: u64,
    /// The longest call, in milliseconds.
    pub longest_ms: u64,
    /// The most memory that an instance held, in bytes.
    pub memory: u64,
}

/// What stands behind a capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BackendReport {
    /// The key in `[backends]`: `secrets`, `clipboard`, `notification`, `ipc`.
    pub backend: String,
    /// What is configured: `secret-service`, `auto`, `desktop`, `bus`, `none`.
    pub configured: String,
    /// What it said the last time that it could not be used, until it can be again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What to do about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A function that the host calls by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunReport {
    /// `every 5m`, or `at the start`.
    pub when: String,
    pub function: String,
    /// Why the last run failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What `host enable` or `host disable` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HostSetupReport {
    /// The files that were written, or removed.
    pub files: Vec<String>,
    pub systemd: SystemdState,
}

/// What the person's systemd did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SystemdState {
    /// It has started the host.
    Started,
    /// It could not start the host.
    Failed(String),
    /// It has ended the host, if that was running.
    Stopped,
    /// None answers on the session bus.
    Absent,
    /// There is no session bus to ask it on.
    NoBus,
    /// There was nothing to do.
    NotNeeded,
}

/// How each backend did when it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HostTestReport {
    pub backends: Vec<BackendReport>,
}

/// The names of the secrets that extensions can be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HostSecretsReport {
    /// Where they are kept: `secret-service` or `file:PATH`.
    pub kept_in: String,
    /// Sorted.
    pub names: Vec<String>,
}

/// What the host has logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HostLogReport {
    /// The oldest first, each with its time.
    pub lines: Vec<String>,
}

/// What `host audit verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AuditReport {
    /// How many lines were read.
    pub records: usize,
    pub problems: Vec<AuditFinding>,
}

/// A line of the audit log that does not follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AuditFinding {
    pub file: String,
    pub line: usize,
    pub problem: ChainProblem,
}

/// What `host audit show` lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AuditRecordsReport {
    /// The oldest first.
    pub records: Vec<AuditRecord>,
}

impl HostedExtension {
    /// How many threads an extension with granted folders has for its files.
    pub const FILE_THREADS: usize = 4;
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
