//! The compiler as the verbs use it: starts the [`worker`](super::worker), hands it components, and gives up on what takes
//! it too long.
//!
//! When a worker is lost that has worked on several components, nobody knows whose fault that was: each that it still has is
//! tried once more, alone, in a fresh one. What that one is lost with is to blame.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{RwLock, oneshot};

use super::context::Compiler as Settings;
use super::error::Error;
use super::frames::{Reply, Request, read_frame, write_frame};
use crate::engine::compile::CompileError;
use crate::engine::inspect::{InspectError, Interface};
use crate::host::linker::LinkError;
use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, Metering};
use crate::model::functions::FunctionCounts;
use crate::store::paths::StorePaths;

/// How long a worker may take to file what the function cache got.
const END: Duration = Duration::from_secs(60);

/// How long one look at a worker that ends is apart from the next, and how many there are before it is killed.
const ROUND: Duration = Duration::from_millis(5);
const ROUNDS_TO_END: u32 = 200;

/// How much of what a worker says at its end is read.
const LAST_WORDS: u64 = 16 << 10;

/// The component to compile, and the engine to do it for.
type Work = (Digest, EngineKey, Metering);

/// Looks at components and compiles them. No worker is started before the first, and none is left when this is dropped.
pub(super) struct Compiler {
    settings: Settings,
    paths: StorePaths,
    worker: Mutex<Option<Arc<Worker>>>,
    numbers: AtomicU64,
    /// Held for writing by whoever must be alone.
    turn: RwLock<()>,
}

/// What a component is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Examined {
    /// In bytes.
    pub size: u64,
    pub interface: Interface,
    /// Why it cannot be linked with this host, if so.
    pub unlinkable: Option<LinkError>,
    pub functions: FunctionCounts,
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Unusable {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("the compiler gave it up: {0}")]
    Panicked(String),
    #[error("the compiler takes longer than {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("the compiler takes more than {} MiB of memory", .0 >> 20)]
    Memory(u64),
    /// The process of the compiler is no more.
    #[error("the compiler ended: {0}")]
    Ended(String),
    /// The worker is another program than the one that asks.
    #[error("the compiler is of another version than this program")]
    OtherEngine,
}

impl Compiler {
    pub fn new(settings: &Settings, paths: &StorePaths) -> Self {
        let (worker, numbers, turn) = Default::default();
        Self { settings: settings.clone(), paths: paths.clone(), worker, numbers, turn }
    }

    /// Validates a component and reads its interface.
    ///
    /// # Errors
    /// [`Error::Unusable`] if it is none that can be used, or the compiler does not get through it.
    pub async fn inspect(&self, bytes: Vec<u8>) -> Result<Examined, Error> {
        Ok(self.ask(None, bytes).await?.0)
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
    ) -> Result<(Examined, Vec<u8>), Error> {
        self.ask(Some((component, engine.clone(), metering)), bytes).await
    }

    /// Ends the worker, if there is one, and gives its warnings.
    pub async fn end(&self) -> Vec<String> {
        let Some(worker) = self.worker().take() else { return Vec::new() };
        let (send, receive) = oneshot::channel();
        {
            let mut listeners = worker.listeners();
            if listeners.is_lost {
                return Vec::new();
            }
            listeners.ended = Some(send);
        }
        worker.send(Request::End, Arc::default());
        let ended = tokio::time::timeout(END, receive).await.ok().and_then(Result::ok);
        ended.unwrap_or_else(|| {
            vec!["compiled functions are not kept: the compiler ended without filing them".to_owned()]
        })
    }

    async fn ask(&self, compile: Option<Work>, bytes: Vec<u8>) -> Result<(Examined, Vec<u8>), Error> {
        let bytes = Arc::new(bytes);
        {
            let _beside_others = self.turn.read().await;
            match self.ask_once(&compile, &bytes).await? {
                Answer::Examined(examined, code) => return Ok((*examined?, code)),
                Answer::Lost { why, to_blame: true } => return Err(why.into()),
                Answer::Lost { to_blame: false, .. } => {}
            }
        }
        let _alone = self.turn.write().await;
        match self.ask_once(&compile, &bytes).await? {
            Answer::Examined(examined, code) => Ok((*examined?, code)),
            Answer::Lost { why, .. } => Err(why.into()),
        }
    }

