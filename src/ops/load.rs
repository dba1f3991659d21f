//! From a live extension's name to a component that can be instantiated. What `sync` did not make live is not loaded.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::Error;
use crate::engine::config::engine;
use crate::engine::key::engine_key;
use crate::host;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::text::nearest;
use crate::store::paths::StorePaths;
use crate::store::{cwasm, generations, key};

/// Loads the compiled code of a live extension, after checking it.
///
/// # Errors
/// [`Error::NoExtension`] if it is not live; [`Error::NoCode`] if its code is missing, or is not what was compiled.
pub fn load(paths: &StorePaths, profile: &ProfileName, name: &ExtensionName) -> Result<(Engine, Component), Error> {
    let live = generations::live(paths, profile)?.map(|(_, live)| live);
    let extensions = live.map(|live| live.extensions).unwrap_or_default();
    let Some(extension) = extensions.iter().find(|extension| extension.name == *name) else {
        let known = extensions.iter().map(|extension| extension.name.as_str());
        let closest = nearest(name.as_str(), known).map(str::to_owned);
        return Err(Error::NoExtension { name: name.clone(), place: format!("the profile `{profile}`"), closest });
    };
    let engine = engine(extension.metering())?;
    let missing = || Error::NoCode { name: name.clone() };
    let key = key::read(paths)?.ok_or_else(missing)?;
    let code = match cwasm::read(paths, &key, &engine_key(&engine), &extension.component) {
        Ok(Some(code)) => code,
        Ok(None) | Err(crate::store::Error::Untrusted { .. }) => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    let component = host::load::load(&engine, &code)?;
    Ok((engine, component))
}
