//! The process of the compiling [`worker`](super::worker), as the one who started it sees it: requests go in, answers come to
//! whoever listens for them, and when it ends all that listen are told why.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::store::paths::StorePaths;

use super::error::CompilerError;
use super::inspection::{ComponentError, Inspection};
use super::protocol::{EndReport, Reply, Request, read_frame, write_frame};
use super::settings::CompilerSettings;

/// How long one look at a worker that ends is apart from the next, and how many there are before it is killed.
const ROUND: Duration = Duration::from_millis(5);
const ROUNDS_TO_END: u32 = 200;

/// The bytes from which a worker gets a block of memory from the kernel itself, and gives it back at once.
const LARGE_BLOCK: &str = "8388608";

/// How much of what a worker says at its end is read.
const LAST_WORDS: u64 = 16 << 10;

/// What comes of a request.
pub(crate) enum WorkerAnswer {
    Processed(Result<Box<Inspection>, ComponentError>, Vec<u8>),
    /// The worker is no more; `to_blame` if that can only be this request's doing.
    Lost {
        why: ComponentError,
        to_blame: bool,
    },
}

/// A worker. It is killed when this is dropped.
pub(crate) struct WorkerProcess {
    child: Arc<Mutex<Child>>,
    requests: Sender<(Request, Arc<Vec<u8>>)>,
    listeners: Arc<Mutex<PendingRequests>>,
}

#[derive(Default)]
struct PendingRequests {
    /// By the numbers of their requests.
    waiting: HashMap<u64, PendingRequest>,
    ended: Option<oneshot::Sender<EndReport>>,
    /// Whether it has answered anything: what it holds since may be others' doing.
    has_answered: bool,
    is_lost: bool,
}

/// Who waits for the answer to a request.
pub(crate) struct PendingRequest {
    /// Told when the worker begins with it; gone after that.
    begun: Option<oneshot::Sender<()>>,
    /// Whether the worker has worked on something else meanwhile.
    shared: bool,
    answer: oneshot::Sender<WorkerAnswer>,
}

impl PendingRequest {
    /// With where it will be told that the worker begins, and the answer.
    pub fn new() -> (Self, oneshot::Receiver<()>, oneshot::Receiver<WorkerAnswer>) {
        let ((begun, has_begun), (answer, receive)) = (oneshot::channel(), oneshot::channel());
        (Self { begun: Some(begun), shared: false, answer }, has_begun, receive)
    }
}

impl PendingRequests {
    /// The worker begins with a request.
    fn begin(&mut self, number: u64) {
        if let Some(begun) = self.waiting.get_mut(&number).and_then(|listener| listener.begun.take()) {
            let _ = begun.send(());
        }
        let mut running: Vec<&mut PendingRequest> =
            self.waiting.values_mut().filter(|other| other.begun.is_none()).collect();
        if running.len() > 1 {
            running.iter_mut().for_each(|listener| listener.shared = true);
        }
    }

    fn was_alone(&self, number: u64) -> bool {
        self.waiting.get(&number).is_some_and(|listener| listener.begun.is_none() && !listener.shared)
    }
}

