//! The host: finds the extension that is called, runs the call in turn with the others, and ends it if what it runs under is
//! withdrawn. Knows nothing of the bus.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, watch};

use crate::host::extension::Extension;
use crate::model::name::ExtensionName;
use crate::model::report::extension::CallReport;
use crate::model::report::host::CallFailure;
use crate::ops::error::Error;
use crate::ops::run::call::{CallOptions, call_async};

use super::record::Recorder;
use super::refusal::{MAX_ARGUMENTS, Refusal, Withdrawal};
use super::schedule::executor::{CallCanceller, Executor, QueueLimits};
use super::schedule::file_threads::FileThreads;
use super::serving::{ServedSet, Serving, SharedServing};

/// How many calls may be begun and not ended.
const LIMITS: QueueLimits = QueueLimits { of_one_extension: 128, of_all: 1024 };

/// How long a call waits until an extension is served that can be loaded now.
const RETRY: Duration = Duration::from_secs(1);

/// Runs calls of what is served.
pub(super) struct Service {
    serving: Arc<RwLock<SharedServing>>,
    executor: Executor,
    /// Drives the timers of guests without granted folders; gone once the service is dropped.
    guest_runtime: Option<Runtime>,
    file_threads: Mutex<HashMap<ExtensionName, Arc<FileThreads>>>,
    running: Mutex<HashMap<u64, BegunCall>>,
    last_call: AtomicU64,
    pub(super) recorder: Arc<Recorder>,
    /// That something should be read again.
    reload_wanted: Notify,
    /// Counts what was served.
    changes: watch::Sender<u64>,
    /// The active generation, for those who want to hear of changes.
    activated: watch::Sender<Option<u64>>,
    started: Instant,
}

/// A call that someone asks for.
pub(super) struct CallRequest {
    /// The program on the bus that asks; none if the host itself does.
    pub caller: Option<String>,
    /// The name of an extension, if it is one.
    pub extension: String,
    pub options: CallOptions,
}

/// A call that was begun and has not ended.
struct BegunCall {
    name: ExtensionName,
    extension: Extension,
    canceller: Option<CallCanceller>,
    withdrawn: Option<Withdrawal>,
    /// Who waits for it on the bus.
    caller: Option<String>,
}

/// Forgets a call when it has ended, in whatever way.
struct BegunCallGuard<'a> {
    service: &'a Service,
    id: u64,
}

