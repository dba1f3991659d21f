//! The host of the desktop: a service on the session bus that runs the extensions of the active set, each call in an instance of
//! its own, with the desktop's keyring, clipboard and notifications behind the capabilities.
//!
//! Everything it runs was provisioned by `sync`; it fetches nothing, compiles nothing and writes nothing to the store. It prints
//! nothing and reads no environment: the program fills in a [`DaemonEnvironment`].

pub mod backends;
pub mod bus;
mod call_counts;
pub mod error;
pub mod names;
mod recorder;
mod refusal;
mod reload;
mod schedule;
mod service;
mod serving;
mod status;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Builder;

use crate::clock::Clock;
use crate::host::limits::memory_budget::MemoryBudget;
use crate::host::options::HostOptions;
use crate::model::name::ProfileName;
use crate::ops::context::{Interrupt, UserPaths};
use crate::ops::error::Error;
use crate::store::paths::StorePaths;

use backends::clipboard::Clipboard;
use backends::{Desktop, backends};
use bus::interface::Extensions;
use bus::link::BusLink;
use bus::server::BusServer;
use error::DaemonError;
use recorder::Recorder;
use reload::Reloader;
use service::Service;
use status::StatusSource;
use watch::Watch;

pub use recorder::Echo;

/// Where the host finds everything. The program fills it in.
#[derive(Clone)]
pub struct DaemonEnvironment {
    pub paths: StorePaths,
    pub user: UserPaths,
    pub clock: Clock,
    /// The environment variables that may be granted, and those that say where the display is.
    pub variables: BTreeMap<String, String>,
    /// The session bus, as in `DBUS_SESSION_BUS_ADDRESS`.
    pub bus: String,
    /// This program, which the process that holds the clipboard is started from.
    pub program: PathBuf,
    /// Is given what the host says in its log.
    pub echo: Echo,
}

/// Runs the host until it is interrupted.
///
/// # Errors
/// [`DaemonError`] if there is no bus, another host runs, or no thread can be started. A profile or a policy that cannot be read is
/// no error: then the host refuses every call, and says why.
pub fn run(environment: &DaemonEnvironment, interrupt: &Interrupt) -> Result<(), DaemonError> {
    let clipboard = Clipboard::start(&environment.program, &environment.variables).map_err(DaemonError::Thread)?;
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("sesame-bus").enable_all().build();
    let runtime = runtime.map_err(DaemonError::Thread)?;
    let memory = MemoryBudget::default();
    let desktop = Desktop {
        runtime: runtime.handle().clone(),
        link: BusLink::new(&environment.bus),
        recorder: Arc::new(Recorder::new(&environment.paths, environment.clock, environment.echo.clone())),
        health: Arc::default(),
        clipboard: Arc::new(clipboard),
    };
    let (behind, budget) = (desktop.clone(), memory.clone());
    let reloader = Arc::new(Reloader::new(environment.clone(), move |settings| HostOptions {
        backends: backends(settings, &behind),
        observer: Some(behind.recorder.clone()),
        memory: budget.clone(),
    }));
    let service = Arc::new(Service::start(reloader.load(), desktop.recorder.clone()).map_err(DaemonError::Thread)?);
    memory.set_limit_mib(reloader.settings().memory_mib);
    let status =
        Arc::new(StatusSource { service: service.clone(), memory: memory.clone(), health: desktop.health.clone() });
    let recorder = desktop.recorder.clone();
    let server = BusServer {
        link: desktop.link.clone(),
        activations: service.activations(),
        object: || Extensions { service: service.clone(), status: status.clone() },
        ready: Box::new(move || recorder.say("ready")),
    };
    let watching = runtime.spawn(watch_files(reloader.clone(), service.clone(), memory));
    let ended = runtime.block_on(server.run(interrupt));
    watching.abort();
    runtime.shutdown_background();
    ended
}

/// The profile that the host of this machine serves.
///
/// # Errors
/// If `host.toml` cannot be read.
pub fn served_profile(user: &UserPaths) -> Result<ProfileName, Error> {
    Ok(reload::read_settings(user)?.profile)
}

/// Reloads whenever something changes that the host runs under.
async fn watch_files(reloader: Arc<Reloader>, service: Arc<Service>, memory: MemoryBudget) {
    let mut watch = Watch::begin(reloader.files());
    loop {
        watch.changed().await;
        // As the files are before they are read: a change while they are read is noticed the next time.
        watch.look(reloader.files());
        let (reloading, serving) = (reloader.clone(), service.clone());
        // If it panics, the next change tries again.
        let _ = tokio::task::spawn_blocking(move || reloading.reload(&serving)).await;
        let settings = reloader.settings();
        memory.set_limit_mib(settings.memory_mib);
        watch.look_again(reloader.files());
    }
}
