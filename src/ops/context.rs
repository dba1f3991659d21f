//! What every verb is given: where things are, how the network is reached, who listens.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::compiler::settings::CompilerSettings;
use crate::model::report::event::{Event, Observer};
use crate::model::report::warning::Warning;
use crate::registry::source::selection::{Network, NetworkMode};
use crate::store::integrity::store_permissions;
use crate::store::owner;
use crate::store::paths::StorePaths;
use crate::store::store_lock::{self, StoreLock};

use super::error::Error;
use super::project::Project;

/// The surroundings of a verb. The library reads no environment: whoever calls it fills this in.
#[derive(Clone)]
pub struct Context {
    pub project: Project,
    pub paths: StorePaths,
    pub network: Network,
    pub network_mode: NetworkMode,
    /// How many fetches go on at once, at least 1.
    pub jobs: usize,
    pub compiler: CompilerSettings,
    pub clock: Clock,
    pub observer: Arc<dyn Observer>,
    pub interrupt: Interrupt,
    /// Who we are, for other processes that wait for the store.
    pub holder: String,
    pub user: UserPaths,
}

/// What is this user's besides the store.
#[derive(Debug, Clone, Default)]
pub struct UserPaths {
    /// What `~` stands for in granted folders.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME/pds`, with the host's own `config.toml`.
    pub configuration: PathBuf,
    /// Policy files; each may be absent. The stricter limit and rule wins; of how a registry is reached, the first that
    /// says it.
    pub policies: Vec<PathBuf>,
}

/// Turns true once, from any thread: then everything stops at the next good moment.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<InterruptState>);

#[derive(Default)]
struct InterruptState {
    set: AtomicBool,
    notify: Notify,
}

impl Interrupt {
    pub fn set(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        self.0.notify.notify_waiters();
        self.0.notify.notify_one();
    }

    pub fn is_set(&self) -> bool {
        self.0.set.load(Ordering::SeqCst)
    }

    /// Runs a future to its end, or to the interrupt.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or the future's own.
    pub fn block_on<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let result = runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.wait() => Err(Error::Interrupted),
                result = future => result,
            }
        });
        // What still runs on another thread, such as the look-up of a name, cannot be stopped and is not waited for.
        runtime.shutdown_background();
        result
    }

    /// Ends once the interrupt is set.
    pub(crate) async fn wait(&self) {
        while !self.is_set() {
            self.0.notify.notified().await;
        }
    }
}

impl Context {
    /// Waits for the right to change the store, which is this user's alone then.
    pub(crate) fn lock_store(&self) -> Result<StoreLock, Error> {
        let guard = self.lock_store_unrepaired()?;
        for folder in store_permissions::repair(&self.paths)? {
            self.warn(&[Warning::FolderMadePrivate { folder: folder.display().to_string() }]);
        }
        Ok(guard)
    }

    /// The same for whoever mends it.
    pub(crate) fn lock_store_unrepaired(&self) -> Result<StoreLock, Error> {
        owner::check_store_owner(&self.paths)?;
        let interrupted = || self.interrupt.is_set();
        let wait = |holder: &str| self.observer.notice(&Event::Waiting { holder });
        Ok(store_lock::acquire(&self.paths, &self.holder, interrupted, wait)?)
    }

    /// Tells the person what stops nothing.
    pub(crate) fn warn(&self, warnings: &[Warning]) {
        for warning in warnings {
            self.observer.notice(&Event::Warning(warning));
        }
    }

    /// Runs a future to its end, or to the interrupt.
    pub fn block_on<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.interrupt.block_on(future)
    }
}
