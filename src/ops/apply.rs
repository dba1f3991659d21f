//! Runs a plan: the one place where tokio (fetches) and rayon (hashing, compiling) meet. It makes no choices.
//!
//! A step that fails stops only what depends on it. On an interrupt nothing new begins, fetches stop where they are for a
//! later run to go on, and code that is still being compiled is thrown away.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, oneshot};
use wasmtime::Engine;

use super::context::{Context, Interrupt};
use super::error::Error;
use super::project::read_file;
use super::target::Target;
use crate::engine::compile::compile;
use crate::engine::config::engine;
use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, Metering};
use crate::model::event::Event;
use crate::model::plan::{Action, Blob, Origin, Plan, Role, StepId};
use crate::model::report::StepOutcome;
use crate::model::schedule::{Outcome, Schedule};
use crate::registry::mirror::Registry;
use crate::registry::source::{Sink, Stopped};
use crate::store::blobs::{Blobs, Staging};
use crate::store::key::{self, Key};
use crate::store::paths::StorePaths;
use crate::store::{self, cwasm, generations};

/// What the steps of a plan work on.
pub(super) struct Workshop<'a> {
    pub context: &'a Context,
    pub registry: &'a Registry,
    pub blobs: &'a Blobs,
    /// What an `Activate` step makes live.
    pub target: Option<&'a Arc<Target>>,
    /// Held by each running `Verify` step, so that none of them outlives the run.
    verifying: Arc<RwLock<()>>,
}

impl<'a> Workshop<'a> {
    pub fn new(
        context: &'a Context,
        registry: &'a Registry,
        blobs: &'a Blobs,
        target: Option<&'a Arc<Target>>,
    ) -> Self {
        Self { context, registry, blobs, target, verifying: Arc::default() }
    }
}

/// Runs a plan and says how each step ended, in the plan's order.
pub(super) fn apply(workshop: &Workshop<'_>, plan: &Plan) -> Result<Vec<StepOutcome>, Error> {
    let context = workshop.context;
    context.observer.notice(&Event::Started { plan });
    let compiler = Compiler::for_plan(&context.paths, plan)?;
    let mut outcomes = vec![StepOutcome::Interrupted; plan.len()];
    let run = context.block_on(run(workshop, &compiler, plan, &mut outcomes));
    context.observer.notice(&Event::Ended);
    if matches!(run, Err(Error::Interrupted)) {
        drop(workshop.verifying.write());
    }
    match run {
        Ok(()) | Err(Error::Interrupted) => Ok(outcomes),
        Err(error) => Err(error),
    }
}

type Ending = (StepId, Instant, Result<(), Error>);

async fn run(
    workshop: &Workshop<'_>,
    compiler: &Compiler,
    plan: &Plan,
    outcomes: &mut [StepOutcome],
) -> Result<(), Error> {
    let observer = &workshop.context.observer;
    let fetches = Semaphore::new(workshop.context.jobs.max(1));
    let works = Semaphore::new(rayon::current_num_threads());
    let mut schedule = Schedule::new(plan);
    let mut running: FuturesUnordered<Pin<Box<dyn Future<Output = Ending> + '_>>> = FuturesUnordered::new();
    while !schedule.is_done() {
        for id in schedule.take_ready() {
            let lane = if matches!(plan.step(id).action, Action::Fetch { .. }) { &fetches } else { &works };
            running.push(Box::pin(async move {
                let _turn = lane.acquire().await;
                workshop.context.observer.notice(&Event::StepStarted { plan, step: id });
                let start = Instant::now();
                (id, start, step(workshop, compiler, plan, id).await)
            }));
        }
        let Some((id, start, result)) = running.next().await else {
            return Err(Error::Bug("the schedule is stuck"));
        };
        let ended = match result {
            Ok(()) => {
                observer.notice(&Event::StepDone { plan, step: id, elapsed: start.elapsed() });
                outcomes[id.index()] = StepOutcome::Done;
                Outcome::Done
            }
            Err(error) => {
                let fault = error.fault();
                observer.notice(&Event::StepFailed { plan, step: id, message: &fault.message });
                outcomes[id.index()] = StepOutcome::Failed(fault);
                Outcome::Failed
            }
        };
        for skipped in schedule.finish(id, ended) {
            outcomes[skipped.index()] = StepOutcome::Skipped;
        }
    }
    Ok(())
}

async fn step(workshop: &Workshop<'_>, compiler: &Compiler, plan: &Plan, id: StepId) -> Result<(), Error> {
    let paths = &workshop.context.paths;
    match &plan.step(id).action {
        Action::Fetch { blob, origin } => fetch(workshop, plan, id, blob, origin).await,
        Action::Verify { blob } => {
            let (blobs, blob, turn) = (workshop.blobs.clone(), *blob, workshop.verifying.clone());
            let interrupt = workshop.context.interrupt.clone();
            in_background(move || {
                let _turn = turn.read();
                if interrupt.is_set() { Err(Error::Interrupted) } else { Ok(blobs.admit(&blob)?) }
            })
            .await
        }
        Action::Compile { component, engine, metering, .. } => {
            let job = compiler.job(workshop, *component, engine.clone(), *metering)?;
            in_background(move || job.run()).await
        }
        Action::Activate { generation, .. } => {
            let target = workshop.target.ok_or(Error::Bug("a plan without a target activates one"))?;
            let (held, blobs) = (Arc::clone(target), workshop.blobs.clone());
            let interrupt = workshop.context.interrupt.clone();
            in_background(move || held.confirm(&blobs, &interrupt)).await?;
            Ok(generations::activate(paths, *generation, &target.generation)?)
        }
        Action::Prune { profile, generations } => {
            for number in generations {
                generations::remove(paths, profile, *number)?;
            }
            Ok(())
        }
    }
}

