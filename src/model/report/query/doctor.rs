//! What this machine has and lacks, as data.

use serde::Serialize;

use crate::model::fault::Fault;
use crate::model::fault::file_problem::FileProblem;
use crate::model::fault::hint::Remedy;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::report::registry::CredentialStatus;
use crate::model::report::warning::Warning;

/// What `doctor` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DoctorReport {
    pub checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Check {
    /// What was checked: `manifest`, or a path, or a registry.
    pub about: String,
    pub state: CheckState,
    #[serde(flatten)]
    pub fact: CheckFact,
    /// What puts it right; each is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
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

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CheckFact {
    /// It failed.
    Failed {
        fault: Fault,
    },
    Program {
        version: String,
        wasmtime: String,
        engine_key: String,
    },
    /// A folder of sesame, and how many bytes its disk has left.
    Space {
        folder: String,
        free: u64,
    },
    /// Too few bytes are left.
    LittleSpace {
        folder: String,
        free: u64,
    },
    /// It is created when it is needed.
    CreatedLater {
        path: String,
    },
    /// Others can use or change a folder of sesame, or this user cannot.
    Permissions {
        folder: String,
        problem: FileProblem,
    },
    Key {
        path: String,
    },
    KeyUnusable {
        path: String,
        problem: FileProblem,
    },
    NoPolicy,
    Policies {
        files: Vec<String>,
    },
    Manifest {
        path: String,
        extensions: usize,
        found: ManifestSearch,
    },
    Lock {
        path: String,
    },
    NothingActive {
        profile: ProfileName,
    },
    Active {
        profile: ProfileName,
        generation: u64,
        extensions: usize,
        /// The manifest that made it, if that is another.
        #[serde(skip_serializing_if = "Option::is_none")]
        made_by: Option<ManifestPath>,
    },
    /// All granted folders can be given.
    GrantedFolders,
    UnusableFolder {
        extension: ExtensionName,
        fault: Fault,
    },
    NoProxies,
    Proxies {
        /// The schemes that they are for.
        schemes: Vec<String>,
        /// The hosts that are reached without one.
        #[serde(skip_serializing_if = "Option::is_none")]
        none_for: Option<String>,
    },
    /// The folder is an OCI image layout.
    Layout,
    NoLayout,
    /// The registry is never asked: only its mirrors are.
    OnlyMirrors,
    /// The registry was not asked, because of `--offline`.
    Offline,
    Registry {
        /// `HTTP/1.1` or `HTTP/2.0`
        protocol: String,
        credentials: CredentialStatus,
        /// Whether it denies access.
        denied: bool,
    },
    /// The compiler starts, compiles, and is confined.
    CompilerConfined,
    /// The compiler works, and nothing keeps it from the network and other programs.
    CompilerUnconfined {
        why: String,
    },
    /// The compiler works, and did not report whether it is confined.
    CompilerSilent,
    CompilerWarned {
        warnings: Vec<Warning>,
    },
    /// Compiled code runs from its folder.
    CodeRuns {
        folder: String,
    },
    /// Compiled code is copied into memory, as files of its folder cannot be run.
    CodeCopied {
        folder: String,
        why: String,
    },
    /// The addresses for an extension's memory can be reserved.
    Memory,
    ProcMounted,
    ProcMissing,
}

/// Why a manifest was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ManifestSearch {
    /// `--manifest` names it.
    Option,
    /// `$SESAME_MANIFEST` names it.
    Variable,
    /// It is in this folder or one above.
    Folder,
    /// It is the user's own.
    User,
}

impl DoctorReport {
    pub fn is_wrong(&self) -> bool {
        self.checks.iter().any(|check| check.state == CheckState::Wrong)
    }
}
