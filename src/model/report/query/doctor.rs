//! What this machine has and lacks, as data.

use serde::Serialize;

/// What `doctor` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DoctorReport {
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Check {
    /// What was looked at: `manifest`, or a path, or a registry.
    pub about: String,
    pub state: CheckState,
    /// What is so.
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "State")]
pub enum CheckState {
    Good,
    /// It is not there, and need not be.
    Absent,
    Wrong,
}

impl DoctorReport {
    pub fn is_wrong(&self) -> bool {
        self.checks.iter().any(|check| check.state == CheckState::Wrong)
    }
}
