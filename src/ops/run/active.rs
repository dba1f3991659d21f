//! What is live on this machine, ready to be called. What `sync` did not make live is not loaded.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::compiler::client::Compiler;
use crate::compiler::settings::CompilerSettings;
use crate::engine::key::engine_key;
use crate::host::backends::{Backends, LogBackend, LogSource};
use crate::host::extension::{Extension, Host, HostError};
use crate::host::grants::ImportRefusal;
use crate::host::load::LoadError;
use crate::host::state::{ExtensionSettings, Preopen};
use crate::model::bounds::MAX_COMPONENT;
use crate::model::capability::{Capability, Grants};
use crate::model::digest::Digest;
use crate::model::fault::file_problem::FileProblem;
use crate::model::file_kind::FileKind;
use crate::model::manifest::{Config, Limits};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::ops::context::{Interrupt, UserPaths};
use crate::ops::error::Error;
use crate::ops::error::policy::{GrantPlace, PolicyError};
use crate::ops::error::project::ProjectError;
use crate::ops::error::run::RunError;
use crate::ops::policy::checks::{check_loadable, check_offered, check_rule, read_policy};
use crate::ops::policy::preopen_rules::{PreopenContext, PreopenRules};
use crate::ops::policy::preopens::open_folders;
use crate::ops::policy::protected_paths::OnUnreadable;
use crate::ops::project::Project;
use crate::ops::project::files::read_file;
use crate::store::code::cwasm;
use crate::store::generations::{self, GenerationHold};
use crate::store::integrity::fsck;
use crate::store::memo::fingerprint::Fingerprint;
use crate::store::paths::StorePaths;
use crate::store::{key, logs};

/// The surroundings of running extensions. The library reads no environment: whoever calls it fills this in.
#[derive(Clone)]
pub struct HostEnvironment {
    pub paths: StorePaths,
    pub user: UserPaths,
    /// The environment variables that may be granted.
    pub environment: BTreeMap<String, String>,
    /// Without a log here, extensions write to `logs/NAME.log`.
    pub backends: Backends,
}

/// What a caller adds to what the generation says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Settings that go before all others.
    pub config: Config,
    /// Limits are lowered to these, never raised.
    pub max_limits: Limits,
}

/// The live set of a profile, and the host that runs it. While it is there, neither `gc` nor a later sync removes
/// anything that the set needs.
pub struct ActiveSet {
    host_environment: HostEnvironment,
    host: Arc<Host>,
    profile: ProfileName,
    generation: Option<(Generation, GenerationHold)>,
    /// How the record of what is active looked before it was read; none if there was none.
    record: Option<Fingerprint>,
    /// The project that the person is in, which what is compiled must not write to.
    project: Option<Project>,
}

/// A component's file that is called without being installed.
pub struct UninstalledComponent<'a> {
    pub file: &'a Path,
    pub capabilities: &'a Grants,
    pub overrides: &'a Overrides,
    /// The folder that relative folders in the grants are resolved against.
    pub folder: &'a Path,
}

impl ActiveSet {
    /// Reads what is live now; a later `sync` does not change it.
    ///
    /// # Errors
    /// [`Error::Store`] if what is live cannot be told, [`PolicyError::Problems`] if a policy cannot be read.
    pub fn open(host_environment: HostEnvironment, profile: &ProfileName) -> Result<Self, Error> {
        let record = record(&host_environment.paths, profile);
        let generation = held(&host_environment.paths, profile)?;
        Ok(Self { record, ..Self::new(host_environment, profile.clone(), generation)? })
    }

    /// The same without a live set, for [`load_uninstalled`](Self::load_uninstalled) alone. No folder is given for
    /// writing in which `project`, that the person is in, reads anything.
    ///
    /// # Errors
    /// [`PolicyError::Problems`] if a policy cannot be read.
    pub fn without_set(host_environment: HostEnvironment, project: Option<Project>) -> Result<Self, Error> {
        Ok(Self { project, ..Self::new(host_environment, ProfileName::default(), None)? })
    }

