//! Why a verb did not do what was asked.

pub mod folder;
pub(crate) mod hints;
pub(crate) mod kind;
pub(crate) mod registry_hints;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compiler::error::CompilerError;
use crate::compiler::inspection::ComponentError;
use crate::engine::config::EngineError;
use crate::host::extension::CallError;
use crate::host::functions::FunctionNotFound;
use crate::host::grants::ImportRefusal;
use crate::host::linker::LinkError;
use crate::host::load::LoadError;
use crate::host::termination::Termination;
use crate::host::values::ValueError;
use crate::model::bounds::MAX_COMPONENT;
use crate::model::capability::Capability;
use crate::model::digest::Digest;
use crate::model::fault::Fault;
use crate::model::lock::{LockChange, Staleness};
use crate::model::manifest::edit::EditError;
use crate::model::name::{ExtensionName, NameError, ProfileName};
use crate::model::plan::generation::ActiveExtension;
use crate::model::plan::set_change::SetChange;
use crate::model::report::sync::SyncReport;
use crate::model::text::{count, list, list_by, nearest, shorten};
use crate::model::toml::problem::Problem;
use crate::{registry, store};

use folder::FolderError;

/// Why a file that was come across is not this user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedOwnership {
    #[error("belongs to another user ({0})")]
    Owner(u32),
    #[error("can be written to by every user of this machine")]
    WorldWritable,
}