    async fn ask_once(&self, compile: &Option<Work>, bytes: &Arc<Vec<u8>>) -> Result<Answer, Error> {
        let number = self.numbers.fetch_add(1, Relaxed);
        let (begun, has_begun) = oneshot::channel();
        let (send, receive) = oneshot::channel();
        let worker = self.listen(number, Listener { begun: Some(begun), answer: send, shared: false })?;
        worker.send(Request::Examine { number, compile: compile.clone() }, Arc::clone(bytes));
        // What is before it has its own time. Where the worker is lost first, that is the answer.
        if tokio::time::timeout(self.settings.timeout * 2, has_begun).await.is_err() {
            worker.kill();
            return Ok(Answer::Lost { why: Unusable::Timeout(self.settings.timeout), to_blame: false });
        }
        match tokio::time::timeout(self.settings.timeout, receive).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Error::Bug("a worker was lost without a word")),
            Err(_) => {
                let to_blame = worker.listeners().was_alone(number);
                worker.kill();
                Ok(Answer::Lost { why: Unusable::Timeout(self.settings.timeout), to_blame })
            }
        }
    }

    /// The worker that is to answer a request, a fresh one if there is none or it was lost.
    fn listen(&self, number: u64, listener: Listener) -> Result<Arc<Worker>, Error> {
        let mut current = self.worker();
        if let Some(worker) = current.as_ref() {
            // Whoever listens before a worker is marked as lost is told of it.
            let mut listeners = worker.listeners();
            if !listeners.is_lost {
                listeners.waiting.insert(number, listener);
                return Ok(Arc::clone(worker));
            }
        }
        let listeners = Listeners { waiting: HashMap::from([(number, listener)]), ..Listeners::default() };
        let worker = Arc::new(Worker::start(&self.settings, &self.paths, listeners)?);
        *current = Some(Arc::clone(&worker));
        Ok(worker)
    }

    fn worker(&self) -> MutexGuard<'_, Option<Arc<Worker>>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes of a request.
enum Answer {
    Examined(Result<Box<Examined>, Unusable>, Vec<u8>),
    /// The worker is no more; `to_blame` if that can only be this request's doing.
    Lost {
        why: Unusable,
        to_blame: bool,
    },
}

/// A process that was started. It is killed when this is dropped.
struct Worker {
    child: Arc<Mutex<Child>>,
    requests: Sender<(Request, Arc<Vec<u8>>)>,
    listeners: Arc<Mutex<Listeners>>,
}

#[derive(Default)]
struct Listeners {
    /// By the numbers of their requests.
    waiting: HashMap<u64, Listener>,
    ended: Option<oneshot::Sender<Vec<String>>>,
    /// Whether it has answered anything: what it holds since may be others' doing.
    has_answered: bool,
    is_lost: bool,
}

/// Who waits for the answer to a request.
struct Listener {
    /// Told when the worker begins with it; gone after that.
    begun: Option<oneshot::Sender<()>>,
    /// Whether the worker has worked on something else meanwhile.
    shared: bool,
    answer: oneshot::Sender<Answer>,
}

impl Listeners {
    /// The worker begins with a request.
    fn begin(&mut self, number: u64) {
        if let Some(begun) = self.waiting.get_mut(&number).and_then(|listener| listener.begun.take()) {
            let _ = begun.send(());
        }
        let mut running: Vec<&mut Listener> = self.waiting.values_mut().filter(|other| other.begun.is_none()).collect();
        if running.len() > 1 {
            running.iter_mut().for_each(|listener| listener.shared = true);
        }
    }

    /// Whether the worker works on this request, and has worked on no other meanwhile.
    fn was_alone(&self, number: u64) -> bool {
        self.waiting.get(&number).is_some_and(|listener| listener.begun.is_none() && !listener.shared)
    }
}

