//! The active set of this machine, ready to be called. What `sync` did not activate is not loaded.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::key::engine_key;
use crate::host::extension::{Extension, Host, HostError};
use crate::host::grants::ImportRefusal;
use crate::host::load::LoadError;
use crate::host::options::HostOptions;
use crate::host::state::{ExtensionSettings, Preopen};
use crate::model::authenticated_code::AuthenticatedCode;
use crate::model::capability::{Capability, Grants};
use crate::model::fault::file_problem::FileProblem;
use crate::model::manifest::{Config, Limits};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::model::policy::Policy;
use crate::ops::context::UserPaths;
use crate::ops::error::Error;
use crate::ops::error::policy::{GrantPlace, PolicyError};
use crate::ops::error::run::RunError;
use crate::ops::policy::checks::{check_loadable, read_policy};
use crate::ops::policy::preopen_rules::{PreopenContext, PreopenRules};
use crate::ops::policy::preopens::open_folders;
use crate::ops::policy::protected_paths::OnUnreadable;
use crate::ops::project::Project;
use crate::ops::run::extension_logs::LogFiles;
use crate::store::code::cwasm;
use crate::store::generations::{self, GenerationHold};
use crate::store::integrity::fsck;
use crate::store::key;
use crate::store::memo::fingerprint::Fingerprint;
use crate::store::paths::StorePaths;

/// The surroundings of running extensions. The library reads no environment: whoever calls it fills this in.
#[derive(Clone)]
pub struct HostEnvironment {
    pub paths: StorePaths,
    pub user: UserPaths,
    /// The environment variables that may be granted.
    pub environment: BTreeMap<String, String>,
    /// Without a log among its backends, extensions write to `logs/NAME.log`.
    pub host: HostOptions,
}

/// What a caller adds to what the generation says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Settings that go before all others.
    pub config: Config,
    /// Limits are lowered to these, never raised.
    pub max_limits: Limits,
}

/// The active set of a profile, and the host that runs it. While it is there, neither `gc` nor a later sync removes
/// anything that the set needs.
pub struct ActiveSet {
    pub(super) host_environment: HostEnvironment,
    pub(super) host: Arc<Host>,
    profile: ProfileName,
    number: Option<u64>,
    generation: Option<(Generation, GenerationHold)>,
    /// As the set was opened.
    policy: Policy,
    /// What was loaded, from this set or from those that it was reloaded from.
    loaded: Mutex<HashMap<ExtensionName, LoadedExtension>>,
    /// How the record of what is active looked before it was read; none if there was none.
    record: Option<Fingerprint>,
    /// The project that the person is in, which what is compiled must not write to.
    project: Option<Project>,
}

/// An extension that was loaded, and what that depended on.
#[derive(Clone)]
struct LoadedExtension {
    active: ActiveExtension,
    limits: Limits,
    config: Vec<Config>,
    extension: Extension,
}

impl ActiveSet {
    /// Reads what is active now; a later `sync` does not change it.
    ///
    /// # Errors
    /// [`Error::Store`] if it is not known which generation is active, [`PolicyError::Problems`] if a policy cannot be read.
    pub fn open(host_environment: HostEnvironment, profile: &ProfileName) -> Result<Self, Error> {
        Self::new(host_environment, profile.clone(), Policy::default()).reload()
    }

    /// The same without an active set, for [`load_uninstalled`](Self::load_uninstalled) alone. No folder is given for
    /// writing in which `project`, that the person is in, reads anything.
    ///
    /// # Errors
    /// [`PolicyError::Problems`] if a policy cannot be read.
    pub fn without_set(host_environment: HostEnvironment, project: Option<Project>) -> Result<Self, Error> {
        let policy = read_policy(&host_environment.user)?;
        Ok(Self { project, ..Self::new(host_environment, ProfileName::default(), policy) })
    }

    /// Of a profile, of which nothing is read yet.
    fn new(host_environment: HostEnvironment, profile: ProfileName, policy: Policy) -> Self {
        let mut options = host_environment.host.clone();
        options.backends.log.get_or_insert_with(|| Arc::new(LogFiles::new(&host_environment.paths)));
        Self {
            host: Arc::new(Host::new(options)),
            host_environment,
            profile,
            number: None,
            generation: None,
            policy,
            loaded: Mutex::default(),
            record: None,
            project: None,
        }
    }

