//! Runs a plan: the one place where tokio (fetches) and rayon (hashing, writing) meet. It makes no choices.
//!
//! A step that fails stops only what depends on it. On an interrupt nothing new begins, fetches stop where they are for a
//! later run to go on, and the process that compiles is killed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use parking_lot::RwLock;
use tokio::sync::{Semaphore, oneshot};

use crate::compiler::client::Compiler;
use crate::compiler::inspection::Inspection;
use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, Metering};
use crate::model::fault::Fault;
use crate::model::function_cache::FunctionCounts;
use crate::model::name::ExtensionName;
use crate::model::plan::generation::ProfileHold;
use crate::model::plan::schedule::{Schedule, StepResult};
use crate::model::plan::step::{BlobDescriptor, BlobRole, FetchSource, StepKind};
use crate::model::plan::{Plan, StepId};
use crate::model::report::event::Event;
use crate::model::report::sync::StepOutcome;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::lock::LockError;
use crate::ops::error::project::ProjectError;
use crate::ops::project::files::{digest_of, read_file};
use crate::registry::source::selection::SourceSelector;
use crate::registry::source::{Sink, SinkClosed};
use crate::store::blobs::Blobs;
use crate::store::code::cwasm;
use crate::store::{self, generations, key};

use super::lock_verification::SyncTarget;
use super::staging_sink::StagingSink;

/// What the steps of a plan share.
pub(crate) struct ApplyContext<'a> {
    pub context: &'a Context,
    /// None if the plan fetches nothing.
    pub registry: Option<&'a SourceSelector>,
    pub blobs: &'a Blobs,
    /// What an `Activate` step makes live.
    pub target: Option<&'a Arc<SyncTarget>>,
    compiler: Compiler,
    /// What was found out about the components that were compiled.
    inspections: RefCell<BTreeMap<Digest, Inspection>>,
    /// Why there can be no compiled code.
    no_code_folder: RefCell<Option<Arc<store::Error>>>,
    /// How much of it was in the function cache.
    pub functions: RefCell<FunctionCounts>,
    /// Held by whatever writes to the store on another thread, so that nothing does after the run.
    writing: Arc<RwLock<()>>,
}

impl<'a> ApplyContext<'a> {
    pub fn new(
        context: &'a Context,
        registry: Option<&'a SourceSelector>,
        blobs: &'a Blobs,
        target: Option<&'a Arc<SyncTarget>>,
    ) -> Self {
        Self {
            context,
            registry,
            blobs,
            target,
            compiler: Compiler::new(&context.compiler, &context.paths),
            inspections: RefCell::default(),
            no_code_folder: RefCell::default(),
            functions: RefCell::default(),
            writing: Arc::default(),
        }
    }
}

/// Runs a plan and says how each step ended, in the plan's order.
pub(crate) fn apply(apply_context: &ApplyContext<'_>, plan: &Plan) -> Result<Vec<StepOutcome>, Error> {
    let context = apply_context.context;
    let engines = plan.steps().filter_map(|(_, step)| match &step.kind {
        StepKind::Compile { engine, .. } => Some(engine),
        _ => None,
    });
    let engines: BTreeSet<&EngineKey> = engines.collect();
    if !engines.is_empty() {
        // The compiling worker tags what it keeps with the key, and makes none itself.
        key::read_or_create(&context.paths)?;
        let prepared = cwasm::check_writable(&context.paths, engines);
        *apply_context.no_code_folder.borrow_mut() = prepared.err().map(Arc::new);
    }
    context.observer.notice(&Event::Started { plan });
    let mut outcomes = vec![StepOutcome::Interrupted; plan.len()];
    let run = context.block_on(async {
        run(apply_context, plan, &mut outcomes).await?;
        context.warn(&apply_context.compiler.end().await.unwrap_or_default().into_warnings());
        Ok(())
    });
    context.observer.notice(&Event::Ended);
    if matches!(run, Err(Error::Interrupted)) {
        drop(apply_context.writing.write());
    }
    match run {
        Ok(()) | Err(Error::Interrupted) => Ok(outcomes),
        Err(error) => Err(error),
    }
}

/// Runs a plan that is only to get something, and says for whom it could not be had, and why.
///
/// # Errors
/// [`Error::Interrupted`], and those of [`apply`].
pub(crate) fn apply_collecting_faults(
    apply_context: &ApplyContext<'_>,
    plan: &Plan,
) -> Result<Vec<(ExtensionName, Fault)>, Error> {
    let outcomes = apply(apply_context, plan)?;
    let mut faults = Vec::new();
    for ((_, step), outcome) in plan.steps().zip(outcomes) {
        match outcome {
            StepOutcome::Failed(fault) => {
                faults.extend(step.extensions.iter().map(|name| (name.clone(), fault.clone())));
            }
            StepOutcome::Interrupted => return Err(Error::Interrupted),
            _ => {}
        }
    }
    Ok(faults)
}

