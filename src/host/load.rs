//! From sealed code to a component that can be instantiated: the one file that runs machine code which it did not make
//! itself.

use std::os::fd::AsRawFd as _;

use memmap2::MmapOptions;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::model::code::{Seal, SealedCode};

/// Why code was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the code cannot be mapped")]
    Map(#[source] std::io::Error),
    #[error("its tag does not match its bytes")]
    Seal,
    #[error("wasmtime does not load it: {0}")]
    Wasmtime(String),
}

/// Checks the seal of code that was compiled by an engine of the same Config, and maps it. Nothing is copied: memories that
/// a component begins with are shared between its instances until they are written to.
///
/// # Errors
/// [`LoadError`] if this machine did not make it, or it is of another engine.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code; see the argument inside")]
pub fn load(engine: &Engine, code: &SealedCode) -> Result<Component, LoadError> {
    // The path leads to the open file itself, whatever stands under its name by now.
    let path = format!("/proc/self/fd/{}", code.file().as_raw_fd());
    // SAFETY: Both calls need a file that nobody changes while it is mapped. `store::cwasm` has opened it, without
    // following links, as a read-only file of this user that nobody else can write to, and this program replaces such files
    // and never changes them. `deserialize_file` also runs the bytes as machine code, so they must be what wasmtime made:
    // it is called only after the bytes matched a tag keyed with this machine's secret, and that tag is made only over bytes
    // that this program has just compiled. Whoever can do otherwise is this user, who can run machine code anyway.
    unsafe {
        let map = MmapOptions::new().len(code.length()).map(&code.file()).map_err(LoadError::Map)?;
        let matches = || code.seal().matches(&map);
        // From outside the pool of threads that hash much, each part of it would wait for one of them anew.
        if !(if code.length() < Seal::MANY { matches() } else { rayon::scope(|_| matches()) }) {
            return Err(LoadError::Seal);
        }
        drop(map);
        Component::deserialize_file(engine, path)
    }
    .map_err(|error| LoadError::Wasmtime(format!("{error:#}")))
}