    fn new(
        host_environment: HostEnvironment,
        profile: ProfileName,
        generation: Option<(Generation, GenerationHold)>,
    ) -> Result<Self, Error> {
        read_policy(&host_environment.user)?;
        let mut backends = host_environment.backends.clone();
        backends.log.get_or_insert_with(|| Arc::new(LogFiles::new(&host_environment.paths)));
        let host = Arc::new(Host::new(backends));
        Ok(Self { host_environment, host, profile, generation, record: None, project: None })
    }

    /// What is live by now, on the same engines. What was loaded before goes on as it was.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reload(&self) -> Result<Self, Error> {
        let record = record(&self.host_environment.paths, &self.profile);
        let generation = held(&self.host_environment.paths, &self.profile)?;
        read_policy(&self.host_environment.user)?;
        let (host_environment, host) = (self.host_environment.clone(), self.host.clone());
        let profile = self.profile.clone();
        Ok(Self { host_environment, host, profile, generation, record, project: self.project.clone() })
    }

    /// Whether another generation may be active by now, so that [`reload`](Self::reload) is due: also after a sync took something
    /// away. What was loaded before goes on as it was until then. It costs one `stat`.
    /// Policies need no reload: each load reads them.
    pub fn changed(&self) -> bool {
        record(&self.host_environment.paths, &self.profile) != self.record
    }

    /// The live extensions, by name.
    pub fn extensions(&self) -> &[ActiveExtension] {
        self.generation.as_ref().map_or(&[], |(generation, _)| &generation.extensions)
    }

    /// Loads the compiled code of a live extension, after checking it.
    ///
    /// # Errors
    /// [`ProfileError::NoExtension`](crate::ops::error::profile::ProfileError::NoExtension) if it is not live;
    /// [`registry::Error`](crate::registry::Error) or [`PolicyError::Denied`] if the policy of this machine forbids its source or a grant;
    /// [`RunError::BadKey`] or [`RunError::NoCode`] if its code cannot be trusted or is missing, [`RunError::BadCode`] if it is not what was compiled;
    /// [`PolicyError::NotGranted`] if it imports what it is not granted; [`PolicyError::Folder`] if it cannot be given
    /// a folder that it is granted.
    pub fn load(&self, name: &ExtensionName) -> Result<Extension, Error> {
        self.load_with(name, &Overrides::default())
    }

    /// Loads a live extension with other settings and lower limits.
    ///
    /// # Errors
    /// As [`load`](Self::load); [`RunError::NotMetered`] if a limit of fuel is wanted for code that counts none.
    pub fn load_with(&self, name: &ExtensionName, overrides: &Overrides) -> Result<Extension, Error> {
        let Some((generation, extension)) = self.find(name) else {
            return Err(Error::not_active(name, &self.profile, self.extensions()));
        };
        // What it allows may have changed since the set was opened.
        let policy = read_policy(&self.host_environment.user)?;
        check_loadable(&policy, extension)?;
        let metering = extension.metering();
        let limits = extension.limits.at_most(&policy.max_limits).at_most(&overrides.max_limits);
        if limits.metering() != metering {
            return Err(RunError::NotMetered { name: name.clone() }.into());
        }
        let paths = &self.host_environment.paths;
        let missing = || Error::Run(RunError::NoCode { name: name.clone() });
        let Some(key) = key::read(paths)? else {
            return Err(match fsck::verify_key(paths)? {
                Some(source) if source != FileProblem::Missing => {
                    RunError::BadKey { name: name.clone(), source }.into()
                }
                _ => missing(),
            });
        };
        let engine = self.host.engine(metering)?;
        let bad = |source| Error::Run(RunError::BadCode { name: name.clone(), source });
        let code = match cwasm::open(paths, &key, &engine_key(engine), &extension.component) {
            Ok(Some(code)) => code,
            Ok(None) => return Err(missing()),
            Err(crate::store::Error::Untrusted { source, .. }) => return Err(bad(source)),
            Err(error) => return Err(error.into()),
        };
        let config = vec![overrides.config.clone(), extension.config.clone(), generation.config.clone()];
        let given = ExtensionSettings {
            name: name.to_string(),
            capabilities: extension.capabilities.clone(),
            limits,
            config,
            // What sync has agreed to does not stop where a manifest is being edited: the next sync looks at it again.
            folders: self.folders(name.as_str(), &extension.capabilities, generation.folder(), OnUnreadable::Skip)?,
            environment: self.environment(&extension.capabilities),
        };
        self.host.load(&code, given).map_err(|error| match error {
            HostError::Load(LoadError::Mac) => bad(FileProblem::OtherMac),
            error => host_error(name.as_str(), GrantedBy::Generation, error),
        })
    }

    /// Compiles a component that is not installed, and keeps no code of it. Backends and
    /// logs know it by its path, which can be no extension's name.
    ///
    /// It waits for the compiler, and must not be called from async code.
    ///
    /// # Errors
    /// [`Error`] if the file is no component that can be used, or imports what is not granted.
    pub fn load_uninstalled(
        &self,
        &UninstalledComponent { file, capabilities, overrides, folder }: &UninstalledComponent<'_>,
        compiler: &CompilerSettings,
        interrupt: &Interrupt,
    ) -> Result<Extension, Error> {
        let name = file_name(file);
        let policy = read_policy(&self.host_environment.user)?;
        check_rule(&policy, &name, None, capabilities)?;
        let limits = Limits::default().at_most(&policy.max_limits).at_most(&overrides.max_limits);
        let bytes = read_component(file)?;
        let component = Digest::of(&bytes);
        let compiler = Compiler::new(compiler, &self.host_environment.paths);
        let engine = engine_key(self.host.engine(limits.metering())?);
        let compiled = interrupt.block_on(async {
            check_offered(&name, &compiler.inspect(bytes.clone()).await?.interface.imports)?;
            let (_, code) = compiler.compile(component, &engine, limits.metering(), bytes).await?;
            compiler.end().await;
            Ok(code)
        });
        let code = compiled.map_err(|error| error.of_file(file))?;
        let code = cwasm::in_memory(&engine, &component, &code)?;
        let identity = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let given = ExtensionSettings {
            name: identity.display().to_string(),
            capabilities: capabilities.clone(),
            limits,
            config: vec![overrides.config.clone()],
            folders: self.folders(&name, capabilities, folder, OnUnreadable::Refuse)?,
            environment: self.environment(capabilities),
        };
        self.host.load(&code, given).map_err(|error| host_error(&name, GrantedBy::Command, error))
    }

    fn find(&self, name: &ExtensionName) -> Option<(&Generation, &ActiveExtension)> {
        let (generation, _) = self.generation.as_ref()?;
        generation.extensions.iter().find(|extension| extension.name == *name).map(|extension| (generation, extension))
    }

    /// The folders that an extension is granted, relative ones in `base`, beside all that is active.
    fn folders(
        &self,
        name: &str,
        grants: &Grants,
        base: &Path,
        on_unreadable: OnUnreadable,
    ) -> Result<Vec<Preopen>, Error> {
        if !Capability::FOLDERS.iter().any(|capability| grants.contains_key(capability)) {
            return Ok(Vec::new());
        }
        let HostEnvironment { paths, user, .. } = &self.host_environment;
        let set = self.generation.as_ref().map(|(generation, _)| generation);
        let beside = PreopenContext { set, project: self.project.as_ref(), on_unreadable };
        let rules = PreopenRules::for_active(paths, user, base, [grants], &beside)?;
        let failed = |source| Error::Policy(PolicyError::Folder { name: name.to_owned(), source });
        open_folders(grants, &rules).into_iter().collect::<Result<_, _>>().map_err(failed)
    }

    fn environment(&self, grants: &Grants) -> Vec<(String, String)> {
        let names = grants.get(&Capability::Env).into_iter().flat_map(|scope| scope.items());
        names.filter_map(|name| Some((name.to_owned(), self.host_environment.environment.get(name)?.clone()))).collect()
    }
}