    /// The set that is active by now, on the same engines and with the same budget of memory. What was loaded before goes on as
    /// it was; code that is active in both sets is not loaded again.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reload(&self) -> Result<Self, Error> {
        let paths = &self.host_environment.paths;
        let record = record(paths, &self.profile);
        let (number, generation) = match generations::hold_active(paths, &self.profile)? {
            Some((number, generation, hold)) => (Some(number), Some((generation, hold))),
            None => (None, None),
        };
        let policy = read_policy(&self.host_environment.user)?;
        let mut loaded = self.loaded.lock().clone();
        let active = generation.as_ref().map_or(&[][..], |(generation, _)| &generation.extensions);
        loaded.retain(|name, loaded| {
            active.iter().any(|active| active.name == *name && active.component == loaded.active.component)
        });
        Ok(Self {
            host_environment: self.host_environment.clone(),
            host: self.host.clone(),
            profile: self.profile.clone(),
            number,
            generation,
            policy,
            loaded: Mutex::new(loaded),
            record,
            project: self.project.clone(),
        })
    }

    /// Makes every guest of it yield that runs now, as soon as it can.
    pub fn preempt(&self) {
        self.host.preempt();
    }

    pub fn profile(&self) -> &ProfileName {
        &self.profile
    }

    /// The number of the generation, if there is one.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// The policy of this machine, as it was when the set was opened. Each load reads it again.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether another generation may be active by now, so that [`reload`](Self::reload) is due: also after a sync took something
    /// away. What was loaded before goes on as it was until then. It costs one `stat`.
    /// Policies need no reload: each load reads them.
    pub fn changed(&self) -> bool {
        record(&self.host_environment.paths, &self.profile) != self.record
    }

    /// The active extensions, by name.
    pub fn extensions(&self) -> &[ActiveExtension] {
        self.generation.as_ref().map_or(&[], |(generation, _)| &generation.extensions)
    }

    /// Loads the compiled code of an active extension, after checking it. What the set has loaded before with the same settings
    /// is the same extension; only folders are opened anew.
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

    /// Loads an active extension with other settings and lower limits.
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
        let config = vec![overrides.config.clone(), extension.config.clone(), generation.config.clone()];
        let before = self.loaded.lock().get(name).cloned();
        if let Some(before) = &before
            && before.active == *extension
            && before.limits == limits
            && before.config == config
            && before.extension.settings().folders.is_empty()
        {
            return Ok(before.extension.clone());
        }
        let given = ExtensionSettings {
            capabilities: extension.capabilities.clone(),
            limits,
            config: config.clone(),
            // What sync has agreed to does not stop where a manifest is being edited: the next sync looks at it again.
            folders: self.folders(name.as_str(), &extension.capabilities, generation.folder(), OnUnreadable::Skip)?,
            environment: self.environment(&extension.capabilities),
            ..ExtensionSettings::new(name.as_str(), extension.component)
        };
        // What was loaded before has the same code; it was compiled otherwise if its metering was other.
        let before = before.filter(|before| before.limits.metering() == metering);
        let loaded = match before {
            Some(before) => self.host.relink(&before.extension, given),
            None => self.host.load(&self.code(extension)?, given),
        };
        let loaded = loaded.map_err(|error| match error {
            HostError::Load(LoadError::Mac) => bad_code(name, FileProblem::OtherMac),
            error => host_error(name.as_str(), GrantedBy::Generation, error),
        })?;
        let kept = LoadedExtension { active: extension.clone(), limits, config, extension: loaded.clone() };
        self.loaded.lock().insert(name.clone(), kept);
        Ok(loaded)
    }

    /// Opens the compiled code of an active extension, whose MAC is checked as it is loaded.
    fn code(&self, extension: &ActiveExtension) -> Result<AuthenticatedCode, Error> {
        let (paths, name) = (&self.host_environment.paths, &extension.name);
        let missing = || Error::Run(RunError::NoCode { name: name.clone() });
        let Some(key) = key::read(paths)? else {
            return Err(match fsck::verify_key(paths)? {
                Some(source) if source != FileProblem::Missing => {
                    RunError::BadKey { name: name.clone(), source }.into()
                }
                _ => missing(),
            });
        };
        let engine = self.host.engine(extension.metering())?;
        match cwasm::open(paths, &key, &engine_key(engine), &extension.component) {
            Ok(Some(code)) => Ok(code),
            Ok(None) => Err(missing()),
            Err(crate::store::Error::Untrusted { source, .. }) => Err(bad_code(name, source)),
            Err(error) => Err(error.into()),
        }
    }

    fn find(&self, name: &ExtensionName) -> Option<(&Generation, &ActiveExtension)> {
        let (generation, _) = self.generation.as_ref()?;
        generation.extensions.iter().find(|extension| extension.name == *name).map(|extension| (generation, extension))
    }

    /// The folders that an extension is granted, relative ones in `base`, beside all that is active.
    pub(super) fn folders(
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

    pub(super) fn environment(&self, grants: &Grants) -> Vec<(String, String)> {
        let names = grants.get(&Capability::Env).into_iter().flat_map(|scope| scope.items());
        names.filter_map(|name| Some((name.to_owned(), self.host_environment.environment.get(name)?.clone()))).collect()
    }
}

/// How the file looks that says which generation is active.
fn record(paths: &StorePaths, profile: &ProfileName) -> Option<Fingerprint> {
    fs::symlink_metadata(paths.current(profile)).ok().map(|metadata| Fingerprint::from(&metadata))
}

fn bad_code(name: &ExtensionName, source: FileProblem) -> Error {
    RunError::BadCode { name: name.clone(), source }.into()
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
