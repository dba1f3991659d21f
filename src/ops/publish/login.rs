//! `registry check`, `login` and `logout`: how registries let us in.

use std::path::Path;

use crate::model::bounds::MAX_PROJECT_FILE;
use crate::model::reference::host::RegistryHost;
use crate::model::registries::{Registries, RegistryPattern};
use crate::model::report::registry::{CredentialStatus, LoginReport, LogoutReport, RegistryAccess, RegistryReport};
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::registries;
use crate::ops::project::files::read_file;
use crate::registry::Error::Withheld;
use crate::registry::auth::credentials::CredentialLocation;
use crate::registry::auth::docker_config::{DockerConfig, erase_with_helper, store_with_helper};
use crate::registry::auth::secret::{Credential, Secret};
use crate::store::write;

/// Looks whether a registry, or a namespace of it, can be reached and lets us in.
///
/// # Errors
/// [`Error::Registry`] if it cannot be reached.
pub fn check_registry_access(context: &Context, wanted: &RegistryPattern) -> Result<RegistryReport, Error> {
    let registry = registries::source_selector(context, &project(context)?)?;
    let probe = context.block_on(async { Ok(registry.probe(wanted.registry(), wanted.prefix()).await?) })?;
    let (access, fault) = match probe.access {
        Ok(access) => (access, None),
        Err(error) => (RegistryAccess::Refused, Some(Error::from(error).fault())),
    };
    let credentials = match (probe.withheld, probe.location) {
        (Some(setting), _) => CredentialStatus::Withheld { setting: setting.to_owned() },
        (None, Some(place)) => CredentialStatus::Found { place: place.to_string() },
        (None, None) => CredentialStatus::None,
    };
    let (address, protocol, wants) = (probe.address, probe.protocol, probe.wants);
    Ok(RegistryReport { registry: wanted.to_string(), address, protocol, wants, credentials, access, fault })
}

/// Keeps a name and a password for a registry where docker does, after the registry has accepted them.
///
/// # Errors
/// [`Error::Registry`] if it does not, or if they cannot be kept.
pub fn login(context: &Context, host: &RegistryHost, user: &str, password: &Secret) -> Result<LoginReport, Error> {
    let host = host.as_str();
    let project = project(context)?;
    let credential = Credential::Password { user: user.to_owned(), password: password.clone() };
    let trial = registries::source_selector_with(context, &project, credential)?;
    let probe = context.block_on(async { Ok(trial.probe(host, "").await?) })?;
    if let Some(setting) = probe.withheld {
        return Err(Withheld { host: host.to_owned(), setting }.into());
    }
    let verified = probe.access? == RegistryAccess::In;
    let path = context.network.credentials.docker.clone();
    let mut file = read_docker_config(&path)?;
    let helper = file.helper(host);
    if let Some(helper) = &helper {
        context.block_on(async { Ok(store_with_helper(helper, host, user, password).await?) })?;
    }
    file.add(host, user, password);
    if let Some(folder) = path.parent() {
        write::create_folder(folder)?;
    }
    write::user_files::replace_private_user_file(&path, file.render().as_bytes())?;
    let place = place(&path, helper);
    let first = first_place(context, host)?.filter(|first| *first != place);
    if let Some(first) = first {
        context.warn(&[Warning::CredentialsHidden { host: host.to_owned(), place: first.to_string() }]);
    }
    Ok(LoginReport { host: host.to_owned(), place: place.to_string(), verified })
}

/// Forgets what docker's file, or its helper, has for a registry.
///
/// # Errors
/// [`Error::Registry`] if the helper fails; then the file stays as it is.
pub fn logout(context: &Context, host: &RegistryHost) -> Result<LogoutReport, Error> {
    let host = host.as_str();
    let path = context.network.credentials.docker.clone();
    let mut file = read_docker_config(&path)?;
    let mut removed = None;
    if let Some(helper) = file.helper(host)
        && context.block_on(async { Ok(erase_with_helper(&helper, host).await?) })?
    {
        removed = Some(place(&path, Some(helper)));
    }
    if file.remove(host) {
        write::user_files::replace_private_user_file(&path, file.render().as_bytes())?;
        removed = removed.or(Some(place(&path, None)));
    }
    if let Some(left) = first_place(context, host)? {
        context.warn(&[Warning::CredentialsLeft { host: host.to_owned(), place: left.to_string() }]);
    }
    Ok(LogoutReport { host: host.to_owned(), place: removed.map(|place| place.to_string()) })
}

/// Where docker's file keeps a credential.
fn place(path: &Path, helper: Option<String>) -> CredentialLocation {
    let file = CredentialLocation::File(path.to_owned());
    match helper {
        Some(name) => CredentialLocation::Helper { name, named_by: Box::new(file) },
        None => file,
    }
}

/// Where the credentials for a host are found first.
fn first_place(context: &Context, host: &str) -> Result<Option<CredentialLocation>, Error> {
    let registry = registries::source_selector(context, &Registries::default())?;
    context.block_on(async { Ok(registry.credentials_place(host).await) })
}

fn read_docker_config(path: &Path) -> Result<DockerConfig, Error> {
    // Where a link leads nowhere yet, the file is written where it leads.
    let is_begun = !path.is_symlink() || path.exists();
    let bytes = if is_begun { read_file(path, MAX_PROJECT_FILE as u64)?.unwrap_or_default() } else { Vec::new() };
    Ok(DockerConfig::parse(path, &bytes)?)
}

fn project(context: &Context) -> Result<Registries, Error> {
    Ok(context.project.read_manifest_or_empty()?.registries)
}
