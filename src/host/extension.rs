//! Extensions that can be called: loaded once, instantiated as often as wanted, each instance within its limits.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Val};
use wasmtime::{Engine, Store};

use crate::engine::config::{EngineError, engine};
use crate::model::authenticated_code::AuthenticatedCode;
use crate::model::engine_key::Metering;
use crate::model::fault::BoxError;
use crate::model::text::count;

use super::functions::{Exports, Function, FunctionNotFound, exports};
use super::grants::{ImportRefusal, refused_imports};
use super::limits::epoch_ticker::EpochTicker;
use super::limits::{MAX_HANDLES, MAX_HOSTCALL};
use super::linker::{LinkError, imports_wasi, linker};
use super::load::{CodePlacement, LoadError, load};
use super::observer::{CallEnd, ObservedCall};
use super::options::HostOptions;
use super::state::{ExtensionSettings, InstanceState, SharedState};
use super::termination::Termination;

/// The engines of a process, and what all its extensions share.
pub struct Host {
    unmetered: LazyEngine,
    metered: LazyEngine,
    options: HostOptions,
    /// How many calls were begun.
    calls: Arc<AtomicU64>,
}

/// An engine that is made when it is first needed.
#[derive(Default)]
struct LazyEngine(OnceLock<(Engine, Arc<EpochTicker>)>);