impl Worker {
    fn start(settings: &Settings, paths: &StorePaths, listeners: Listeners) -> Result<Self, Error> {
        let failed = |source| Error::NoCompiler { program: settings.program.clone(), source };
        let mut child = Command::new(&settings.program)
            .arg0("sesame")
            .args(&settings.arguments)
            // It needs nothing of the environment, and no signal that a terminal sends to us.
            .env_clear()
            .current_dir(Path::new("/"))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(words)) = streams else { return Err(Error::Bug("a worker has no pipes")) };
        let child = Arc::new(Mutex::new(child));
        let listeners = Arc::new(Mutex::new(listeners));
        let (say, said) = channel();
        let reader =
            Reader { child: child.clone(), listeners: listeners.clone(), words: said, memory: settings.memory };
        let (requests, receive) = channel();
        let worker = Self { child, requests, listeners };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("compiler output").spawn(move || reader.run(output)).map_err(failed)?;
        thread("compiler words").spawn(move || drop(say.send(last_words(words)))).map_err(failed)?;
        thread("compiler input").spawn(move || write_all(receive, input)).map_err(failed)?;
        let begin = Request::Begin {
            cache: paths.cache.clone().into(),
            state: paths.state.clone().into(),
            memory: settings.memory,
            functions: settings.functions,
        };
        worker.send(begin, Arc::default());
        Ok(worker)
    }

    /// Sends a request, in the background. That it does not arrive is noticed by the reader.
    fn send(&self, request: Request, payload: Arc<Vec<u8>>) {
        let _ = self.requests.send((request, payload));
    }

    fn kill(&self) {
        self.listeners().is_lost = true;
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

/// Writes requests, on a thread of its own, until there will be no more or nobody reads them.
fn write_all(requests: Receiver<(Request, Arc<Vec<u8>>)>, mut input: ChildStdin) {
    for (request, payload) in requests {
        if write_frame(&mut input, &request, &payload).is_err() {
            return;
        }
    }
}

/// Reads what a worker answers, on a thread of its own.
struct Reader {
    child: Arc<Mutex<Child>>,
    listeners: Arc<Mutex<Listeners>>,
    /// What it says on its standard error, once it is no more.
    words: Receiver<String>,
    memory: u64,
}

impl Reader {
    fn run(self, mut output: ChildStdout) {
        let mut misread = None;
        loop {
            let (reply, payload) = match read_frame::<Reply>(&mut output) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    misread = Some(error);
                    break;
                }
            };
            match reply {
                Reply::Begun { number } => self.listeners().begin(number),
                Reply::Examined { number, result } => {
                    let mut listeners = self.listeners();
                    listeners.has_answered = true;
                    let listener = listeners.waiting.remove(&number);
                    drop(listeners);
                    let answer = Answer::Examined(result.map(Box::new), payload);
                    let _ = listener.map(|listener| listener.answer.send(answer));
                }
                Reply::Ended { warnings } => {
                    let listener = self.listeners().ended.take();
                    let _ = listener.map(|listener| listener.send(warnings));
                }
            }
        }
        let status = self.ended(if misread.is_some() { 0 } else { ROUNDS_TO_END });
        let words = self.words.recv().unwrap_or_default();
        let why = match misread {
            Some(error) if words.is_empty() => Unusable::Ended(format!("what it answers cannot be read: {error}")),
            _ => why(status, &words, self.memory),
        };
        let mut listeners = self.listeners();
        listeners.is_lost = true;
        listeners.ended = None;
        let alone = |number: &&u64| listeners.was_alone(**number) && !listeners.has_answered;
        let to_blame = listeners.waiting.keys().find(alone).copied();
        for (number, listener) in listeners.waiting.drain() {
            let _ = listener.answer.send(Answer::Lost { why: why.clone(), to_blame: to_blame == Some(number) });
        }
    }

    /// How the worker ends, which has closed its output; it is killed if it does not.
    fn ended(&self, rounds: u32) -> Option<ExitStatus> {
        for _ in 0..rounds {
            if let Ok(Some(status)) = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait() {
                return Some(status);
            }
            std::thread::sleep(ROUND);
        }
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        child.wait().ok()
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a worker says on its standard error; nothing but its last words is expected there.
fn last_words(words: ChildStderr) -> String {
    let mut bytes = Vec::new();
    let mut words = words.take(LAST_WORDS);
    let _ = words.read_to_end(&mut bytes);
    let _ = std::io::copy(&mut words.into_inner(), &mut std::io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Why a worker is no more.
fn why(status: Option<ExitStatus>, words: &str, memory: u64) -> Unusable {
    if words.contains("memory allocation of") {
        return Unusable::Memory(memory);
    }
    let said = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let status = match status.map(|status| (status.signal(), status)) {
        Some((Some(signal), _)) => format!("signal {signal}"),
        Some((None, status)) => status.to_string(),
        None => "it cannot be told why".to_owned(),
    };
    Unusable::Ended(if said.is_empty() { status } else { format!("{status}, {said}") })
}
