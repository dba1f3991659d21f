//! Why a verb did not do what was asked.

pub mod bundle;
mod component_hints;
pub mod edit;
pub mod folder;
pub mod lock;
pub mod policy;
pub mod profile;
pub mod project;
mod registry_hints;
pub mod run;
mod store_hints;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compiler::error::CompilerError;
use crate::compiler::inspection::ComponentError;
use crate::engine::config::EngineError;
use crate::host::load::LoadError;
use crate::model::fault::hint::Hint;
use crate::model::fault::{Fault, FaultKind, line};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::ActiveExtension;
use crate::model::plan::step::StepKind;
use crate::model::report::extension::{GrantsReport, RemoveReport};
use crate::model::report::sync::{ExtensionStatus, SyncReport};
use crate::model::text::{count, nearest};
use crate::model::toml::problem::Problem;
use crate::ops::error::component_hints::component_hint;
use crate::ops::error::policy::PolicyError;
use crate::ops::error::profile::ProfileError;
use crate::ops::error::project::ProjectError;
use crate::ops::error::registry_hints::registry_hint;
use crate::ops::error::run::RunError;
use crate::ops::error::store_hints::store_hint;
use crate::{registry, store};

use bundle::BundleError;
use edit::EditError;
use lock::LockError;

/// The error of every verb.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{} failed", failed_list(.0))]
    Incomplete(Box<SyncReport>),
    /// A sync that failed in part, after which manifest and lock were put back.
    #[error("{} failed", failed_list(.0))]
    PutBack(Box<SyncReport>),
    /// A sync that was refused, after which the active set was narrowed, or would be.
    #[error("{refusal}")]
    Narrowed { refusal: Box<Error>, report: Box<SyncReport> },
    /// The project was changed and stays so, and the sync after that was refused.
    #[error("{refusal}")]
    Kept { edit: Box<KeptEdit>, refusal: Box<Error> },
    /// What was done before the step that failed stays.
    #[error("a step failed, and what was changed could not be put back: {}", line(undo.as_ref()))]
    NotPutBack {
        #[source]
        error: Box<Error>,
        undo: Box<Error>,
    },
    /// Another profile reads `by`, so it is not known what an extension could change by writing.
    #[error("no folder can be granted for writing while {} cannot be read", by.display())]
    UnreadableDependent { by: PathBuf, source: Box<Error> },
    /// Of a component that has no name here.
    #[error(transparent)]
    Unusable(#[from] ComponentError),
    #[error(transparent)]
    NoCompiler(CompilerError),
    #[error("compiled code cannot be kept")]
    NoCodeFolder { source: Arc<store::Error> },
    #[error("this should not happen: {0}")]
    Bug(&'static str),
    #[error("interrupted")]
    Interrupted,
    #[error("the network runtime cannot be started")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A change to a project that stays, although the sync after it was refused.
#[derive(Debug)]
pub enum KeptEdit {
    Removed(RemoveReport),
    Grants(GrantsReport),
}

impl Error {
    /// The kind that decides the exit status.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Project(error) => error.kind(),
            Self::Lock(error) => error.kind(),
            Self::Policy(error) => error.kind(),
            Self::Profile(error) => error.kind(),
            Self::Edit(error) => error.kind(),
            Self::Bundle(error) => error.kind(),
            Self::Run(error) => error.kind(),
            Self::Incomplete(report) | Self::PutBack(report) => report.worst().unwrap_or(FaultKind::Bug),
            Self::Narrowed { refusal, .. } | Self::Kept { refusal, .. } => refusal.kind(),
            Self::NotPutBack { error, .. } => error.kind().min(FaultKind::Io),
            Self::UnreadableDependent { source, .. } => source.kind(),
            Self::Unusable(ComponentError::OtherEngine) | Self::NoCompiler(_) | Self::Engine(_) => {
                FaultKind::Configuration
            }
            Self::Unusable(_) => FaultKind::Data,
            Self::NoCodeFolder { .. } | Self::Runtime(_) => FaultKind::Io,
            Self::Load(error) => match error {
                LoadError::Map(_) | LoadError::Read(_) | LoadError::Refused(_) | LoadError::NoMemory(_) => {
                    FaultKind::Io
                }
                LoadError::Mac => FaultKind::Integrity,
                // Its MAC has matched.
                LoadError::Wasmtime(_) => FaultKind::Bug,
            },
            Self::Bug(_) => FaultKind::Bug,
            Self::Interrupted => FaultKind::Interrupted,
            Self::Registry(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    /// What to do next.
    pub fn hints(&self) -> Vec<Hint> {
        let hint = match self {
            Self::Project(error) => error.hint(),
            Self::Lock(error) => error.hint(),
            Self::Policy(error) => error.hint(),
            Self::Profile(error) => error.hint(),
            Self::Edit(error) => error.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Run(error) => error.hint(),
            // What was active before is not any more.
            Self::Narrowed { refusal, .. } => match refusal.as_ref() {
                Self::Incomplete(report) => Some(incomplete(report, None)),
                refusal => return refusal.hints(),
            },
            Self::Kept { refusal, .. } => return refusal.hints(),
            Self::Incomplete(report) => Some(incomplete(report, report.generation)),
            Self::PutBack(_) => {
                Some("manifest and lock are as before; run the same command again once it is mended".into())
            }
            Self::NotPutBack { .. } => {
                Some("look at sesame.toml, extensions/ and sesame.lock, and run `sesame sync`".into())
            }
            Self::UnreadableDependent { source, .. } => {
                let repair = "repair it, or remove the grant of `fs-write`".into();
                let verify = matches!(**source, Self::Store(_));
                return [repair]
                    .into_iter()
                    .chain(verify.then(|| "`sesame verify` names what is damaged".into()))
                    .collect();
            }
            Self::Unusable(error) => Some(component_hint(error)),
            Self::NoCompiler(_) => {
                Some("look whether that program can be run, and whether more processes can be started".into())
            }
            Self::NoCodeFolder { source } => {
                let room = || "make room there, or make it a folder that you can write to".into();
                Some(store_hint(source).unwrap_or_else(room))
            }
            Self::Bug(_) => Some("please report it, with what you ran".into()),
            Self::Load(LoadError::Map(_) | LoadError::Read(_) | LoadError::Refused(_)) => {
                Some("`sesame doctor` tries what this machine allows".into())
            }
            Self::Load(LoadError::NoMemory(_)) => {
                Some("close other programs, or give the container more memory".into())
            }
            Self::Load(LoadError::Wasmtime(_)) => Some("please report it, with what you ran".into()),
            Self::Interrupted | Self::Runtime(_) | Self::Load(_) | Self::Engine(_) => None,
            Self::Registry(error) => registry_hint(error),
            Self::Store(error) => store_hint(error),
        };
        hint.into_iter().collect()
    }

    /// The extension that the message names.
    fn extension(&self) -> Option<&str> {
        match self {
            Self::Project(error) => error.extension(),
            Self::Lock(error) => error.extension(),
            Self::Policy(error) => error.extension(),
            Self::Edit(error) => error.extension(),
            Self::Bundle(error) => error.extension(),
            Self::Run(error) => error.extension(),
            Self::Narrowed { refusal, .. } | Self::Kept { refusal, .. } => refusal.extension(),
            _ => None,
        }
    }

    /// The error without what was done nevertheless.
    pub fn refusal(&self) -> &Self {
        match self {
            Self::Narrowed { refusal, .. } | Self::Kept { refusal, .. } => refusal.refusal(),
            error => error,
        }
    }

    /// How the active set was narrowed after a sync was refused, or would be.
    pub fn narrowing(&self) -> Option<&SyncReport> {
        match self {
            Self::Narrowed { report, .. } => Some(report),
            Self::Kept { refusal, .. } => refusal.narrowing(),
            _ => None,
        }
    }

    /// The change to the project that stays, although the sync after it was refused.
    pub fn kept_edit(&self) -> Option<&KeptEdit> {
        match self {
            Self::Kept { edit, .. } => Some(edit),
            _ => None,
        }
    }

    /// What is wrong with files, if it is that.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Project(ProjectError::Problems(problems))
            | Self::Policy(PolicyError::Problems(problems))
            | Self::Run(RunError::HostSettings(problems)) => problems,
            Self::Narrowed { refusal, .. } | Self::Kept { refusal, .. } => refusal.problems(),
            _ => &[],
        }
    }

    /// Says of which extension a component cannot be used.
    pub(crate) fn of_extension(self, name: &ExtensionName) -> Self {
        match self {
            Self::Unusable(ComponentError::OtherEngine) => self,
            Self::Unusable(source) => Self::Run(RunError::UnusableExtension { name: name.to_string(), source }),
            error => error,
        }
    }

    /// Says which file cannot be used.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        match self {
            Self::Unusable(ComponentError::OtherEngine) => self,
            Self::Unusable(source) => Self::Project(ProjectError::UnusableFile { path: path.to_owned(), source }),
            error => error,
        }
    }

    /// There is no extension of this name among the `known` ones of a place.
    pub(crate) fn no_extension<'a>(
        name: &ExtensionName,
        place: String,
        known: impl IntoIterator<Item = &'a ExtensionName>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().map(ExtensionName::as_str).collect();
        let begins = || known.iter().copied().find(|known| known.starts_with(name.as_str()));
        let closest = nearest(name.as_str(), known.iter().copied()).or_else(begins).map(str::to_owned);
        let known = known.into_iter().map(str::to_owned).collect();
        Self::Profile(ProfileError::NoExtension { name: name.clone(), place, closest, known })
    }

    /// There is no extension of this name among the live ones of a profile.
    pub(crate) fn not_active(name: &ExtensionName, profile: &ProfileName, live: &[ActiveExtension]) -> Self {
        Self::no_extension(name, format!("the profile `{profile}`"), live.iter().map(|extension| &extension.name))
    }

    /// The error as data, with what to do next.
    pub fn fault(&self) -> Fault {
        if let Self::Narrowed { refusal, .. } | Self::Kept { refusal, .. } = self {
            return Fault { hints: self.hints(), ..refusal.fault() };
        }
        let mut fault = Fault::new(self.kind(), self, self.hints());
        fault.extension = self.extension().map(str::to_owned);
        if let Self::UnreadableDependent { source, .. } = self
            && !source.problems().is_empty()
        {
            fault.causes = source.problems().iter().map(Problem::line).collect();
        }
        fault
    }
}