type FinishedStep = (StepId, Instant, Result<(), Error>);

async fn run(apply_context: &ApplyContext<'_>, plan: &Plan, outcomes: &mut [StepOutcome]) -> Result<(), Error> {
    let observer = &apply_context.context.observer;
    let fetches = Semaphore::new(apply_context.context.jobs.max(1));
    let cores = rayon::current_num_threads();
    let works = Semaphore::new(cores);
    let mut schedule = Schedule::new(plan, cores);
    let mut running: FuturesUnordered<Pin<Box<dyn Future<Output = FinishedStep> + '_>>> = FuturesUnordered::new();
    while !schedule.is_done() {
        for id in schedule.take_ready() {
            let lane = match plan.step(id).kind {
                StepKind::Fetch { .. } => Some(&fetches),
                // The schedule itself bounds these.
                StepKind::Compile { .. } => None,
                StepKind::Verify { .. }
                | StepKind::Activate { .. }
                | StepKind::Narrow { .. }
                | StepKind::Rollback { .. }
                | StepKind::Prune { .. } => Some(&works),
            };
            running.push(Box::pin(async move {
                let _turn = match lane {
                    Some(lane) => lane.acquire().await.ok(),
                    None => None,
                };
                apply_context.context.observer.notice(&Event::StepStarted { plan, step: id });
                let start = Instant::now();
                (id, start, step(apply_context, plan, id).await)
            }));
        }
        let Some((id, start, result)) = running.next().await else {
            return Err(Error::Bug("the schedule is stuck"));
        };
        let ended = match result {
            Ok(()) => {
                observer.notice(&Event::StepDone { plan, step: id, elapsed: start.elapsed() });
                outcomes[id.index()] = StepOutcome::Done;
                StepResult::Done
            }
            Err(error) => {
                let fault = error.fault();
                observer.notice(&Event::StepFailed { plan, step: id, message: &fault.line() });
                outcomes[id.index()] = StepOutcome::Failed(fault);
                StepResult::Failed
            }
        };
        for skipped in schedule.finish(id, ended) {
            outcomes[skipped.index()] = StepOutcome::Skipped;
        }
    }
    Ok(())
}

async fn step(apply_context: &ApplyContext<'_>, plan: &Plan, id: StepId) -> Result<(), Error> {
    let paths = &apply_context.context.paths;
    let kind = &plan.step(id).kind;
    match kind {
        StepKind::Fetch { blob, origin } => fetch(apply_context, plan, id, blob, origin).await,
        StepKind::Verify { blob } => {
            let (blobs, blob, turn) = (apply_context.blobs.clone(), *blob, apply_context.writing.clone());
            let interrupt = apply_context.context.interrupt.clone();
            in_background(move || {
                let _turn = turn.read();
                if interrupt.is_set() { Err(Error::Interrupted) } else { Ok(blobs.verify_and_store(&blob)?) }
            })
            .await
        }
        StepKind::Compile { component, engine, metering, .. } => {
            compile(apply_context, *component, engine, *metering).await
        }
        StepKind::Activate { profile, generation } | StepKind::Narrow { profile, generation } => {
            let target = apply_context.target.ok_or(Error::Bug("a plan without a target activates one"))?;
            let mut hold = ProfileHold::Free;
            if matches!(kind, StepKind::Narrow { .. }) {
                // A part of what is active was verified when it was activated, and a held set stays held.
                hold = generations::hold_of(paths, profile)?;
            } else {
                verify_target(apply_context, target).await?;
            }
            Ok(generations::activate(paths, *generation, &target.generation, hold)?)
        }
        StepKind::Rollback { profile, generation, hold } => {
            Ok(generations::switch(paths, profile, *generation, *hold)?)
        }
        StepKind::Prune { profile, generations } => {
            // One that is in use stays until a later run.
            generations.iter().try_for_each(|number| generations::remove(paths, profile, *number).map(drop))?;
            Ok(())
        }
    }
}