impl Service {
    /// A service that serves this, with as many threads for guests as there are processors.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub(super) fn start(serving: Serving, recorder: Arc<Recorder>) -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let guest_runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .thread_name("sesame-timers")
            .enable_all()
            .build()?;
        let generation = serving.set().and_then(|served| served.set.number());
        recorder.serves(None, &serving);
        let serving = Arc::new(RwLock::new(Arc::new(serving)));
        let served = serving.clone();
        let preempt = move || {
            if let Some(served) = served.read().set() {
                served.set.preempt();
            }
        };
        Ok(Self {
            serving,
            executor: Executor::start(processors, LIMITS, preempt)?,
            guest_runtime: Some(guest_runtime),
            file_threads: Mutex::default(),
            running: Mutex::default(),
            last_call: AtomicU64::new(0),
            recorder,
            reload_wanted: Notify::new(),
            changes: watch::Sender::new(0),
            activated: watch::Sender::new(generation),
            started: Instant::now(),
        })
    }

    /// What is served now.
    pub(super) fn serving(&self) -> SharedServing {
        self.serving.read().clone()
    }

    /// Hears of the active generation whenever it changes.
    pub(super) fn activations(&self) -> watch::Receiver<Option<u64>> {
        self.activated.subscribe()
    }

    /// Serves something else from the next call on. Calls that run go on with what they began with, except those that would have
    /// more than they may have now: they are ended.
    pub(super) fn serve(&self, serving: Serving) {
        let serving = Arc::new(serving);
        let before = std::mem::replace(&mut *self.serving.write(), serving.clone());
        self.withdraw(&serving);
        self.recorder.serves(Some(&before), &serving);
        self.changes.send_modify(|count| *count += 1);
        let current = |name: &ExtensionName| serving.set().is_some_and(|served| served.extensions.contains_key(name));
        self.file_threads.lock().retain(|name, _| current(name));
        let generation = serving.set().and_then(|served| served.set.number());
        if generation.is_some() {
            self.activated.send_if_modified(|known| std::mem::replace(known, generation) != generation);
        }
    }

    /// Calls a function of an active extension, in an instance of its own.
    ///
    /// # Errors
    /// Why there is no result.
    pub(super) async fn call(&self, call: CallRequest) -> Result<CallReport, CallFailure> {
        let (extension, function) = (call.extension.clone(), call.options.function.clone());
        let result = self.run(call).await;
        if let Err(Begun::No(failure)) = &result {
            self.recorder.refused(&extension, &function, &failure.fault.line());
        }
        result.map_err(|(Begun::No(failure) | Begun::Yes(failure))| failure)
    }

    async fn run(&self, CallRequest { caller, extension, options }: CallRequest) -> Result<CallReport, Begun> {
        let given = options.arguments.iter().map(String::len).sum();
        if given > MAX_ARGUMENTS {
            return Err(Refusal::ArgumentsTooLarge { given }.into());
        }
        let name: ExtensionName = extension.parse().map_err(|_| Refusal::NotAName(extension))?;
        let (id, loaded) = match self.begin(&name, caller.as_deref()) {
            Ok(begun) => begun,
            Err(failure) => {
                self.retry(&name).await.map_err(|()| failure)?;
                self.begin(&name, caller.as_deref())?
            }
        };
        let _guard = BegunCallGuard { service: self, id };
        let runtime = self.runtime(&name, &loaded).await?;
        let text = name.to_string();
        let call = async move { call_async(&loaded, &text, &options).await };
        let running = self
            .executor
            .run(&name.as_str().into(), &runtime, call)
            .map_err(|full| Refusal::queue_full(name.as_str(), full))?;
        let withdrawn = {
            let mut begun = self.running.lock();
            let begun = begun.get_mut(&id);
            begun.and_then(|begun| {
                begun.canceller = Some(running.canceller());
                begun.withdrawn.clone()
            })
        };
        if let Some(why) = withdrawn {
            return Err(Refusal::Withdrawn { extension: name.to_string(), why }.into());
        }
        match running.result().await {
            Some(result) => result.map_err(|error| Begun::Yes(error.into())),
            None => {
                let begun = self.running.lock();
                let withdrawn = begun.get(&id).and_then(|begun| begun.withdrawn.clone());
                let extension = name.to_string();
                Err(match withdrawn {
                    Some(why) => Refusal::Withdrawn { extension, why }.into(),
                    None => Begun::Yes(Refusal::Panicked { extension }.into()),
                })
            }
        }
    }

    /// Tries again to load an extension that could not be loaded: its code may have been compiled since. Serves it if that works.
    async fn retry(&self, name: &ExtensionName) -> Result<(), ()> {
        let serving = self.serving();
        let Serving::Set(served) = &*serving else { return Err(()) };
        if !matches!(served.extensions.get(name), Some(Err(_))) {
            return Err(());
        }
        let (served, name) = (served.clone(), name.clone());
        let loaded = tokio::task::spawn_blocking(move || served.set.load(&name).is_ok()).await;
        if !loaded.unwrap_or(false) {
            return Err(());
        }
        let mut changes = self.changes.subscribe();
        self.reload_wanted.notify_one();
        // The reload loads what was just loaded, so it takes no time; if it fails, the call is refused as before.
        let _ = tokio::time::timeout(RETRY, changes.changed()).await;
        Ok(())
    }

    /// Ends when the files that the host runs under should be read again, although none has changed.
    pub(super) async fn reload_wanted(&self) {
        self.reload_wanted.notified().await;
    }

    /// Finds an extension, and counts a call of it among those that run, so that it is not missed if something is withdrawn.
    fn begin(&self, name: &ExtensionName, caller: Option<&str>) -> Result<(u64, Extension), CallFailure> {
        let serving = self.serving.read();
        let extension = match &**serving {
            Serving::Refusing(fault) => return Err(fault.clone().into()),
            Serving::Set(served) => find(served, name)?,
        };
        let id = self.last_call.fetch_add(1, Ordering::Relaxed);
        let begun = BegunCall {
            name: name.clone(),
            extension: extension.clone(),
            canceller: None,
            withdrawn: None,
            caller: caller.map(str::to_owned),
        };
        self.running.lock().insert(id, begun);
        Ok((id, extension))
    }

    /// The runtime that drives an extension's timers and files.
    async fn runtime(&self, name: &ExtensionName, extension: &Extension) -> Result<Handle, Refusal> {
        if extension.settings().folders.is_empty() {
            return self.guest_runtime.as_ref().map(Runtime::handle).cloned().ok_or(Refusal::Ending);
        }
        let failed = |source| Refusal::NoThread { extension: name.to_string(), source };
        let threads = match self.file_threads.lock().entry(name.clone()) {
            Entry::Occupied(threads) => threads.get().clone(),
            Entry::Vacant(none) => none.insert(Arc::new(FileThreads::start().map_err(failed)?)).clone(),
        };
        if !threads.has_free_thread().await {
            return Err(Refusal::FilesStuck { extension: name.to_string() });
        }
        threads.handle().cloned().ok_or(Refusal::Ending)
    }

    /// Ends every call that has more than it may have now.
    fn withdraw(&self, serving: &Serving) {
        self.end_calls(|begun| serving.withdrawal(&begun.name, &begun.extension));
    }

    /// Ends every call of a program that has left the bus.
    pub(super) fn caller_gone(&self, caller: &str) {
        self.end_calls(|begun| (begun.caller.as_deref() == Some(caller)).then_some(Withdrawal::Caller));
    }

    fn end_calls(&self, why: impl Fn(&BegunCall) -> Option<Withdrawal>) {
        let mut cancelled = Vec::new();
        for begun in self.running.lock().values_mut().filter(|begun| begun.withdrawn.is_none()) {
            begun.withdrawn = why(begun);
            if begun.withdrawn.is_some() {
                cancelled.extend(begun.canceller.clone());
            }
        }
        for canceller in cancelled {
            canceller.cancel();
        }
    }

    /// Threads of an extension that wait for files although none of its calls runs.
    pub(super) fn stuck_threads(&self, name: &ExtensionName) -> usize {
        let is_running = self.running.lock().values().any(|begun| begun.name == *name);
        let threads = self.file_threads.lock().get(name).map_or(0, |threads| threads.in_use());
        if is_running { 0 } else { threads }
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

fn find(served: &ServedSet, name: &ExtensionName) -> Result<Extension, CallFailure> {
    match served.extensions.get(name) {
        Some(Ok(extension)) => Ok(extension.clone()),
        Some(Err(fault)) => Err(fault.clone().into()),
        None => Err(Error::not_active(name, served.set.profile(), served.set.extensions()).into()),
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.executor.end();
        if let Some(runtime) = self.guest_runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for BegunCallGuard<'_> {
    fn drop(&mut self) {
        self.service.running.lock().remove(&self.id);
    }
}

/// Whether a call that failed was begun.
enum Begun {
    Yes(CallFailure),
    No(CallFailure),
}

impl From<Refusal> for Begun {
    fn from(refusal: Refusal) -> Self {
        Self::No(refusal.into())
    }
}

impl From<CallFailure> for Begun {
    fn from(failure: CallFailure) -> Self {
        Self::No(failure)
    }
}
