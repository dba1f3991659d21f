//! `list` and `info`: what is live, from the generation and the store. Neither asks a registry.

use crate::compiler::inspection::ComponentError;
use crate::engine::config::engine;
use crate::engine::inspect::world_text;
use crate::engine::key::engine_key;
use crate::host::grants::{refused_imports, required_capability};
use crate::model::capability::grant::format_grants;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::ActiveExtension;
use crate::model::policy::Policy;
use crate::model::report::extension::{CodeState, ImportedInterface, InfoReport, ListReport, ListedExtension};
use crate::ops::context::UserPaths;
use crate::ops::error::Error;
use crate::ops::policy::checks::{check_loadable, read_policy};
use crate::store::blobs::Blobs;
use crate::store::code::cwasm;
use crate::store::generations;
use crate::store::paths::StorePaths;

use super::annotations::annotations;

/// Lists the live set of a profile.
///
/// # Errors
/// [`Error::Store`] if what is live cannot be told.
pub fn list(paths: &StorePaths, user: &UserPaths, profile: &ProfileName) -> Result<ListReport, Error> {
    let policy = read_policy(user).ok();
    let live = generations::active_generation(paths, profile)?;
    let generation = live.as_ref().map(|(number, _)| *number);
    let extensions = live.map(|(_, live)| live.extensions).unwrap_or_default();
    let extensions = extensions.iter().map(|extension| listed(paths, policy.as_ref(), extension));
    let extensions = extensions.collect::<Result<_, _>>()?;
    Ok(ListReport { profile: profile.clone(), generation, extensions })
}

/// Tells everything about one live extension.
///
/// # Errors
/// [`ProfileError::NoExtension`](crate::ops::error::profile::ProfileError::NoExtension) if it is not live,
/// [`Error::Store`] if its component is not in the store.
pub fn info(
    paths: &StorePaths,
    user: &UserPaths,
    profile: &ProfileName,
    name: &ExtensionName,
) -> Result<InfoReport, Error> {
    let live = generations::active_generation(paths, profile)?;
    let extensions = live.as_ref().map(|(_, live)| live.extensions.as_slice()).unwrap_or_default();
    let found = live.as_ref().zip(extensions.iter().find(|extension| extension.name == *name));
    let Some(((number, generation), extension)) = found else {
        return Err(Error::not_active(name, profile, extensions));
    };
    let bytes = Blobs::new(paths).read(extension.component)?;
    let world = world_text(&bytes).map_err(|error| Error::from(ComponentError::from(error)).of_extension(name))?;
    let import = |import: &String| {
        let needs = required_capability(import).flatten();
        ImportedInterface {
            interface: import.clone(),
            needs: needs.map(|capability| capability.to_string()),
            granted: needs.is_none_or(|capability| extension.capabilities.contains_key(&capability)),
        }
    };
    let policy = read_policy(user)?;
    let limits = extension.limits.at_most(&policy.max_limits);
    Ok(InfoReport {
        extension: listed(paths, Some(&policy), extension)?,
        profile: profile.clone(),
        generation: *number,
        manifest: generation.manifest.clone(),
        annotations: annotations(&Blobs::new(paths), extension.provenance, extension.component),
        imports: extension.imports.iter().map(import).collect(),
        memory_mib: limits.memory_mib(),
        fuel: limits.max_fuel,
        timeout_ms: limits.time_ms(),
        config: extension.config.clone(),
        world,
    })
}

/// An extension, and whether it can be called. Without a policy that can be read, nothing can be.
fn listed(paths: &StorePaths, policy: Option<&Policy>, extension: &ActiveExtension) -> Result<ListedExtension, Error> {
    let engine = engine_key(&engine(extension.metering())?);
    let code_size = cwasm::size(paths, &engine, &extension.component)?;
    let is_allowed = policy.is_some_and(|policy| check_loadable(policy, extension).is_ok())
        && refused_imports(&extension.imports, &extension.capabilities).is_empty();
    Ok(ListedExtension {
        name: extension.name.clone(),
        version: extension.reference.as_ref().map(|reference| reference.revision().to_owned()),
        source: extension.source(),
        provenance: extension.provenance,
        component: extension.component,
        capabilities: format_grants(&extension.capabilities),
        size: extension.size,
        code_size,
        state: match code_size {
            _ if !is_allowed => CodeState::Denied,
            Some(_) => CodeState::Ready,
            None => CodeState::NotCompiled,
        },
    })
}