impl From<CompilerError> for Error {
    fn from(error: CompilerError) -> Self {
        match error {
            CompilerError::Component(error) => Self::Unusable(error),
            CompilerError::NotStarted { .. } => Self::NoCompiler(error),
            CompilerError::Bug(what) => Self::Bug(what),
        }
    }
}

fn failed_list(report: &SyncReport) -> String {
    let failed = report.extensions.iter().filter(|extension| extension.status == ExtensionStatus::Failed).count();
    match failed {
        0 => "activating the set".to_owned(),
        failed => format!("{failed} of {}", count(report.extensions.len(), "extension")),
    }
}

fn incomplete(report: &SyncReport, active: Option<u64>) -> Hint {
    let failed = report.extensions.iter().filter(|extension| extension.status == ExtensionStatus::Failed);
    // What cannot be used will not be usable the next time either.
    let hopeless = failed.filter(|extension| extension.faults.iter().any(|fault| fault.kind == FaultKind::Data));
    let names: Vec<&str> = hopeless.map(|extension| extension.name.as_str()).collect();
    let without = match names.as_slice() {
        [] => String::new(),
        names => format!("; to go on without {0}, take {0} out of the manifest", names.join(" and ")),
    };
    let done = || report.steps.iter().filter(|step| step.is_done()).map(|step| &step.step.kind);
    let verified = done().any(|action| matches!(action, StepKind::Verify { .. }));
    let compiled = done().any(|action| matches!(action, StepKind::Compile { .. }));
    let kept = match (verified, compiled) {
        (true, true) => "; what was fetched and compiled is kept",
        (true, false) => "; what was fetched is kept",
        (false, true) => "; what was compiled is kept",
        (false, false) => "",
    };
    let live = match active {
        Some(generation) => format!("generation {generation} is still live"),
        None => "run `sesame sync` again once it is mended".to_owned(),
    };
    (live + kept + &without).into()
}