/// Why an extension cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("it imports what it is not granted, or what the host does not have")]
    Refused(Vec<ImportRefusal>),
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    NoFunction(#[from] FunctionNotFound),
    /// The function with its signature.
    #[error("`{function}` takes {wanted}, and {given} were given")]
    Arity { function: String, wanted: String, given: usize },
    /// A granted folder cannot be opened.
    #[error("what it is granted cannot be given to it")]
    Folder(#[source] BoxError),
    /// The guest was stopped, and its instance is gone.
    #[error("{0}")]
    Stopped(Termination),
    /// An earlier call was stopped.
    #[error("its instance is gone, since an earlier call was stopped")]
    Gone,
    #[error("no thread can be started to keep its time limit")]
    Thread(#[source] std::io::Error),
}

/// A loaded extension. Clones are the same extension.
#[derive(Clone)]
pub struct Extension(Arc<LoadedExtension>);

struct LoadedExtension {
    pre: InstancePre<InstanceState>,
    exports: Exports,
    shared: Arc<SharedState>,
    ticker: Arc<EpochTicker>,
}

/// An instance: the memory of one guest. After a trap or a limit it is of no more use.
pub struct Instance {
    extension: Extension,
    /// Gone while a call runs, and for ever once one was stopped.
    store: Option<Store<InstanceState>>,
    /// None before the guest's start has run.
    started: Option<wasmtime::component::Instance>,
}

impl Host {
    /// A host with these options. Makes no engine yet.
    pub fn new(options: HostOptions) -> Self {
        Self { unmetered: LazyEngine::default(), metered: LazyEngine::default(), options, calls: Arc::default() }
    }

    /// The engine for extensions with or without a limit of fuel.
    ///
    /// # Errors
    /// [`EngineError`] if wasmtime does not support this machine.
    pub fn engine(&self, metering: Metering) -> Result<&Engine, EngineError> {
        self.engine_and_ticker(metering).map(|(engine, _)| engine)
    }

    /// Checks and loads compiled code.
    ///
    /// # Errors
    /// [`HostError`] if this machine did not make it for this engine, or it imports what it is not granted.
    pub fn load(&self, code: &AuthenticatedCode, given: ExtensionSettings) -> Result<Extension, HostError> {
        self.load_with_placement(code, given).map(|(extension, _)| extension)
    }

    /// The same, and where the code is.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with_placement(
        &self,
        code: &AuthenticatedCode,
        given: ExtensionSettings,
    ) -> Result<(Extension, CodePlacement), HostError> {
        let (engine, ticker) = self.engine_and_ticker(given.limits.metering())?;
        let (component, residence) = load(engine, code)?;
        Ok((self.link(&component, given, ticker)?, residence))
    }

    /// The same code with other settings, without loading it again. Its limits must be metered as before.
    ///
    /// # Errors
    /// [`HostError`] if it imports what it is not granted.
    pub fn relink(&self, extension: &Extension, given: ExtensionSettings) -> Result<Extension, HostError> {
        self.link(extension.0.pre.component(), given, &extension.0.ticker)
    }

    fn link(
        &self,
        component: &Component,
        given: ExtensionSettings,
        ticker: &Arc<EpochTicker>,
    ) -> Result<Extension, HostError> {
        let engine = component.engine();
        let imports: Vec<String> = imports(component);
        let refusals = refused_imports(&imports, &given.capabilities);
        if !refusals.is_empty() {
            return Err(HostError::Refused(refusals));
        }
        let linked = linker(engine, &given.capabilities, imports_wasi(component))
            .and_then(|linker| linker.instantiate_pre(component));
        let pre = linked.map_err(|error| LinkError::Type(format!("{error:#}")))?;
        let shared = SharedState { settings: given, host: self.options.clone(), calls: self.calls.clone() };
        let exports = exports(component);
        Ok(Extension(Arc::new(LoadedExtension { pre, exports, shared: Arc::new(shared), ticker: ticker.clone() })))
    }

    /// Makes every guest yield that runs now, at its next function or loop.
    pub fn preempt(&self) {
        for (engine, _) in [&self.unmetered, &self.metered].into_iter().filter_map(|engine| engine.0.get()) {
            engine.increment_epoch();
        }
    }

    fn engine_and_ticker(&self, metering: Metering) -> Result<&(Engine, Arc<EpochTicker>), EngineError> {
        let ready = match metering {
            Metering::Unmetered => &self.unmetered,
            Metering::Metered => &self.metered,
        };
        if let Some(ready) = ready.0.get() {
            return Ok(ready);
        }
        let engine = engine(metering)?;
        let ticker = Arc::new(EpochTicker::new(&engine));
        Ok(ready.0.get_or_init(|| (engine, ticker)))
    }
}

impl Extension {
    /// What it is given.
    pub fn settings(&self) -> &ExtensionSettings {
        &self.0.shared.settings
    }

    /// What it exports.
    pub fn functions(&self) -> &[Function] {
        &self.0.exports.functions
    }

    /// The function of this name: `greet`, `counts.count` or `my-org:wordcount/counts.count`.
    ///
    /// # Errors
    /// [`FunctionNotFound`] with the nearest name.
    pub fn function(&self, name: &str) -> Result<&Function, FunctionNotFound> {
        self.0.exports.find(name)
    }

    /// Makes an instance, within the limits of one call.
    ///
    /// # Errors
    /// [`CallError::Stopped`] if the guest's start met a limit or trapped.
    pub async fn instantiate(&self) -> Result<Instance, CallError> {
        let mut instance = self.create_instance()?;
        instance.run_within_limits(None).await?;
        Ok(instance)
    }

    /// Calls a function in an instance of its own, both within the limits of one call.
    ///
    /// # Errors
    /// [`CallError`] as for [`Instance::call`].
    pub async fn call(&self, function: &str, arguments: &[Val]) -> Result<Option<Val>, CallError> {
        let function = self.function(function)?;
        check_arity(function, arguments)?;
        self.create_instance()?.run_within_limits(Some((function, arguments))).await
    }

    fn create_instance(&self) -> Result<Instance, CallError> {
        let state = InstanceState::new(&self.0.shared).map_err(|error| CallError::Folder(error.into()))?;
        let mut store = Store::new(self.0.pre.engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(MAX_HOSTCALL);
        store.set_max_component_handles(MAX_HANDLES);
        store.epoch_deadline_async_yield_and_update(1);
        Ok(Instance { extension: self.clone(), store: Some(store), started: None })
    }
}

impl Instance {
    /// Calls an exported function, within the limits of one call. What the guest keeps in its memory stays from one
    /// call to the next.
    ///
    /// # Errors
    /// [`CallError`]: the function or the number of arguments is wrong; or the guest was stopped, and then every later
    /// call gives [`CallError::Gone`]. An argument of another type than the function's counts as stopped.
    pub async fn call(&mut self, function: &str, arguments: &[Val]) -> Result<Option<Val>, CallError> {
        let extension = self.extension.clone();
        let function = extension.function(function)?;
        check_arity(function, arguments)?;
        self.run_within_limits(Some((function, arguments))).await
    }

    /// Runs the guest's start if it has not run, then the call, if there is one. The store is out of its place
    /// meanwhile: if the guest is stopped, or nobody waits for it any more, it is dropped.
    async fn run_within_limits(&mut self, call: Option<(&Function, &[Val])>) -> Result<Option<Val>, CallError> {
        let mut store = self.store.take().ok_or(CallError::Gone)?;
        let shared = &self.extension.0.shared;
        let limits = shared.settings.limits;
        let allowed = Duration::from_millis(limits.time_ms());
        let log = store.data().log.clone();
        store.set_epoch_deadline(1);
        if let Some(fuel) = limits.max_fuel {
            store.set_fuel(fuel).map_err(|error| CallError::Stopped(stopped(&error, &store)))?;
        }
        let ticking = self.extension.0.ticker.tick().map_err(CallError::Thread)?;
        store.data_mut().start_call();
        let function = call.map(|(function, _)| function.call_name.as_str());
        let observed = ObservedCall::begin(shared.host.observer.clone(), store.data().caller.clone(), function);
        let began = Instant::now();
        let run = run(&self.extension.0.pre, &mut store, &mut self.started, call);
        let ended = tokio::time::timeout(allowed, run).await;
        drop(ticking);
        log.end_call();
        let (caller, memory) = (store.data().caller.clone(), store.data().meter.bytes());
        let stop = match ended {
            Ok(Ok(result)) if began.elapsed() <= allowed => {
                let is_error = matches!(result, Some(Val::Result(Err(_))));
                observed.end(caller, if is_error { CallEnd::ReturnedError } else { CallEnd::Returned }, memory);
                self.store = Some(store);
                return Ok(result);
            }
            Ok(Err(error)) if began.elapsed() <= allowed => stopped(&error, &store),
            _ => Termination::time(&limits),
        };
        log.host_line(&format!("a call was stopped: {stop}"));
        observed.end(caller, CallEnd::Stopped(stop.clone()), memory);
        Err(CallError::Stopped(stop))
    }
}

/// Why a guest was stopped.
fn stopped(error: &wasmtime::Error, store: &Store<InstanceState>) -> Termination {
    let state = store.data();
    Termination::new(error, &state.shared.settings.limits, &state.meter)
}

/// What a component imports that is not types alone: see [`inspect`](crate::engine::inspect).
fn imports(component: &Component) -> Vec<String> {
    let engine = component.engine();
    let asks = |item: &ComponentItem| match item {
        ComponentItem::Type(_) => false,
        ComponentItem::ComponentInstance(instance) => {
            let mut exports = instance.exports(engine).peekable();
            exports.peek().is_none() || exports.any(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
        }
        _ => true,
    };
    let component_type = component.component_type();
    component_type.imports(engine).filter(|(_, item)| asks(&item.ty)).map(|(name, _)| name.to_owned()).collect()
}

async fn run(
    pre: &InstancePre<InstanceState>,
    store: &mut Store<InstanceState>,
    started: &mut Option<wasmtime::component::Instance>,
    call: Option<(&Function, &[Val])>,
) -> wasmtime::Result<Option<Val>> {
    let instance = match *started {
        Some(instance) => instance,
        None => *started.insert(pre.instantiate_async(&mut *store).await?),
    };
    let Some((function, arguments)) = call else { return Ok(None) };
    let Some(func) = instance.get_func(&mut *store, function.index) else {
        return Err(wasmtime::Error::msg("the function is not there"));
    };
    let mut results = vec![Val::Bool(false); usize::from(function.result().is_some())];
    func.call_async(store, arguments, &mut results).await?;
    Ok(results.pop())
}

fn check_arity(function: &Function, arguments: &[Val]) -> Result<(), CallError> {
    let (wanted, given) = (function.parameters().len(), arguments.len());
    if wanted == given {
        return Ok(());
    }
    Err(CallError::Arity { function: function.to_string(), wanted: count(wanted, "argument"), given })
}
