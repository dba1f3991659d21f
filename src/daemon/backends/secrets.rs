//! `secret-read` and `secret-write`: secrets from where `host.toml` says, each use recorded in the audit log.

use std::path::Path;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::daemon::bus::client::connect;
use crate::daemon::error::DaemonError;
use crate::host::backends::{Caller, SecretRead, SecretWrite};
use crate::model::audit::{AuditAction, SecretOutcome};
use crate::model::host_settings::SecretsBackend;
use crate::ops::run::secrets::SecretsFile;
use crate::store::audit_log::AuditLog;
use crate::store::paths::StorePaths;

use super::desktop::Desktop;
use super::health::{BackendProblem, SECRETS};
use super::secret_service::Keyring;

/// The longest name of a secret, in bytes.
const MAX_NAME: usize = 255;

/// Where secrets are kept.
#[derive(Clone)]
enum Place {
    Keyring(Keyring),
    File(std::path::PathBuf),
}

/// Secrets for extensions.
pub(super) struct Secrets {
    desktop: Desktop,
    place: Place,
}

impl Secrets {
    /// None if secrets are kept nowhere.
    pub(super) fn new(backend: &SecretsBackend, desktop: &Desktop) -> Option<Self> {
        let place = match backend {
            SecretsBackend::SecretService => Place::Keyring(Keyring::new(desktop.link.address())),
            SecretsBackend::File(path) => Place::File(path.clone()),
            SecretsBackend::None => return None,
        };
        Some(Self { desktop: desktop.clone(), place })
    }
}

#[async_trait]
impl SecretRead for Secrets {
    async fn get(&self, caller: &Caller, name: &str) -> Result<Option<String>, String> {
        check_name(name)?;
        let (place, link, secret) = (self.place.clone(), self.desktop.link.clone(), name.to_owned());
        let reading = async move {
            match place {
                Place::Keyring(keyring) => keyring.get(&link.get().map_err(BackendProblem::new)?, &secret).await,
                Place::File(path) => read_file(&path, &secret),
            }
        };
        let found = self.desktop.run(SECRETS, reading).await;
        let outcome = match &found {
            Ok(Some(_)) => SecretOutcome::Given,
            Ok(None) => SecretOutcome::NotFound,
            Err(_) => SecretOutcome::Failed,
        };
        let name = name.to_owned();
        self.desktop.recorder.audit_call(caller, |by| AuditAction::ExtensionSecretRead { by, name, outcome })?;
        found
    }
}

#[async_trait]
impl SecretWrite for Secrets {
    async fn set(&self, caller: &Caller, name: &str, value: &str) -> Result<(), String> {
        check_name(name)?;
        let recorded = name.to_owned();
        self.desktop.recorder.audit_call(caller, |by| AuditAction::ExtensionSecretWritten { by, name: recorded })?;
        let (place, link) = (self.place.clone(), self.desktop.link.clone());
        let (name, value) = (name.to_owned(), value.to_owned());
        let writing = async move {
            match place {
                Place::Keyring(keyring) => keyring.set(&link.get().map_err(BackendProblem::new)?, &name, &value).await,
                Place::File(path) => write_file(&path, &name, &value),
            }
        };
        self.desktop.run(SECRETS, writing).await
    }
}

/// Read anew each time: the person may have changed it.
fn read_file(path: &Path, name: &str) -> Result<Option<String>, BackendProblem> {
    Ok(open_file(path)?.read(name))
}

/// Checks that a file of secrets can be used.
pub(super) fn check_file(path: &Path) -> Result<(), BackendProblem> {
    open_file(path).map(drop)
}

fn write_file(path: &Path, name: &str, value: &str) -> Result<(), BackendProblem> {
    open_file(path)?.write(name, value).map_err(BackendProblem::new)
}

fn open_file(path: &Path) -> Result<SecretsFile, BackendProblem> {
    SecretsFile::open(path).map_err(|error| {
        let fault = error.fault();
        let problem = BackendProblem::new(fault.line());
        match fault.hints.first() {
            Some(hint) => problem.hint(hint.to_string()),
            None => problem,
        }
    })
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("the name of a secret has 1 to {MAX_NAME} bytes and no control characters"));
    }
    Ok(())
}

/// Something that the person does with secrets.
#[derive(Debug)]
pub enum SecretsRequest<'a> {
    Set { name: &'a str, value: &'a str },
    Remove { name: &'a str },
    List,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretsAnswer {
    Done,
    /// There was no secret of this name.
    NotThere,
    Names(Vec<String>),
}

/// Where the person's secrets are, and what is done with them is recorded.
#[derive(Debug, Clone)]
pub struct SecretsPlace {
    pub backend: SecretsBackend,
    /// The address of the session bus, if there is one.
    pub bus: Option<String>,
    /// Of the audit log.
    pub paths: StorePaths,
    pub clock: Clock,
}

/// Sets, removes or lists secrets where the host finds them.
///
/// # Errors
/// [`DaemonError::Secrets`] if the place cannot be used, [`DaemonError::SecretName`] if it is no name,
/// [`DaemonError::Verb`] if it cannot be recorded in the audit log; then nothing is done.
pub async fn manage(place: &SecretsPlace, request: SecretsRequest<'_>) -> Result<SecretsAnswer, DaemonError> {
    let action = match &request {
        SecretsRequest::Set { name, .. } => Some(AuditAction::SecretSet { name: (*name).to_owned() }),
        SecretsRequest::Remove { name } => Some(AuditAction::SecretRemoved { name: (*name).to_owned() }),
        SecretsRequest::List => None,
    };
    if let SecretsRequest::Set { name, .. } | SecretsRequest::Remove { name } = &request {
        check_name(name).map_err(DaemonError::SecretName)?;
    }
    if let Some(action) = action {
        AuditLog::new(&place.paths).record(place.clock.now_ms(), None, action)?;
    }
    let failed = |problem: BackendProblem| DaemonError::Secrets { message: problem.message, hint: problem.hint };
    match &place.backend {
        SecretsBackend::None => Err(DaemonError::NoSecrets),
        SecretsBackend::File(path) => manage_file(path, &request).map_err(failed),
        SecretsBackend::SecretService => {
            let bus = place.bus.as_deref().ok_or(DaemonError::NoBus)?;
            let (connection, keyring) = (connect(bus).await?, Keyring::new(bus));
            let answer = match request {
                SecretsRequest::Set { name, value } => {
                    keyring.set(&connection, name, value).await.map(|()| SecretsAnswer::Done)
                }
                SecretsRequest::Remove { name } => keyring.remove(&connection, name).await.map(removed),
                SecretsRequest::List => keyring.names(&connection).await.map(SecretsAnswer::Names),
            };
            answer.map_err(failed)
        }
    }
}

fn manage_file(path: &Path, request: &SecretsRequest<'_>) -> Result<SecretsAnswer, BackendProblem> {
    Ok(match request {
        SecretsRequest::Set { name, value } => {
            write_file(path, name, value)?;
            SecretsAnswer::Done
        }
        SecretsRequest::Remove { name } => removed(open_file(path)?.remove(name).map_err(BackendProblem::new)?),
        SecretsRequest::List => SecretsAnswer::Names(open_file(path)?.names()),
    })
}

fn removed(was_there: bool) -> SecretsAnswer {
    if was_there { SecretsAnswer::Done } else { SecretsAnswer::NotThere }
}