/// Stages the bytes of a blob.
async fn fetch(
    apply_context: &ApplyContext<'_>,
    plan: &Plan,
    id: StepId,
    blob: &BlobDescriptor,
    origin: &FetchSource,
) -> Result<(), Error> {
    let mut sink = StagingSink {
        staging: apply_context.blobs.stage(blob)?,
        context: apply_context.context,
        step: id,
        fault: None,
    };
    let there = sink.size();
    if there > 0 {
        apply_context.context.observer.notice(&Event::Received { step: id, bytes: there });
    }
    let registry = || apply_context.registry.ok_or(Error::Bug("a plan that fetches has no registries"));
    let fetched = match (origin, blob.role) {
        (FetchSource::Registry(reference), BlobRole::Component { size }) => {
            registry()?.blob(reference, blob.digest, size, &mut sink).await
        }
        (FetchSource::Registry(reference), BlobRole::Index | BlobRole::Manifest) => {
            let document = registry()?.document(reference, blob.digest).await;
            document.and_then(|document| Ok(sink.replace(&document.bytes)?))
        }
        (FetchSource::Path(path), _) => return copy(apply_context, plan, blob, path, sink),
    };
    if fetched.is_ok() {
        return Ok(());
    }
    // What came before a network failed is gone on with by a later run.
    if sink.size() == 0 {
        let _ = apply_context.blobs.discard(&blob.digest);
    }
    match (fetched, sink.fault) {
        (_, Some(fault)) => Err(fault.into()),
        (fetched, None) => Ok(fetched?),
    }
}

/// Stages the bytes of a file in the project.
fn copy(
    apply_context: &ApplyContext<'_>,
    plan: &Plan,
    blob: &BlobDescriptor,
    path: &str,
    mut sink: StagingSink<'_>,
) -> Result<(), Error> {
    let project = &apply_context.context.project;
    let file = project.component_path(path);
    let bytes = match read_file(&file, blob.role.limit() + 1)? {
        Some(bytes) if Digest::of(&bytes) == blob.digest => bytes,
        _ => {
            let name = plan.step(sink.step).extensions.first().cloned().ok_or(Error::Bug("a step is for nobody"))?;
            // Of a file that has grown not all was read.
            return Err(match digest_of(&file)? {
                Some(found) => Error::Lock(LockError::ChangedFile { name, expected: blob.digest, found }),
                None => Error::Project(ProjectError::MissingFile { name, place: project.shown_lock(), path: file }),
            });
        }
    };
    match (sink.replace(&bytes), sink.fault) {
        (Err(SinkClosed), Some(fault)) => Err(fault.into()),
        _ => Ok(()),
    }
}

/// Compiles a component of the store, and keeps its code.
async fn compile(
    apply_context: &ApplyContext<'_>,
    component: Digest,
    engine: &EngineKey,
    metering: Metering,
) -> Result<(), Error> {
    if let Some(source) = apply_context.no_code_folder.borrow().clone() {
        return Err(Error::NoCodeFolder { source });
    }
    let blobs = apply_context.blobs.clone();
    let bytes = in_background(move || Ok(blobs.read(component)?)).await?;
    let (inspection, code) = apply_context.compiler.compile(component, engine, metering, bytes).await?;
    *apply_context.functions.borrow_mut() += inspection.functions;
    apply_context.inspections.borrow_mut().insert(component, inspection);
    let (paths, engine) = (apply_context.context.paths.clone(), engine.clone());
    let (turn, interrupt) = (apply_context.writing.clone(), apply_context.context.interrupt.clone());
    in_background(move || {
        let _turn = turn.read();
        if interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        let key = key::read_or_create(&paths)?;
        Ok(cwasm::write(&paths, &key, &engine, &component, &code)?)
    })
    .await
}

/// Examines what is to be live and was not compiled just now, and holds all of it against the lock.
async fn verify_target(apply_context: &ApplyContext<'_>, target: &Arc<SyncTarget>) -> Result<(), Error> {
    let unseen: BTreeMap<Digest, &ExtensionName> = {
        let inspections = apply_context.inspections.borrow();
        let unseen = target.unconfirmed().filter(|(_, entry)| !inspections.contains_key(&entry.component));
        unseen.map(|(extension, entry)| (entry.component, &extension.name)).collect()
    };
    for (component, name) in unseen {
        let blobs = apply_context.blobs.clone();
        let bytes = in_background(move || Ok(blobs.read(component)?)).await?;
        let inspection =
            apply_context.compiler.inspect(bytes).await.map_err(|error| Error::from(error).of_extension(name))?;
        apply_context.inspections.borrow_mut().insert(component, inspection);
    }
    let (target, blobs, inspections) =
        (Arc::clone(target), apply_context.blobs.clone(), apply_context.inspections.take());
    let interrupt = apply_context.context.interrupt.clone();
    in_background(move || target.verify(&blobs, &inspections, &interrupt)).await
}

/// Runs a function on the rayon pool, off the thread that serves the network.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (send, receive) = oneshot::channel();
    rayon::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Bug("a step panicked")));
        let _ = send.send(result);
    });
    receive.await.unwrap_or(Err(Error::Bug("a worker ended without a result")))
}