/// How the file looks that says which generation is active.
fn record(paths: &StorePaths, profile: &ProfileName) -> Option<Fingerprint> {
    fs::symlink_metadata(paths.current(profile)).ok().map(|metadata| Fingerprint::from(&metadata))
}

/// The live generation, held for as long as its extensions may be called.
fn held(paths: &StorePaths, profile: &ProfileName) -> Result<Option<(Generation, GenerationHold)>, Error> {
    Ok(generations::hold_active(paths, profile)?.map(|(_, generation, hold)| (generation, hold)))
}

/// What a component's file is called in messages.
pub fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

/// Reads a component's file whole.
pub(crate) fn read_component(file: &Path) -> Result<Vec<u8>, Error> {
    let bytes =
        read_file(file, MAX_COMPONENT + 1)?.ok_or_else(|| Error::Project(ProjectError::NoSuchFile(file.to_owned())))?;
    if bytes.len() as u64 > MAX_COMPONENT {
        return Err(ProjectError::FileTooLarge { path: file.to_owned() }.into());
    }
    match FileKind::of(&bytes) {
        FileKind::Component => Ok(bytes),
        kind => Err(ProjectError::NotAComponent { path: file.to_owned(), kind }.into()),
    }
}

/// Where the grants of an extension come from.
#[derive(Clone, Copy)]
pub(crate) enum GrantedBy {
    Generation,
    Command,
}