impl WorkerProcess {
    /// Starts a worker, for one that listens already: a worker can end before anything is asked.
    ///
    /// # Errors
    /// [`CompilerError::NotStarted`] if that cannot be done.
    pub fn start(
        settings: &CompilerSettings,
        paths: &StorePaths,
        number: u64,
        listener: PendingRequest,
    ) -> Result<Self, CompilerError> {
        let failed = |source| CompilerError::NotStarted { program: settings.program.clone(), source };
        let mut child = Command::new(&settings.program)
            .arg0("sesame")
            .args(&settings.arguments)
            // It needs nothing of the environment, and no signal that a terminal sends to us.
            .env_clear()
            // Else glibc keeps more and more of the large blocks that were freed.
            .env("MALLOC_MMAP_THRESHOLD_", LARGE_BLOCK)
            .current_dir(Path::new("/"))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(words)) = streams else {
            return Err(CompilerError::Bug("a worker has no pipes"));
        };
        let child = Arc::new(Mutex::new(child));
        let listeners = PendingRequests { waiting: HashMap::from([(number, listener)]), ..PendingRequests::default() };
        let listeners = Arc::new(Mutex::new(listeners));
        let (say, said) = channel();
        let reader =
            ReplyReader { child: child.clone(), listeners: listeners.clone(), words: said, memory: settings.memory };
        let (requests, receive) = channel();
        let process = Self { child, requests, listeners };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("compiler output").spawn(move || reader.run(output)).map_err(failed)?;
        thread("compiler words").spawn(move || drop(say.send(last_words(words)))).map_err(failed)?;
        thread("compiler input").spawn(move || write_all(receive, input)).map_err(failed)?;
        let begin = Request::Configure {
            cache: paths.cache.clone().into(),
            state: paths.state.clone().into(),
            memory: settings.memory,
            functions: settings.function_cache,
        };
        process.send(begin, Arc::default());
        Ok(process)
    }

    /// Waits for the answer to a request that is to be sent; gives the listener back if the worker is lost.
    pub fn register(&self, number: u64, listener: PendingRequest) -> Result<(), PendingRequest> {
        let mut listeners = self.listeners();
        // Whoever listens before a worker is marked as lost is told of it.
        if listeners.is_lost {
            return Err(listener);
        }
        listeners.waiting.insert(number, listener);
        Ok(())
    }

    /// Asks the worker to file what the function cache got, and gives where its report will come; none if it is lost.
    pub fn end(&self) -> Option<oneshot::Receiver<EndReport>> {
        let (send, receive) = oneshot::channel();
        {
            let mut listeners = self.listeners();
            if listeners.is_lost {
                return None;
            }
            listeners.ended = Some(send);
        }
        self.send(Request::End, Arc::default());
        Some(receive)
    }

    /// Whether it works on this request, and has worked on no other meanwhile.
    pub fn was_alone(&self, number: u64) -> bool {
        self.listeners().was_alone(number)
    }

    /// Sends a request, in the background. That it does not arrive is noticed by the reader.
    pub fn send(&self, request: Request, payload: Arc<Vec<u8>>) {
        let _ = self.requests.send((request, payload));
    }

    pub fn kill(&self) {
        self.listeners().is_lost = true;
        let _ = self.child.lock().kill();
    }

    fn listeners(&self) -> MutexGuard<'_, PendingRequests> {
        self.listeners.lock()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.lock().wait();
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
struct ReplyReader {
    child: Arc<Mutex<Child>>,
    listeners: Arc<Mutex<PendingRequests>>,
    /// What it says on its standard error, once it is no more.
    words: Receiver<String>,
    memory: u64,
}

impl ReplyReader {
    fn run(self, mut output: ChildStdout) {
        let mut misread = None;
        loop {
            let (reply, payload) = match read_frame::<Reply>(&mut output) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => {
                    misread = Some(error);
                    break;
                }
            };
            match reply {
                Reply::Started { number } => self.listeners().begin(number),
                Reply::Processed { number, result } => {
                    let mut listeners = self.listeners();
                    listeners.has_answered = true;
                    let listener = listeners.waiting.remove(&number);
                    drop(listeners);
                    let answer = WorkerAnswer::Processed(result.map(Box::new), payload);
                    let _ = listener.map(|listener| listener.answer.send(answer));
                }
                Reply::Ended(report) => {
                    let listener = self.listeners().ended.take();
                    let _ = listener.map(|listener| listener.send(report));
                }
            }
        }
        let status = self.ended(if misread.is_some() { 0 } else { ROUNDS_TO_END });
        let words = self.words.recv().unwrap_or_default();
        let why = match misread {
            Some(error) if words.is_empty() => {
                ComponentError::Ended(format!("what it answers cannot be read: {error}"))
            }
            _ => exit_reason(status, &words, self.memory),
        };
        let mut listeners = self.listeners();
        listeners.is_lost = true;
        listeners.ended = None;
        let alone = |number: &&u64| listeners.was_alone(**number) && !listeners.has_answered;
        let to_blame = listeners.waiting.keys().find(alone).copied();
        for (number, listener) in listeners.waiting.drain() {
            let _ = listener.answer.send(WorkerAnswer::Lost { why: why.clone(), to_blame: to_blame == Some(number) });
        }
    }

    /// How the worker ends, which has closed its output; it is killed if it does not.
    fn ended(&self, rounds: u32) -> Option<ExitStatus> {
        for _ in 0..rounds {
            if let Ok(Some(status)) = self.child.lock().try_wait() {
                return Some(status);
            }
            std::thread::sleep(ROUND);
        }
        let mut child = self.child.lock();
        let _ = child.kill();
        child.wait().ok()
    }

    fn listeners(&self) -> MutexGuard<'_, PendingRequests> {
        self.listeners.lock()
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
fn exit_reason(status: Option<ExitStatus>, words: &str, memory: u64) -> ComponentError {
    if words.contains("memory allocation of") {
        return ComponentError::Memory(memory);
    }
    let said = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let status = match status.map(|status| (status.signal(), status)) {
        Some((Some(signal), _)) => format!("signal {signal}"),
        Some((None, status)) => status.to_string(),
        None => "it cannot be told why".to_owned(),
    };
    ComponentError::Ended(if said.is_empty() { status } else { format!("{status}, {said}") })
}
