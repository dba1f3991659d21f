//! From compiled code to a component that can be instantiated.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::model::code::AuthenticCode;

/// Why code was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("wasmtime does not load it: {0}")]
pub struct LoadError(String);

/// Loads code that was compiled by an engine of the same Config.
///
/// # Errors
/// [`LoadError`] if the code is of another engine, which wasmtime tells by what it wrote into it.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code; see the argument inside")]
pub fn load(engine: &Engine, code: &AuthenticCode) -> Result<Component, LoadError> {
    // SAFETY: `deserialize` runs the bytes as machine code, so they must be what wasmtime made, unchanged. An
    // `AuthenticCode` is made only by `store::cwasm` after the bytes matched a tag keyed with this machine's secret,
    // and that tag is made only over bytes that this program has just compiled. Whoever can read the secret is this
    // user, who can run machine code anyway.
    unsafe { Component::deserialize(engine, code.bytes()) }.map_err(|error| LoadError(format!("{error:#}")))
}