pub(crate) fn host_error(name: &str, granted_by: GrantedBy, error: HostError) -> Error {
    let name = name.to_owned();
    match error {
        HostError::Engine(error) => error.into(),
        HostError::Load(error) => error.into(),
        HostError::Link(source) => Error::Policy(PolicyError::Link { name, source }),
        HostError::Refused(refusals) => {
            let missing = |refusal: &ImportRefusal| match refusal {
                ImportRefusal::NotGranted(capability) => Some(*capability),
                ImportRefusal::NotOffered { .. } => None,
            };
            let capabilities: Vec<Capability> = refusals.iter().filter_map(missing).collect();
            if capabilities.len() < refusals.len() {
                return Error::Policy(PolicyError::NotOffered { name, refusals });
            }
            let place = match granted_by {
                GrantedBy::Command => GrantPlace::CommandLine,
                GrantedBy::Generation => GrantPlace::Generation,
            };
            Error::Policy(PolicyError::NotGranted { name, place, capabilities })
        }
    }
}

/// The logs of the store, each opened when its extension first writes.
pub struct LogFiles {
    paths: StorePaths,
    open: Mutex<HashMap<String, Option<Arc<logs::LogFile>>>>,
}

impl LogFiles {
    pub fn new(paths: &StorePaths) -> Self {
        Self { paths: paths.clone(), open: Mutex::default() }
    }
}

impl LogBackend for LogFiles {
    fn line(&self, extension: &str, source: LogSource, text: &str) {
        let log = {
            let mut open = self.open.lock();
            let log = open.entry(extension.to_owned()).or_insert_with(|| {
                // Where there can be no log, the extension runs without one.
                let name: ExtensionName = extension.parse().ok()?;
                logs::LogFile::open(&self.paths, &name).ok().map(Arc::new)
            });
            log.clone()
        };
        if let Some(log) = log {
            log.line(&source.to_string(), text);
        }
    }
}

/// What an extension has printed, the oldest line first; nothing if it is live and has printed nothing.
///
/// # Errors
/// [`ProfileError::NoExtension`](crate::ops::error::profile::ProfileError::NoExtension) if it has printed nothing and
/// is not live either, [`Error::Store`] if its log cannot be read.
pub fn log(paths: &StorePaths, profile: &ProfileName, name: &ExtensionName) -> Result<String, Error> {
    if let Some(text) = logs::read(paths, name)? {
        return Ok(text);
    }
    let extensions =
        generations::active_generation(paths, profile)?.map(|(_, live)| live.extensions).unwrap_or_default();
    if extensions.iter().any(|extension| extension.name == *name) {
        return Ok(String::new());
    }
    Err(Error::not_active(name, profile, &extensions))
}
