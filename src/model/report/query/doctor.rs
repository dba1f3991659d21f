//! What this machine has and lacks, as data.

use serde::Serialize;

use crate::model::fault::Fault;
use crate::model::fault::file_problem::FileProblem;
use crate::model::fault::hint::Remedy;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::set_change::SetChange;
use crate::model::report::registry::CredentialStatus;
use crate::model::report::warning::Warning;
use crate::model::toml::problem::Problem;

/// What `doctor` found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
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
        /// The extension, where it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        extension: Option<ExtensionName>,
        fault: Fault,
        /// What is wrong with files, if it is that.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        problems: Vec<Problem>,
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
    /// What the next `sync` would do: nothing, or something that `status` lists.
    NextSync {
        is_up_to_date: bool,
    },
    /// The profile is held at its active generation, so the next `sync` leaves it active.
    ProfileHeld {
        generation: u64,
    },
    /// What the next `sync`, which would be refused, would remove from the active set.
    NextNarrowing {
        changes: Vec<SetChange>,
    },
    /// This user cannot write to a folder of sesame.
    NotWritable {
        folder: String,
        /// In the words of the system.
        why: String,
        /// Whether the user can change that.
        is_own: bool,
    },
    NoProxies,
    Proxies {
        /// The schemes that they are for.
        schemes: Vec<String>,
        /// The hosts that are reached without one.
        #[serde(skip_serializing_if = "Option::is_none")]
        none_for: Option<String>,
    },
    /// The folder, which a mirror is declared to be, is an OCI image layout.
    Layout {
        folder: String,
    },
    NoLayout {
        folder: String,
    },
    /// The registry is never asked: only its mirrors are.
    OnlyMirrors {
        host: String,
    },
    /// The registry was not asked, because of `--offline`.
    Offline {
        host: String,
    },
    Registry {
        host: String,
        /// `HTTP/1.1` or `HTTP/2.0`
        protocol: String,
        credentials: CredentialStatus,
        /// Why it denies access, if it does.
        #[serde(skip_serializing_if = "Option::is_none")]
        denied: Option<Fault>,
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

impl CheckFact {
    /// What puts it right, where the fact alone tells. For a fault, its own hints do.
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::LittleSpace { .. } => vec![Remedy::hint("make room on that disk")],
            Self::Permissions { .. } | Self::KeyUnusable { .. } => vec![Remedy::run("sesame verify --repair")],
            Self::NothingActive { .. } => vec![Remedy::run("sesame sync")],
            Self::NotWritable { folder, is_own: true, .. } => vec![Remedy::run(format!("chmod -R u+w {folder}"))],
            Self::NotWritable { is_own: false, .. } => {
                vec![Remedy::hint("move the folders of sesame elsewhere: see `sesame help store`")]
            }
            Self::NextSync { is_up_to_date: false } => vec![Remedy::run("sesame status")],
            Self::ProfileHeld { .. } => vec![Remedy::run("sesame rollback --release")],
            Self::NoLayout { .. } => {
                vec![Remedy::hint("bring the folder here, or change `mirrors` in the manifest")]
            }
            Self::CompilerUnconfined { .. } => {
                vec![Remedy::hint("use a kernel, or a container, that allows seccomp filters")]
            }
            Self::ProcMissing => vec![Remedy::run("mount -t proc proc /proc")],
            _ => Vec::new(),
        }
    }
}

impl DoctorReport {
    pub fn is_wrong(&self) -> bool {
        self.checks.iter().any(|check| check.state == CheckState::Wrong)
    }
}
