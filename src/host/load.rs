//! From authenticated code to a component that can be instantiated: the one file that runs machine code which it did not make
//! itself.

use std::os::fd::AsRawFd as _;

use memmap2::{Mmap, MmapOptions};
use rustix::io::Errno;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::model::authenticated_code::{AuthenticatedCode, Mac};
use crate::model::fault::BoxError;

/// Why code was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the code cannot be mapped")]
    Map(#[source] std::io::Error),
    #[error("the code cannot be read")]
    Read(#[source] std::io::Error),
    #[error("its tag does not match its bytes")]
    Mac,
    #[error("this machine refuses to run code that a program has made")]
    Refused(#[source] BoxError),
    #[error("this machine has no memory for it")]
    NoMemory(#[source] BoxError),
    #[error("wasmtime does not load it")]
    Wasmtime(#[source] BoxError),
}

/// Where code is that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodePlacement {
    /// In its file.
    Mapped,
    /// In memory, and why.
    Copied(String),
}

/// Checks the MAC of code that was compiled by an engine of the same Config, and maps it. Nothing is copied: memories that
/// a component begins with are shared between its instances until they are written to.
///
/// Where a file cannot be mapped to be run, since its disk is mounted `noexec` or there is no `/proc` to name the open file
/// by, the code is read into memory of its own instead.
///
/// # Errors
/// [`LoadError`] if this machine did not make it, or it is of another engine.
pub fn load(engine: &Engine, code: &AuthenticatedCode) -> Result<(Component, CodePlacement), LoadError> {
    let mapped = authenticate(code)?;
    // The path leads to the open file itself, whatever stands under its name by now.
    let path = format!("/proc/self/fd/{}", code.file().as_raw_fd());
    let why = if std::path::Path::new(&path).exists() {
        drop(mapped);
        match load_file(engine, &path) {
            Ok(component) => return Ok((component, CodePlacement::Mapped)),
            Err(error) if is_refusal(&error) => innermost(&error),
            Err(error) => return Err(unloaded(error)),
        }
    } else {
        "/proc is not mounted".to_owned()
    };
    load_copy(engine, code).map(|component| (component, CodePlacement::Copied(why)))
}

/// Maps code to check its MAC.
#[expect(unsafe_code, reason = "a file is mapped; see the argument inside")]
fn authenticate(code: &AuthenticatedCode) -> Result<Mmap, LoadError> {
    // SAFETY: It needs a file that nobody changes while it is mapped. `store::code::cwasm` has opened it, without following links,
    // as a read-only file of this user that nobody else can write to, and this program replaces such files and never changes
    // them. Programs of the same user are outside of what is defended against.
    let map = unsafe { MmapOptions::new().len(code.length()).map(&code.file()) }.map_err(LoadError::Map)?;
    let matches = || code.mac().matches(&map);
    // From outside the pool of threads that hash much, each part of it would wait for one of them anew.
    if !(if code.length() < Mac::PARALLEL_FROM { matches() } else { rayon::scope(|_| matches()) }) {
        return Err(LoadError::Mac);
    }
    Ok(map)
}

/// Loads code from its file. Its MAC must match.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code; see the argument inside")]
fn load_file(engine: &Engine, path: &str) -> wasmtime::Result<Component> {
    // SAFETY: As for the map in `authenticate`, which was called before, on the same open file. The bytes are run as machine code, so
    // they must be what wasmtime made: they matched a MAC keyed with this machine's secret, and that MAC is made only over
    // bytes that this program has just compiled. Whoever can do otherwise is this user, who can run machine code anyway.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Loads code from memory of its own, with the MAC checked on the very bytes that are run.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code; see the argument inside")]
fn load_copy(engine: &Engine, code: &AuthenticatedCode) -> Result<Component, LoadError> {
    let bytes = read(code).map_err(LoadError::Read)?;
    if !code.mac().matches(&bytes) {
        return Err(LoadError::Mac);
    }
    // SAFETY: As in `load_file`; nobody else has these bytes.
    unsafe { Component::deserialize(engine, bytes) }.map_err(unloaded)
}

fn unloaded(error: wasmtime::Error) -> LoadError {
    if is_refusal(&error) {
        LoadError::Refused(error.into())
    } else if is_of_system(&error, &[Errno::NOMEM]) {
        LoadError::NoMemory(error.into())
    } else {
        LoadError::Wasmtime(error.into())
    }
}

/// The code's bytes.
fn read(code: &AuthenticatedCode) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut at) = (vec![0; code.length()], 0);
    while at < bytes.len() {
        match rustix::io::retry_on_intr(|| rustix::io::pread(code.file(), &mut bytes[at..], at as u64))? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => at += read,
        }
    }
    Ok(bytes)
}

/// Whether the system did not allow memory to be mapped so.
fn is_refusal(error: &wasmtime::Error) -> bool {
    is_of_system(error, &[Errno::PERM, Errno::ACCESS])
}

/// Whether an error comes from one of these of the system.
pub(crate) fn is_of_system(error: &wasmtime::Error, any: &[Errno]) -> bool {
    let is_any = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        let errno = cause.downcast_ref::<Errno>().copied().or_else(|| Errno::from_io_error(io?));
        errno.is_some_and(|errno| any.contains(&errno))
    };
    error.chain().any(is_any)
}

/// What an error comes from in the end.
pub(crate) fn innermost(error: &wasmtime::Error) -> String {
    error.chain().last().map_or_else(|| error.to_string(), ToString::to_string)
}
