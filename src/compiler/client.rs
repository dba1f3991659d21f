//! The compiler as the verbs use it: starts the [`worker`](super::worker), hands it components, and gives up on what takes
//! it too long.
//!
//! When a worker is lost that has worked on several components, nobody knows whose fault that was: each that it still has is
//! tried once more, alone, in a fresh one. What that one is lost with is to blame.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::RwLock;

use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, Metering};
use crate::store::paths::StorePaths;

use super::error::CompilerError;
use super::inspection::{ComponentError, Inspection};
use super::process::{PendingRequest, WorkerAnswer, WorkerProcess};
use super::protocol::{EndReport, FunctionCacheProblem, Request};
use super::settings::CompilerSettings;

/// How long a worker may take to file what the function cache got.
const END: Duration = Duration::from_secs(60);

/// The component to compile, and the engine to do it for.
type CompileJob = (Digest, EngineKey, Metering);

/// Looks at components and compiles them. No worker is started before the first, and none is left when this is dropped.
pub(crate) struct Compiler {
    settings: CompilerSettings,
    paths: StorePaths,
    worker: Mutex<Option<Arc<WorkerProcess>>>,
    next_number: AtomicU64,
    /// Held for writing by whoever must be alone.
    turn: RwLock<()>,
}

impl Compiler {
    pub fn new(settings: &CompilerSettings, paths: &StorePaths) -> Self {
        Self {
            settings: settings.clone(),
            paths: paths.clone(),
            worker: Mutex::default(),
            next_number: AtomicU64::default(),
            turn: RwLock::default(),
        }
    }

    /// Validates a component and reads its interface.
    ///
    /// # Errors
    /// [`CompilerError::Component`] if it is none that can be used, or the compiler does not get through it.
    pub async fn inspect(&self, bytes: Vec<u8>) -> Result<Inspection, CompilerError> {
        Ok(self.process(None, bytes).await?.0)
    }

    /// Compiles a component, and says what it is.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub async fn compile(
        &self,
        component: Digest,
        engine: &EngineKey,
        metering: Metering,
        bytes: Vec<u8>,
    ) -> Result<(Inspection, Vec<u8>), CompilerError> {
        self.process(Some((component, engine.clone(), metering)), bytes).await
    }

    /// Ends the worker, and gives its report: none if there is no worker, or it was lost before.
    pub async fn end(&self) -> Option<EndReport> {
        // Dropping the last handle kills the worker, so this one is kept until it has reported.
        let worker = self.worker().take()?;
        let receive = worker.end()?;
        let why = match tokio::time::timeout(END, receive).await {
            Ok(Ok(report)) => return Some(report),
            Ok(Err(_)) => "ended without filing them".to_owned(),
            Err(_) => format!("took longer than {} s to file them", END.as_secs()),
        };
        let functions = vec![FunctionCacheProblem::NotKept(format!("the compiler {why}"))];
        Some(EndReport { functions, unconfined: None })
    }

    async fn process(
        &self,
        compile: Option<CompileJob>,
        bytes: Vec<u8>,
    ) -> Result<(Inspection, Vec<u8>), CompilerError> {
        let bytes = Arc::new(bytes);
        {
            let _beside_others = self.turn.read().await;
            match self.process_once(&compile, &bytes).await? {
                WorkerAnswer::Processed(inspection, code) => return Ok((*inspection?, code)),
                WorkerAnswer::Lost { why, to_blame: true } => return Err(why.into()),
                WorkerAnswer::Lost { to_blame: false, .. } => {}
            }
        }
        let _alone = self.turn.write().await;
        match self.process_once(&compile, &bytes).await? {
            WorkerAnswer::Processed(inspection, code) => Ok((*inspection?, code)),
            WorkerAnswer::Lost { why, .. } => Err(why.into()),
        }
    }

    async fn process_once(
        &self,
        compile: &Option<CompileJob>,
        bytes: &Arc<Vec<u8>>,
    ) -> Result<WorkerAnswer, CompilerError> {
        let number = self.next_number.fetch_add(1, Relaxed);
        let (listener, has_begun, receive) = PendingRequest::new();
        let worker = self.register(number, listener)?;
        worker.send(Request::Process { number, compile: compile.clone() }, Arc::clone(bytes));
        // What is before it has its own time. Where the worker is lost first, that is the answer.
        if tokio::time::timeout(self.settings.timeout * 2, has_begun).await.is_err() {
            worker.kill();
            return Ok(WorkerAnswer::Lost { why: ComponentError::Timeout(self.settings.timeout), to_blame: false });
        }
        match tokio::time::timeout(self.settings.timeout, receive).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(CompilerError::Bug("a worker was lost without a word")),
            Err(_) => {
                let to_blame = worker.was_alone(number);
                worker.kill();
                Ok(WorkerAnswer::Lost { why: ComponentError::Timeout(self.settings.timeout), to_blame })
            }
        }
    }

    /// The worker that is to answer a request, a fresh one if there is none or it was lost.
    fn register(&self, number: u64, mut listener: PendingRequest) -> Result<Arc<WorkerProcess>, CompilerError> {
        let mut current = self.worker();
        if let Some(worker) = current.as_ref() {
            match worker.register(number, listener) {
                Ok(()) => return Ok(Arc::clone(worker)),
                Err(back) => listener = back,
            }
        }
        let worker = Arc::new(WorkerProcess::start(&self.settings, &self.paths, number, listener)?);
        *current = Some(Arc::clone(&worker));
        Ok(worker)
    }

    fn worker(&self) -> MutexGuard<'_, Option<Arc<WorkerProcess>>> {
        self.worker.lock()
    }
}