/// The error of every verb.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no sesame.toml")]
    NoManifest { looked: Vec<PathBuf> },
    #[error("there is no manifest at {}", .0.display())]
    NoSuchManifest(PathBuf),
    #[error("{} {why}", path.display())]
    ForeignFile { path: PathBuf, why: UntrustedOwnership, manifest: PathBuf },
    #[error("{} already exists", .0.display())]
    AlreadyThere(PathBuf),
    #[error("{} is there already, and is another text", .0.display())]
    OtherWit(PathBuf),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}", count(.0.len(), "problem"))]
    Problems(Vec<Problem>),
    #[error("`{name}` is made from {}, which does not exist", path.display())]
    MissingFile { name: ExtensionName, place: String, path: PathBuf },
    #[error("`{name}` is made from {}, which is {kind}", path.display())]
    NotAComponentFile { name: ExtensionName, path: PathBuf, kind: crate::model::file_kind::FileKind },
    #[error("`{name}` is made from {}, which has {size} bytes; at most {MAX_COMPONENT} are allowed", path.display())]
    ComponentTooLarge { name: ExtensionName, path: PathBuf, size: u64 },
    #[error("the file of `{name}` was changed since it was locked: expected {expected}, found {found}")]
    ChangedFile { name: ExtensionName, expected: Digest, found: Digest },
    #[error("there is no sesame.lock")]
    NoLock,
    #[error("sesame.lock is stale: {}", stale_list(stale))]
    StaleLock { stale: Vec<(ExtensionName, Staleness)> },
    #[error("{} cannot be used", count(extensions_of(faults), "extension"))]
    Extensions {
        faults: Vec<(ExtensionName, Fault)>,
        /// What the lock would have changed for them, as far as that is known.
        changes: Vec<LockChange>,
    },
    #[error("`{name}` needs what {place} does not grant: {}", capability_list(capabilities))]
    NotGranted { name: String, place: String, capabilities: Vec<Capability>, remedy: String },
    #[error("`{name}` imports {}, which this host does not have", imports(refusals))]
    NotOffered { name: String, refusals: Vec<ImportRefusal> },
    #[error("`{name}` cannot be linked with this host")]
    Link { name: String, source: LinkError },
    #[error("no folder can be granted for writing while {} cannot be read", by.display())]
    UnreadableDependent { by: PathBuf, source: Box<Error> },
    #[error("`{name}` of profile `{profile}` may write to {}, and could change {}, {what} of {}", folder.display(), read.display(), by.display())]
    WrittenByOther {
        profile: ProfileName,
        name: ExtensionName,
        /// The manifest that grants it.
        manifest: String,
        folder: PathBuf,
        read: PathBuf,
        what: String,
        /// The manifest that reads it.
        by: PathBuf,
    },
    #[error("a folder that `{name}` is granted cannot be given to it")]
    Folder { name: String, source: FolderError },
    #[error("{} in the policy of this machine", count(.0.len(), "problem"))]
    Policy(Vec<Problem>),
    #[error("there is no extension `{name}` in {place}")]
    NoExtension { name: ExtensionName, place: String, closest: Option<String> },
    #[error("the profile `{profile}` is the work of {made_by}")]
    ProfileTaken { profile: ProfileName, made_by: String },
    #[error("the profile `{profile}` is the work of {made_by}")]
    OtherManifest { profile: ProfileName, made_by: String, differences: Vec<SetChange> },
    #[error("there is no generation {number} in the profile `{profile}`")]
    NoGeneration { profile: ProfileName, number: u64, known: BTreeSet<u64> },
    #[error("there is no generation before the live one in the profile `{profile}`")]
    NoEarlier { profile: ProfileName },
    #[error("nothing is live in the profile `{profile}`")]
    NoActiveGeneration { profile: ProfileName },
    #[error("generation {number} is the live one of the profile `{profile}`")]
    IsActiveGeneration { profile: ProfileName, number: u64 },
    #[error("extensions of generation {number} of the profile `{profile}` are running")]
    HeldGeneration { profile: ProfileName, number: u64 },
    #[error("generation {number} needs components that are lost: {}", names(lost))]
    NotWhole { number: u64, lost: Vec<ExtensionName> },
    #[error("no tag fits `{name}`, {range}{}", newest.as_ref().map_or(String::new(), |tag| format!("; the newest release is {tag}")))]
    NoVersion { name: ExtensionName, range: String, newest: Option<String> },
    #[error("`{name}` is there already, and takes what fits {range}")]
    IsRange { name: ExtensionName, range: String },
    #[error("`{name}` contradicts itself: {what}")]
    BadSize { name: ExtensionName, what: String },
    #[error("`{name}` is not what sesame.lock says: {what}")]
    NotAsLocked { name: ExtensionName, what: String },
    #[error("the lock would have {size} bytes, and at most {limit} are read", limit = crate::model::bounds::MAX_PROJECT_FILE)]
    LockTooLarge { size: usize },
    #[error("{} failed", failed_list(.0))]
    Incomplete(Box<SyncReport>),
    #[error("{} is not usable", path.display())]
    UnusableFile { path: PathBuf, source: ComponentError },
    #[error("there is no file {}", .0.display())]
    NoSuchFile(PathBuf),
    #[error("{} is {kind}", path.display())]
    NotAComponent { path: PathBuf, kind: crate::model::file_kind::FileKind },
    #[error("{} has more than {MAX_COMPONENT} bytes", path.display())]
    FileTooLarge { path: PathBuf },
    #[error("the secrets in {} cannot be used: {why}", path.display())]
    Secrets { path: PathBuf, why: String },
    #[error("{} cannot be mended from here", .0.display())]
    NotOurFolder(PathBuf),
    #[error("{} is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    #[error("`{text}` cannot be the name of an extension")]
    NoName { text: String, source: NameError },
    #[error("{file} cannot be changed")]
    Edit { file: String, source: EditError },
    #[error("`{name}` needs what is not granted: {}", capability_list(capabilities))]
    NoConsent { name: ExtensionName, capabilities: Vec<Capability> },
    #[error("`{name}` would inherit grants from {from}, which is something else: {}", capability_list(capabilities))]
    Inherits { name: ExtensionName, from: String, capabilities: Vec<Capability> },
    #[error("`{name}` was not installed")]
    Declined { name: ExtensionName },
    #[error("a step failed, and what was changed could not be put back: {second}")]
    NotPutBack {
        #[source]
        error: Box<Error>,
        second: String,
    },
    #[error("{} was changed by somebody else meanwhile", .0.display())]
    ChangedMeanwhile(PathBuf),
    #[error("{} is there already, and is not this extension's alone to replace", path.display())]
    CopyThere { path: PathBuf },
    #[error("`{name}` is made from {}, which is not below the folder of the manifest", path.display())]
    OutsideFile { name: ExtensionName, path: PathBuf },
    #[error("`{name}` is made from {}, and a bundle carries files named *.wasm alone, and none in hidden folders", path.display())]
    UncarriedFile { name: ExtensionName, path: PathBuf },
    #[error("{} is not where a bundle can be written", .0.display())]
    BundlePath(PathBuf),
    #[error("{} is there already, and is another file than the bundle's", .0.display())]
    ComponentThere(PathBuf),
    #[error("{} holds something else than one bundle", .0.display())]
    Taken(PathBuf),
    #[error("{} is not a bundle that can be used: {why}", path.display())]
    BadBundle { path: PathBuf, why: String },
    #[error("there already, with other content than the bundle's: {}", list(files))]
    DesiredStateThere { files: Vec<String> },
    #[error("the bundle {}, which needs your consent", changing(files, removed, grants))]
    BundleNoConsent { files: Vec<String>, removed: Vec<String>, grants: Vec<String> },
    #[error("{} is a link, which may lead outside of {}", link.display(), folder.display())]
    LinkInTheWay { link: PathBuf, folder: PathBuf },
    #[error("the bundle was not imported")]
    BundleDeclined,
    /// A sync that failed in part, after which manifest and lock were put back.
    #[error("{} failed", failed_list(.0))]
    PutBack(Box<SyncReport>),
    #[error("`{name}` counts no fuel, so none can be limited")]
    NotMetered { name: ExtensionName },
    #[error("the policy of this machine was changed since `{name}` was made live")]
    PolicyChanged { name: ExtensionName },
    #[error("`{name}` cannot be called")]
    NoFunction { name: String, source: FunctionNotFound },
    #[error("{} wanted, {given} given", count(*wanted, "argument"))]
    Arguments { function: String, wanted: usize, given: usize },
    #[error("the argument `{parameter}` cannot be read")]
    Argument { function: String, parameter: String, source: ValueError },
    #[error("what `{function}` gives cannot be shown")]
    Result { function: String, source: ValueError },
    #[error("`{name}` was stopped: {stop}")]
    Stopped { name: String, stop: Termination },
    #[error("`{name}` cannot be called")]
    Call { name: String, source: CallError },
    #[error("`{name}` is not usable")]
    UnusableExtension { name: String, source: ComponentError },
    /// Of a component that has no name here.
    #[error(transparent)]
    Unusable(#[from] ComponentError),
    #[error(transparent)]
    NoCompiler(CompilerError),
    #[error("compiled code cannot be kept")]
    NoCodeFolder { source: Arc<store::Error> },
    #[error("the compiled code of `{name}` is missing")]
    NoCode { name: ExtensionName },
    #[error("the compiled code of `{name}` is not what was compiled: {why}")]
    BadCode { name: ExtensionName, why: String },
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

impl Error {
    /// Says of which extension a component cannot be used.
    pub(crate) fn of_extension(self, name: &ExtensionName) -> Self {
        match self {
            Self::Unusable(ComponentError::OtherEngine) => self,
            Self::Unusable(source) => Self::UnusableExtension { name: name.to_string(), source },
            error => error,
        }
    }

    /// Says which file cannot be used.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        match self {
            Self::Unusable(ComponentError::OtherEngine) => self,
            Self::Unusable(source) => Self::UnusableFile { path: path.to_owned(), source },
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
        Self::NoExtension { name: name.clone(), place, closest }
    }

    /// There is no extension of this name among the live ones of a profile.
    pub(crate) fn not_active(name: &ExtensionName, profile: &ProfileName, live: &[ActiveExtension]) -> Self {
        Self::no_extension(name, format!("the profile `{profile}`"), live.iter().map(|extension| &extension.name))
    }

    /// The error as data, with what to do next.
    pub fn fault(&self) -> Fault {
        let mut fault = Fault::new(self.kind(), self, self.hint());
        if let Self::UnreadableDependent { source, .. } = self
            && let Self::Problems(problems) = &**source
        {
            fault.causes = problems.iter().map(Problem::line).collect();
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

/// How many extensions some faults are about: one may have several.
fn extensions_of(faults: &[(ExtensionName, Fault)]) -> usize {
    faults.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len()
}

fn stale_list(stale: &[(ExtensionName, Staleness)]) -> String {
    let one = |(name, why): &(ExtensionName, Staleness)| format!("`{name}` {why}");
    list_by("; ", stale.iter().map(one))
}

fn failed_list(report: &SyncReport) -> String {
    use crate::model::report::sync::ExtensionStatus;
    let failed = report.extensions.iter().filter(|extension| extension.status == ExtensionStatus::Failed).count();
    match failed {
        0 => "activating the set".to_owned(),
        failed => format!("{failed} of {}", count(report.extensions.len(), "extension")),
    }
}

/// `writes X, Y, removes Z and grants …`
fn changing(files: &[String], removed: &[String], grants: &[String]) -> String {
    let part = |verb: &str, text: String| if text.is_empty() { None } else { Some(format!("{verb} {text}")) };
    let changes = [part("writes", list(files)), part("removes", list(removed))];
    let changes = changes.into_iter().flatten().collect::<Vec<_>>().join(", and ");
    changes + &part(" and grants", list_by("; ", grants)).unwrap_or_default()
}

fn names(names: &[ExtensionName]) -> String {
    list(names.iter().map(ExtensionName::as_str))
}

fn capability_list(capabilities: &[Capability]) -> String {
    capabilities.iter().map(|capability| capability.as_str()).collect::<Vec<_>>().join(", ")
}

fn imports(refusals: &[ImportRefusal]) -> String {
    let import = |refusal: &ImportRefusal| match refusal {
        ImportRefusal::NotOffered { import, closest: Some(closest) } => {
            format!("{} (the closest is {closest})", shorten(import))
        }
        ImportRefusal::NotOffered { import, closest: None } => import.clone(),
        ImportRefusal::NotGranted(capability) => capability.to_string(),
    };
    list(refusals.iter().map(import))
}
