//! From compiled code to a component that can be instantiated.

use std::os::fd::AsRawFd as _;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::model::code::AuthenticCode;

/// Why code was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("wasmtime does not load it: {0}")]
pub struct LoadError(String);

/// Maps code that was compiled by an engine of the same Config. Nothing is copied: memories that a component begins
/// with are shared between its instances until they are written to.
///
/// # Errors
/// [`LoadError`] if the code is of another engine, which wasmtime tells by what it wrote into it.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code; see the argument inside")]
pub fn load(engine: &Engine, code: &AuthenticCode) -> Result<Component, LoadError> {
    // The path leads to the open file itself, whatever stands under its name by now.
    let path = format!("/proc/self/fd/{}", code.file().as_raw_fd());
    // SAFETY: `deserialize_file` runs the file as machine code, so it must be what wasmtime made, unchanged, now and
    // as long as the component lives. An `AuthenticCode` is made only by `store::cwasm` after the bytes of this open file
    // matched a tag keyed with this machine's secret, and that tag is made only over bytes that this program has just
    // compiled. The file is this user's, read-only, nobody else can write to it, and this program replaces such files
    // and never changes them. Whoever can do otherwise is this user, who can run machine code anyway.
    unsafe { Component::deserialize_file(engine, path) }.map_err(|error| LoadError(format!("{error:#}")))
}
