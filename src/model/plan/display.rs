//! A plan in words: a line for each step.

use std::fmt;

use crate::model::engine_key::Metering;
use crate::model::name::ExtensionName;
use crate::model::text;

use super::step::{BlobRole, Step, StepKind, StepReason};
use super::{KEPT_GENERATIONS, Plan};

impl StepKind {
    /// The verb, for people and in JSON.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Fetch { .. } => "fetch",
            Self::Verify { .. } => "verify",
            Self::Compile { .. } => "compile",
            Self::Activate { .. } => "activate",
            Self::Narrow { .. } => "narrow",
            Self::Rollback { .. } => "rollback",
            Self::Prune { .. } => "prune",
        }
    }
}

impl fmt::Display for BlobRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "index",
            Self::Manifest => "manifest",
            Self::Component { .. } => "component",
        })
    }
}

impl fmt::Display for StepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInStore => f.write_str("not in the store"),
            Self::Damaged { problem } => write!(f, "damaged in the store: {problem}"),
            Self::NotCompiled => f.write_str("not compiled yet"),
            Self::EngineChanged => f.write_str("the engine changed"),
            Self::MeteringChanged => f.write_str("a limit of fuel was set or removed"),
            Self::CodeDamaged { problem } => write!(f, "the compiled code cannot be trusted: {problem}"),
            Self::FirstGeneration => f.write_str("nothing is live yet"),
            Self::SetChanged => f.write_str("the set changed"),
            Self::Requested => f.write_str("asked for"),
            Self::Undeclared => f.write_str("the manifest declares less"),
            Self::Superseded => write!(f, "past the last {KEPT_GENERATIONS}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = text::list(self.extensions.iter().map(ExtensionName::as_str));
        write!(f, "{:<9}", self.kind.verb())?;
        match &self.kind {
            StepKind::Fetch { blob, .. } | StepKind::Verify { blob } => {
                write!(f, "{names}  {} {}", blob.role, blob.digest.short())?;
                if let BlobRole::Component { size } = blob.role {
                    write!(f, "  {}", text::size(size))?;
                }
            }
            StepKind::Compile { component, metering, .. } => {
                write!(f, "{names}  component {}", component.short())?;
                if *metering == Metering::Metered {
                    f.write_str("  with fuel")?;
                }
            }
            StepKind::Activate { profile, generation }
            | StepKind::Narrow { profile, generation }
            | StepKind::Rollback { profile, generation, .. } => {
                let extensions = text::count(self.extensions.len(), "extension");
                write!(f, "generation {generation} of profile {profile}  {extensions}")?;
            }
            StepKind::Prune { profile, generations } => {
                let numbers: Vec<String> = generations.iter().map(u64::to_string).collect();
                write!(f, "generation {} of profile {profile}", numbers.join(", "))?;
            }
        }
        write!(f, "  ({})", self.reason)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, step) in self.steps() {
            writeln!(f, "{step}")?;
        }
        Ok(())
    }
}
