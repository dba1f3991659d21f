//! What belongs to one instance while it lives: its WASI, its meter, its log; and what all instances of an
//! extension share.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::model::capability::Grants;
use crate::model::digest::Digest;
use crate::model::manifest::{Config, Limits};

use super::backends::{Caller, LogSource};
use super::limits::{MAX_HOST_RESOURCES, MAX_RANDOM, Meter};
use super::options::HostOptions;
use super::output::{GuestLog, Stream};

/// What an extension is given.
#[derive(Debug, Clone)]
pub struct ExtensionSettings {
    /// What it is called in logs and by backends.
    pub name: String,
    pub component: Digest,
    pub capabilities: Grants,
    pub limits: Limits,
    /// Where settings are looked up, in this order.
    pub config: Vec<Config>,
    /// The folders behind `fs-read` and `fs-write`.
    pub folders: Vec<Preopen>,
    /// The variables behind `env`.
    pub environment: Vec<(String, String)>,
}

impl ExtensionSettings {
    /// Settings that give it nothing, with the default limits.
    pub fn new(name: impl Into<String>, component: Digest) -> Self {
        Self {
            name: name.into(),
            component,
            capabilities: Grants::new(),
            limits: Limits::default(),
            config: Vec::new(),
            folders: Vec::new(),
            environment: Vec::new(),
        }
    }
}

/// What all instances of an extension share.
pub(crate) struct SharedState {
    pub settings: ExtensionSettings,
    pub host: HostOptions,
    /// How many calls the host has begun.
    pub calls: Arc<AtomicU64>,
}

/// A folder that an extension sees.
#[derive(Debug, Clone)]
pub struct Preopen {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// The folder itself, opened before it was checked, so that no link can lead elsewhere afterwards.
    pub opened: Arc<OwnedFd>,
    /// The name by which the guest opens it: as it was granted.
    pub guest: String,
    pub writable: bool,
}

/// The data of one wasmtime store.
pub(crate) struct InstanceState {
    pub shared: Arc<SharedState>,
    pub caller: Caller,
    pub meter: Meter,
    pub log: GuestLog,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl InstanceState {
    /// # Errors
    /// If a granted folder cannot be opened.
    pub(crate) fn new(shared: &Arc<SharedState>) -> wasmtime::Result<Self> {
        let settings = &shared.settings;
        let caller = Caller {
            extension: settings.name.as_str().into(),
            component: settings.component,
            call: 0,
            has_read_secret: false,
        };
        let log = GuestLog::new(caller.clone(), shared.host.backends.log.clone());
        let mut wasi = WasiCtxBuilder::new();
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(MAX_RANDOM);
        wasi.stdout(Stream { log: log.clone(), source: LogSource::Stdout });
        wasi.stderr(Stream { log: log.clone(), source: LogSource::Stderr });
        wasi.envs(&settings.environment);
        for folder in &settings.folders {
            let perms = if folder.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(format!("/proc/self/fd/{}", folder.opened.as_raw_fd()), &folder.guest, perms)?;
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HOST_RESOURCES);
        Ok(Self {
            shared: shared.clone(),
            caller,
            meter: Meter::new(&settings.limits, shared.host.memory.clone()),
            log,
            wasi: wasi.build(),
            table,
        })
    }

    /// The next call begins in this instance.
    pub(crate) fn start_call(&mut self) {
        self.meter.refused = None;
        self.caller.call = self.shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.log.start_call(&self.caller);
    }

    /// The guest has been given the value of a secret.
    pub(crate) fn note_secret(&mut self) {
        self.caller.has_read_secret = true;
        self.log.set_caller(&self.caller);
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
