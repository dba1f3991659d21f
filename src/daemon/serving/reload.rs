//! Reads anew what the host runs under, whenever it changes: the active set, the policies, `host.toml`. If one of them cannot be
//! read, nothing is known of what may run, and every call is refused.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::daemon::environment::DaemonEnvironment;
use crate::daemon::refusal::whole_fault;
use crate::daemon::service::Service;
use crate::host::limits::memory_budget::MemoryBudget;
use crate::host::options::HostOptions;
use crate::model::bounds::MAX_PROJECT_FILE;
use crate::model::host_settings::{BackendSettings, HostSettings};
use crate::named_files;
use crate::ops::context::UserPaths;
use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;
use crate::ops::error::run::RunError;
use crate::ops::policy::checks::policy_files;
use crate::ops::run::active::{ActiveSet, HostEnvironment};

use super::{ServedSet, Serving};

/// The name of the host's own settings in the folder of its configuration.
const HOST_FILE: &str = "host.toml";

/// Reads `host.toml`. Without the file, everything has its default.
///
/// # Errors
/// [`RunError::HostSettings`] with every problem of the file.
pub fn read_settings(user: &UserPaths) -> Result<HostSettings, Error> {
    let folder = &user.configuration;
    let path = folder.join(HOST_FILE);
    let bytes = named_files::read(&path, MAX_PROJECT_FILE as u64 + 1)
        .map_err(|source| Error::Project(ProjectError::Read { path: path.clone(), source }))?;
    let Some(bytes) = bytes else { return Ok(HostSettings::default()) };
    HostSettings::parse(&path.display().to_string(), folder, &bytes)
        .map_err(|problems| RunError::HostSettings(problems).into())
}

/// Where what is served comes from.
pub(in crate::daemon) struct Reloader {
    environment: DaemonEnvironment,
    /// Of all guests; its limit is that of the settings.
    memory: MemoryBudget,
    /// Makes the backends that the settings name.
    host_options: Box<dyn Fn(&BackendSettings) -> HostOptions + Send + Sync>,
    state: Mutex<ReloadState>,
}

/// What is known from the last time.
#[derive(Default)]
struct ReloadState {
    settings: HostSettings,
    /// The last set that could be read, whose engines and loaded code the next one uses.
    last: Option<Arc<ServedSet>>,
}

impl Reloader {
    pub(in crate::daemon) fn new(
        environment: DaemonEnvironment,
        memory: MemoryBudget,
        host_options: impl Fn(&BackendSettings) -> HostOptions + Send + Sync + 'static,
    ) -> Self {
        Self { environment, memory, host_options: Box::new(host_options), state: Mutex::default() }
    }

    /// What the host serves from now on.
    pub(in crate::daemon) fn load(&self) -> Serving {
        let mut state = self.state.lock();
        let opened = read_settings(&self.environment.user).and_then(|settings| {
            self.memory.set_limit_mib(settings.memory_mib);
            let before = std::mem::replace(&mut state.settings, settings);
            let same = before.profile == state.settings.profile && before.backends == state.settings.backends;
            match state.last.as_ref().filter(|_| same) {
                Some(last) => last.set.reload(),
                None => self.open(&state.settings),
            }
        });
        match opened {
            Ok(set) => {
                let served = Arc::new(ServedSet::load(set));
                state.last = Some(served.clone());
                Serving::Set(served)
            }
            Err(error) => Serving::Refusing(whole_fault(&error)),
        }
    }

    /// Serves what is active by now.
    pub(in crate::daemon) fn reload(&self, service: &Service) {
        service.serve(self.load());
    }

    /// The settings that were read last.
    pub(in crate::daemon) fn settings(&self) -> HostSettings {
        self.state.lock().settings.clone()
    }

    fn open(&self, settings: &HostSettings) -> Result<ActiveSet, Error> {
        let environment = HostEnvironment {
            paths: self.environment.paths.clone(),
            user: self.environment.user.clone(),
            environment: self.environment.variables.clone(),
            host: (self.host_options)(&settings.backends),
        };
        ActiveSet::open(environment, &settings.profile)
    }

    /// The files whose changes matter.
    pub(in crate::daemon) fn files(&self) -> Vec<std::path::PathBuf> {
        let user = &self.environment.user;
        let profile = self.state.lock().settings.profile.clone();
        let own = [self.environment.paths.current(&profile), user.configuration.join(HOST_FILE)];
        own.into_iter().chain(policy_files(user)).collect()
    }
}
