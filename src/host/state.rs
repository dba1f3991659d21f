//! What belongs to one instance while it lives: its WASI, its meter, its log; and what all instances of an
//! extension share.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::model::capability::Grants;
use crate::model::manifest::{Config, Limits};

use super::backends::{Backends, LogSource};
use super::limits::{MAX_HOST_RESOURCES, MAX_RANDOM, Meter};
use super::output::{GuestLog, Stream};

/// What an extension is given.
#[derive(Debug, Clone, Default)]
pub struct ExtensionSettings {
    /// What it is called in logs and by backends.
    pub name: String,
    pub capabilities: Grants,
    pub limits: Limits,
    /// Where settings are looked up, in this order.
    pub config: Vec<Config>,
    /// The folders behind `fs-read` and `fs-write`.
    pub folders: Vec<Preopen>,
    /// The variables behind `env`.
    pub environment: Vec<(String, String)>,
}

/// What all instances of an extension share.
pub(crate) struct SharedState {
    pub settings: ExtensionSettings,
    pub backends: Backends,
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
    pub meter: Meter,
    pub log: GuestLog,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl InstanceState {
    /// # Errors
    /// If a granted folder cannot be opened.
    pub(crate) fn new(settings: &Arc<SharedState>) -> wasmtime::Result<Self> {
        let log = GuestLog::new(&settings.settings.name, settings.backends.log.clone());
        let mut wasi = WasiCtxBuilder::new();
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(MAX_RANDOM);
        wasi.stdout(Stream { log: log.clone(), source: LogSource::Stdout });
        wasi.stderr(Stream { log: log.clone(), source: LogSource::Stderr });
        wasi.envs(&settings.settings.environment);
        for folder in &settings.settings.folders {
            let perms = if folder.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(format!("/proc/self/fd/{}", folder.opened.as_raw_fd()), &folder.guest, perms)?;
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HOST_RESOURCES);
        Ok(Self {
            shared: settings.clone(),
            meter: Meter::new(&settings.settings.limits),
            log,
            wasi: wasi.build(),
            table,
        })
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
