//! The threads that run guests, as many as the machine has processors. A thread polls one call until it waits for something, or
//! yields because the epoch has moved on; then it takes the call whose turn it is by then.
//!
//! Not tokio's scheduler: its order is that in which tasks woke up, so fifty calls of one extension would come before one of another.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::turns::Turns;

/// Extensions whose turns are remembered although they have nothing to run.
const REMEMBERED_EXTENSIONS: usize = 1_000;

/// Runs calls of extensions in turn. Clones are the same executor.
#[derive(Clone)]
pub(in crate::daemon) struct Executor(Arc<ExecutorState>);

struct ExecutorState {
    schedule: Mutex<Schedule>,
    changed: Condvar,
    /// Called when a call is ready and every thread is busy, so that one of them becomes free soon.
    preempt: Box<dyn Fn() + Send + Sync>,
    limits: QueueLimits,
}

/// How many calls may be begun and not ended, running or waiting.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct QueueLimits {
    pub of_one_extension: usize,
    pub of_all: usize,
}

struct Schedule {
    turns: Turns<u64>,
    tasks: HashMap<u64, Arc<Task>>,
    /// Begun and not ended, by extension.
    begun: HashMap<Arc<str>, usize>,
    last: u64,
    idle_threads: usize,
    ended: bool,
}

/// A call that is being run.
struct Task {
    id: u64,
    extension: Arc<str>,
    /// The runtime that the guest's timers and files use.
    runtime: Handle,
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    state: Mutex<TaskState>,
    executor: Executor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TaskState {
    /// Waits for something else than its turn.
    Waiting,
    /// Waits for its turn.
    Ready,
    Running,
    /// Runs, and was woken meanwhile.
    RunningAndWoken,
    Ended,
}

/// Why a call was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum QueueFull {
    /// The extension has as many calls as it may have.
    OfExtension(usize),
    OfAll(usize),
}

/// A call that was handed over. If it is dropped, the call is cancelled.
pub(in crate::daemon) struct RunningCall<T> {
    task: Arc<Task>,
    result: oneshot::Receiver<T>,
    ended: bool,
}

/// Ends a call from elsewhere.
#[derive(Clone)]
pub(in crate::daemon) struct CallCanceller(Arc<Task>);

impl Executor {
    /// Starts so many threads. `preempt` must make a running guest yield.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub(in crate::daemon) fn start(
        threads: usize,
        limits: QueueLimits,
        preempt: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let schedule = Schedule {
            turns: Turns::new(),
            tasks: HashMap::new(),
            begun: HashMap::new(),
            last: 0,
            idle_threads: 0,
            ended: false,
        };
        let executor = Self(Arc::new(ExecutorState {
            schedule: Mutex::new(schedule),
            changed: Condvar::new(),
            preempt: Box::new(preempt),
            limits,
        }));
        for number in 0..threads {
            let state = executor.0.clone();
            let spawned = thread::Builder::new().name(format!("sesame-guest-{number}")).spawn(move || state.work());
            if let Err(error) = spawned {
                executor.end();
                return Err(error);
            }
        }
        Ok(executor)
    }

    /// Begins a call of an extension. Whatever the guest waits for is driven by `runtime`.
    ///
    /// # Errors
    /// [`QueueFull`] if too many calls are running or waiting.
    pub(in crate::daemon) fn run<T: Send + 'static>(
        &self,
        extension: &Arc<str>,
        runtime: &Handle,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<RunningCall<T>, QueueFull> {
        let (sender, result) = oneshot::channel();
        let future = async move {
            // No one waits for it any more if this fails.
            let _ = sender.send(call.await);
        };
        let mut schedule = self.0.schedule.lock();
        let of_one = schedule.begun.get(extension).copied().unwrap_or_default();
        if of_one >= self.0.limits.of_one_extension {
            return Err(QueueFull::OfExtension(of_one));
        }
        if schedule.tasks.len() >= self.0.limits.of_all {
            return Err(QueueFull::OfAll(schedule.tasks.len()));
        }
        schedule.last += 1;
        let task = Arc::new(Task {
            id: schedule.last,
            extension: extension.clone(),
            runtime: runtime.clone(),
            future: Mutex::new(Some(Box::pin(future))),
            state: Mutex::new(TaskState::Ready),
            executor: self.clone(),
        });
        *schedule.begun.entry(extension.clone()).or_default() += 1;
        schedule.tasks.insert(task.id, task.clone());
        schedule.turns.add(extension, task.id);
        self.0.make_room(&schedule);
        Ok(RunningCall { task, result, ended: false })
    }

    /// Ends the threads once what they poll yields. Calls that were begun are not finished.
    pub(in crate::daemon) fn end(&self) {
        self.0.schedule.lock().ended = true;
        self.0.changed.notify_all();
        (self.0.preempt)();
    }
}

