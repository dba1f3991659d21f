//! What generations there are, as data.

use serde::Serialize;

use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::ProfileName;
use crate::model::plan::generation::Generation;
use crate::model::plan::generation_problem::GenerationProblem;
use crate::model::plan::set_change::SetChange;

/// The generations of a profile.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GenerationsReport {
    pub profile: ProfileName,
    /// The number of the active one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<u64>,
    /// Whether syncs leave that one active until it is released.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
    /// The newest first.
    pub generations: Vec<GenerationReport>,
}

/// One generation.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct GenerationReport {
    pub number: u64,
    pub active: bool,
    /// When it was activated first, in seconds since 1970-01-01 UTC; none if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated: Option<u64>,
    /// The manifest that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestPath>,
    /// Its extensions, each with its name and its reference or path.
    pub extensions: Vec<GenerationExtension>,
    /// What it changed of the one before it that is left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<SetChange>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<GenerationProblem>,
}

/// An extension of a generation.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct GenerationExtension {
    pub name: String,
    /// The reference or path.
    pub source: String,
    pub component: crate::model::digest::Digest,
}

/// What `generations diff` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GenerationsDiffReport {
    pub profile: ProfileName,
    pub from: u64,
    pub to: u64,
    pub changes: Vec<SetChange>,
}

/// What `generations delete` did.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RemovedGenerationsReport {
    pub profile: ProfileName,
    pub removed: Vec<u64>,
}

impl GenerationReport {
    pub(crate) fn new(number: u64, active: bool, generation: &Generation, changes: Vec<SetChange>) -> Self {
        let extensions = generation.extensions.iter().map(|extension| GenerationExtension {
            name: extension.name.to_string(),
            source: extension.source(),
            component: extension.component,
        });
        Self {
            number,
            active,
            activated: Some(generation.activated),
            manifest: Some(generation.manifest.clone()),
            extensions: extensions.collect(),
            changes,
            problem: None,
        }
    }

    pub(crate) fn damaged(number: u64, active: bool, problem: GenerationProblem) -> Self {
        Self {
            number,
            active,
            activated: None,
            manifest: None,
            extensions: Vec::new(),
            changes: Vec::new(),
            problem: Some(problem),
        }
    }
}
