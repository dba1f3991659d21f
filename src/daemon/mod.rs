//! The host of the desktop: a service on the session bus that runs the extensions of the active set, each call in an instance of
//! its own, with the desktop's keyring, clipboard and notifications behind the capabilities.
//!
//! Everything it runs was provisioned by `sync`; it fetches nothing, compiles nothing and writes nothing to the store. It prints
//! nothing and reads no environment: the program fills in a [`DaemonEnvironment`].

pub mod backends;
pub mod bus;
pub mod environment;
pub mod error;
mod hardening;
pub mod names;
pub mod record;
pub mod refusal;
mod schedule;
mod service;
mod serving;
pub mod setup;
mod status;
mod timers;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::host::limits::memory_budget::MemoryBudget;
use crate::host::options::HostOptions;
use crate::ops::context::Interrupt;

use backends::backends;
use backends::clipboard::process_link::Clipboard;
use backends::desktop::Desktop;
use backends::notification::notify_person;
use bus::interface::Extensions;
use bus::link::BusLink;
use bus::server::BusServer;
use environment::DaemonEnvironment;
use error::DaemonError;
use record::Recorder;
use service::Service;
use serving::reload::Reloader;
use serving::watch::Watch;
use status::StatusSource;
use timers::{RunReports, Timers};

pub use serving::reload::read_settings;

/// How long the host waits for the bus before it looks again.
const UNTIL_CONNECTED: Duration = Duration::from_millis(250);

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
    let (noticing, notices) = unbounded_channel();
    let desktop = Desktop {
        runtime: runtime.handle().clone(),
        link: BusLink::new(&environment.bus),
        recorder: Arc::new(Recorder::new(&environment.paths, environment.clock, environment.echo.clone(), noticing)),
        health: Arc::default(),
        clipboard: Arc::new(clipboard),
    };
    let (behind, budget) = (desktop.clone(), memory.clone());
    let reloader = Arc::new(Reloader::new(environment.clone(), memory.clone(), move |settings| HostOptions {
        backends: backends(settings, &behind),
        observer: Some(behind.recorder.clone()),
        memory: budget.clone(),
    }));
    let service = Arc::new(Service::start(reloader.load(), desktop.recorder.clone()).map_err(DaemonError::Thread)?);
    let reports = Arc::new(RunReports::default());
    let timers = Timers::new(service.clone(), environment.clock, reports.clone());
    let status = Arc::new(StatusSource {
        service: service.clone(),
        memory,
        health: desktop.health.clone(),
        runs: reports,
        unconfined: hardening::confine(),
    });
    let recorder = desktop.recorder.clone();
    let server = BusServer {
        link: desktop.link.clone(),
        service: service.clone(),
        object: || Extensions { service: service.clone(), status: status.clone(), desktop: desktop.clone() },
        ready: Box::new(move || recorder.say("ready")),
    };
    runtime.spawn(show_notices(desktop.clone(), notices));
    let watching = runtime.spawn(follow_files(reloader, service.clone(), timers));
    let ended = runtime.block_on(server.run(interrupt));
    watching.abort();
    runtime.shutdown_background();
    ended
}

/// Shows what the host has to tell the person, once the bus is there.
async fn show_notices(desktop: Desktop, mut notices: UnboundedReceiver<String>) {
    while let Some(notice) = notices.recv().await {
        while desktop.link.get().is_err() {
            tokio::time::sleep(UNTIL_CONNECTED).await;
        }
        // Where it cannot be shown, it stands in the log and in the status.
        let _ = notify_person(&desktop, "extensions are refused", &notice).await;
    }
}

/// Reloads whenever something changes that the host runs under, and keeps the timers.
async fn follow_files(reloader: Arc<Reloader>, service: Arc<Service>, mut timers: Timers) {
    let mut watch = Watch::begin(reloader.files());
    loop {
        timers.set(&reloader.settings().runs);
        tokio::select! {
            () = watch.changed() => {}
            () = service.reload_wanted() => {}
        }
        // As the files are before they are read: a change while they are read is noticed the next time.
        watch.look(reloader.files());
        let (reloading, serving) = (reloader.clone(), service.clone());
        // If it panics, the next change tries again.
        let _ = tokio::task::spawn_blocking(move || reloading.reload(&serving)).await;
        watch.look_again(reloader.files());
    }
}