impl ExecutorState {
    /// What a thread does.
    fn work(&self) {
        let mut schedule = self.schedule.lock();
        while !schedule.ended {
            let Some(task) = schedule.turns.next().and_then(|id| schedule.tasks.get(&id).cloned()) else {
                schedule.idle_threads += 1;
                self.changed.wait(&mut schedule);
                schedule.idle_threads -= 1;
                continue;
            };
            *task.state.lock() = TaskState::Running;
            drop(schedule);
            let began = Instant::now();
            let ended = task.poll();
            let time = began.elapsed();
            schedule = self.schedule.lock();
            let mut state = task.state.lock();
            if ended || *state == TaskState::Ended {
                *state = TaskState::Ended;
                schedule.turns.ran(&task.extension, time);
                schedule.forget(&task);
                continue;
            }
            if *state == TaskState::RunningAndWoken {
                *state = TaskState::Ready;
                // Before the time is counted, so that it never looks as if it had rested.
                schedule.turns.add(&task.extension, task.id);
            } else {
                *state = TaskState::Waiting;
            }
            schedule.turns.ran(&task.extension, time);
        }
    }

    /// A call is ready: wakes a thread, or makes one yield.
    fn make_room(&self, schedule: &Schedule) {
        if schedule.idle_threads > 0 {
            self.changed.notify_one();
        } else {
            (self.preempt)();
        }
    }
}

impl Schedule {
    /// A call has ended.
    fn forget(&mut self, task: &Task) {
        if self.tasks.remove(&task.id).is_none() {
            return;
        }
        if let Some(begun) = self.begun.get_mut(&task.extension) {
            *begun -= 1;
            if *begun == 0 {
                self.begun.remove(&task.extension);
            }
        }
        self.turns.forget_idle(REMEMBERED_EXTENSIONS);
    }
}

impl Task {
    /// Runs it for one turn; says whether it has ended.
    fn poll(self: &Arc<Self>) -> bool {
        let _runtime = self.runtime.enter();
        let mut future = self.future.lock();
        let Some(polled) = future.as_mut() else { return true };
        let waker = Waker::from(self.clone());
        // A panic ends this call alone: its result never comes.
        let poll = catch_unwind(AssertUnwindSafe(|| polled.as_mut().poll(&mut Context::from_waker(&waker))));
        let ended = !matches!(poll, Ok(Poll::Pending)) || *self.state.lock() == TaskState::Ended;
        if ended {
            *future = None;
        }
        ended
    }

    /// Ends it, at once if it does not run, else when its turn is over.
    fn cancel(&self) {
        {
            let mut schedule = self.executor.0.schedule.lock();
            let before = std::mem::replace(&mut *self.state.lock(), TaskState::Ended);
            match before {
                TaskState::Ended => return,
                TaskState::Running | TaskState::RunningAndWoken => {
                    drop(schedule);
                    (self.executor.0.preempt)();
                    return;
                }
                TaskState::Ready => schedule.turns.remove(&self.extension, |id| *id == self.id),
                TaskState::Waiting => {}
            }
            schedule.forget(self);
        }
        let _runtime = self.runtime.enter();
        *self.future.lock() = None;
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut schedule = self.executor.0.schedule.lock();
        let mut state = self.state.lock();
        match *state {
            TaskState::Waiting => {
                *state = TaskState::Ready;
                schedule.turns.add(&self.extension, self.id);
                self.executor.0.make_room(&schedule);
            }
            TaskState::Running => *state = TaskState::RunningAndWoken,
            TaskState::Ready | TaskState::RunningAndWoken | TaskState::Ended => {}
        }
    }
}

impl<T> RunningCall<T> {
    pub(in crate::daemon) fn canceller(&self) -> CallCanceller {
        CallCanceller(self.task.clone())
    }

    /// The result; none if the call was cancelled, or its code has panicked.
    pub(in crate::daemon) async fn result(mut self) -> Option<T> {
        let result = (&mut self.result).await.ok();
        self.ended = result.is_some();
        result
    }
}

impl<T> Drop for RunningCall<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.task.cancel();
        }
    }
}

impl CallCanceller {
    pub(in crate::daemon) fn cancel(&self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests;
