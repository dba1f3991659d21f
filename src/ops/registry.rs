//! `registry check`, `login` and `logout`: how registries let us in.

use std::path::Path;

use super::context::Context;
use super::error::Error;
use super::project::read_file;
use crate::model::MAX_FILE;
use crate::model::reference::RegistryHost;
use crate::model::registries::Registries;
use crate::model::registry_report::{LoginReport, LogoutReport, RegistryReport};
use crate::registry::credentials::Found;
use crate::registry::docker_file::{DockerFile, erase, store};
use crate::registry::secret::{Credential, Secret};
use crate::store::write;

/// What credentials are called that are only tried.
pub(super) const THIS_LOGIN: &str = "this login";

/// Looks whether a registry can be reached and lets us in.
///
/// # Errors
/// [`Error::Registry`] if it cannot be reached.
pub fn check(context: &Context, host: &RegistryHost) -> Result<RegistryReport, Error> {
    let registry = context.registry(&project(context)?)?;
    context.block_on(async { Ok(registry.probe(host.as_str()).await?) })
}

/// Keeps a name and a password for a registry where docker does, after the registry has accepted them.
///
/// # Errors
/// [`Error::Registry`] if it does not, or if they cannot be kept.
pub fn login(context: &Context, host: &RegistryHost, user: &str, password: &Secret) -> Result<LoginReport, Error> {
    let host = host.as_str();
    let project = project(context)?;
    let credential = Credential::Password { user: user.to_owned(), password: password.clone() };
    let given = Found { credential, place: THIS_LOGIN.to_owned() };
    let trial = context.registry_with(&project, Some(given))?;
    let verified = context.block_on(async { Ok(trial.lets_in(host).await?) })?;
    let mut file = docker_file(context, host)?;
    let path = context.network.credentials.docker.clone();
    let helper = file.helper(host);
    if let Some(helper) = &helper {
        context.block_on(async { Ok(store(helper, host, user, password).await?) })?;
    }
    file.add(host, user, password);
    if let Some(folder) = path.parent() {
        write::create_folder(folder)?;
    }
    write::replace_private_user_file(&path, file.render().as_bytes())?;
    let place = helper.map_or_else(|| path.display().to_string(), |helper| kept_by(&helper, &path));
    let registry = context.registry(&project)?;
    let first = context.block_on(async { Ok(registry.credentials_place(host).await?) })?;
    let hidden_by = first.filter(|first| *first != place);
    Ok(LoginReport { host: host.to_owned(), place, verified, hidden_by })
}

/// Forgets what docker's file, or its helper, has for a registry.
///
/// # Errors
/// [`Error::Registry`] if the helper fails.
pub fn logout(context: &Context, host: &RegistryHost) -> Result<LogoutReport, Error> {
    let host = host.as_str();
    let mut file = docker_file(context, host)?;
    let path = context.network.credentials.docker.clone();
    let registry = context.registry(&project(context)?)?;
    let mut place = None;
    if file.remove(host) {
        write::replace_private_user_file(&path, file.render().as_bytes())?;
        place = Some(path.display().to_string());
    }
    if let Some(helper) = file.helper(host)
        && context.block_on(async { Ok(erase(&helper, host).await?) })?
    {
        place = Some(kept_by(&helper, &path));
    }
    let left = context.block_on(async { Ok(registry.credentials_place(host).await?) })?;
    Ok(LogoutReport { host: host.to_owned(), place, left })
}

/// A helper as a place of credentials.
fn kept_by(helper: &str, file: &Path) -> String {
    format!("`docker-credential-{helper}`, which {} names", file.display())
}

fn docker_file(context: &Context, host: &str) -> Result<DockerFile, Error> {
    let bytes = read_file(&context.network.credentials.docker, MAX_FILE as u64)?.unwrap_or_default();
    Ok(DockerFile::parse(host, &String::from_utf8_lossy(&bytes))?)
}

fn project(context: &Context) -> Result<Registries, Error> {
    Ok(context.project.read_manifest_or_empty()?.registries)
}