/// Stages the bytes of a blob.
async fn fetch(workshop: &Workshop<'_>, plan: &Plan, id: StepId, blob: &Blob, origin: &Origin) -> Result<(), Error> {
    let mut sink =
        StagingSink { staging: workshop.blobs.stage(blob)?, context: workshop.context, step: id, fault: None };
    let there = sink.size();
    if there > 0 {
        workshop.context.observer.notice(&Event::Received { step: id, bytes: there });
    }
    let fetched = match (origin, blob.role) {
        (Origin::Registry(reference), Role::Component { size }) => {
            workshop.registry.blob(reference, blob.digest, size, &mut sink).await
        }
        (Origin::Registry(reference), Role::Index | Role::Manifest) => {
            let document = workshop.registry.document(reference, blob.digest).await;
            document.and_then(|document| Ok(sink.replace(&document.bytes)?))
        }
        (Origin::Path(path), _) => return copy(workshop, plan, id, blob, path, sink),
    };
    if fetched.is_ok() {
        return Ok(());
    }
    // What came before a network failed is gone on with by a later run.
    if sink.size() == 0 {
        let _ = workshop.blobs.discard(&blob.digest);
    }
    match (fetched, sink.fault) {
        (_, Some(fault)) => Err(fault.into()),
        (fetched, None) => Ok(fetched?),
    }
}

/// Stages the bytes of a file in the project.
fn copy(
    workshop: &Workshop<'_>,
    plan: &Plan,
    id: StepId,
    blob: &Blob,
    path: &str,
    mut sink: StagingSink<'_>,
) -> Result<(), Error> {
    let path = workshop.context.project.component(path);
    let bytes = read_file(&path, blob.role.limit() + 1)?.unwrap_or_default();
    let found = Digest::of(&bytes);
    if found != blob.digest
        && let Some(name) = plan.step(id).extensions.first()
    {
        return Err(Error::ChangedFile { name: name.clone(), expected: blob.digest, found });
    }
    match (sink.replace(&bytes), sink.fault) {
        (Err(Stopped), Some(fault)) => Err(fault.into()),
        _ => Ok(()),
    }
}

/// Passes what is fetched on to its place on the disk.
struct StagingSink<'a> {
    staging: Staging,
    context: &'a Context,
    step: StepId,
    fault: Option<store::Error>,
}

impl StagingSink<'_> {
    /// Takes the whole of a blob, whatever is there.
    fn replace(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        if self.size() > 0 {
            self.restart()?;
        }
        self.write(bytes)
    }
}

impl Sink for StagingSink<'_> {
    fn size(&self) -> u64 {
        self.staging.size()
    }

    fn digest(&self) -> Digest {
        self.staging.digest()
    }

    fn restart(&mut self) -> Result<(), Stopped> {
        self.context.observer.notice(&Event::Restarted { step: self.step });
        self.staging.restart().map_err(|fault| {
            self.fault = Some(fault);
            Stopped
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.staging.write(bytes).map_err(|fault| {
            self.fault = Some(fault);
            Stopped
        })?;
        self.context.observer.notice(&Event::Received { step: self.step, bytes: bytes.len() as u64 });
        Ok(())
    }
}

/// The engines and the key that a plan's compile steps need.
struct Compiler {
    engines: BTreeMap<Metering, Engine>,
    key: Option<Arc<Key>>,
}

/// One component to compile.
struct Job {
    paths: StorePaths,
    blobs: Blobs,
    key: Arc<Key>,
    wasmtime: Engine,
    engine: EngineKey,
    component: Digest,
    interrupt: Interrupt,
}

impl Compiler {
    fn for_plan(paths: &StorePaths, plan: &Plan) -> Result<Self, Error> {
        let mut compiler = Self { engines: BTreeMap::new(), key: None };
        for (_, step) in plan.steps() {
            if let Action::Compile { metering, .. } = step.action
                && !compiler.engines.contains_key(&metering)
            {
                compiler.engines.insert(metering, engine(metering)?);
                compiler.key = Some(Arc::new(key::read_or_create(paths)?));
            }
        }
        Ok(compiler)
    }

    fn job(
        &self,
        workshop: &Workshop<'_>,
        component: Digest,
        engine: EngineKey,
        metering: Metering,
    ) -> Result<Job, Error> {
        let (Some(wasmtime), Some(key)) = (self.engines.get(&metering), &self.key) else {
            return Err(Error::Bug("a plan compiles for an engine that was not made"));
        };
        Ok(Job {
            paths: workshop.context.paths.clone(),
            blobs: workshop.blobs.clone(),
            key: Arc::clone(key),
            wasmtime: wasmtime.clone(),
            engine,
            component,
            interrupt: workshop.context.interrupt.clone(),
        })
    }
}

impl Job {
    fn run(self) -> Result<(), Error> {
        let bytes = self.blobs.read(self.component)?;
        let code = compile(&self.wasmtime, &bytes)?;
        if self.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        Ok(cwasm::write(&self.paths, &self.key, &self.engine, &self.component, &code)?)
    }
}

/// Runs a function on the rayon pool, off the thread that serves the network.
async fn in_background(work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    let (send, receive) = oneshot::channel();
    rayon::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Bug("a step panicked")));
        let _ = send.send(result);
    });
    receive.await.unwrap_or(Err(Error::Bug("a worker ended without a result")))
}
