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
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const LIMITS: QueueLimits = QueueLimits { of_one_extension: 60, of_all: 100 };

    /// An executor whose guests yield when they are asked to, and a runtime beside it.
    struct Machine {
        executor: Executor,
        runtime: tokio::runtime::Runtime,
        /// Turns to other values when a guest must yield.
        epoch: Arc<AtomicUsize>,
        stopped: Arc<AtomicBool>,
    }

    impl Machine {
        fn new(threads: usize) -> Self {
            let epoch = Arc::new(AtomicUsize::new(0));
            let moved = epoch.clone();
            let preempt = move || {
                moved.fetch_add(1, Ordering::SeqCst);
            };
            let executor = Executor::start(threads, LIMITS, preempt).unwrap();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            Self { executor, runtime, epoch, stopped: Arc::default() }
        }

        /// A guest that never ends by itself.
        fn spin(&self, extension: &str) -> RunningCall<()> {
            let (epoch, stopped) = (self.epoch.clone(), self.stopped.clone());
            let guest = async move {
                while !stopped.load(Ordering::SeqCst) {
                    let began = (epoch.load(Ordering::SeqCst), Instant::now());
                    while epoch.load(Ordering::SeqCst) == began.0 && began.1.elapsed() < Duration::from_millis(10) {
                        std::hint::spin_loop();
                    }
                    tokio::task::yield_now().await;
                }
            };
            self.executor.run(&extension.into(), self.runtime.handle(), guest).unwrap()
        }

        fn call<T: Send + 'static>(
            &self,
            extension: &str,
            call: impl Future<Output = T> + Send + 'static,
        ) -> Result<RunningCall<T>, QueueFull> {
            self.executor.run(&extension.into(), self.runtime.handle(), call)
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            self.stopped.store(true, Ordering::SeqCst);
            self.executor.end();
        }
    }

    #[test]
    fn a_call_beside_spinning_guests_runs_at_once() {
        let machine = Machine::new(2);
        let spinning: Vec<_> = (0..50).map(|_| machine.spin("evil")).collect();
        let mut times: Vec<Duration> = (0..100)
            .map(|_| {
                let began = Instant::now();
                let call = machine.call("good", async { 7 }).unwrap();
                assert_eq!(machine.runtime.block_on(call.result()), Some(7));
                began.elapsed()
            })
            .collect();
        times.sort();
        // Fifty slices on two threads would be 250 ms.
        assert!(times[50] < Duration::from_millis(50), "{:?}", times[50]);
        drop(spinning);
    }

    #[test]
    fn guests_sleep_by_the_runtime_of_their_extension_and_panics_end_one_call() {
        let machine = Machine::new(1);
        let sleeping = machine.call("a", async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            std::thread::current().name().map(str::to_owned)
        });
        let panicking = machine.call("a", async {
            if true {
                panic!("a guest's thread panics, which is not printed")
            }
        });
        assert_eq!(machine.runtime.block_on(panicking.unwrap().result()), None);
        assert_eq!(machine.runtime.block_on(sleeping.unwrap().result()), Some(Some("sesame-guest-0".to_owned())));
    }

    #[test]
    fn a_queue_that_is_full_refuses_and_takes_calls_again_later() {
        let machine = Machine::new(1);
        let mut calls: Vec<_> = (0..60).map(|_| machine.spin("a")).collect();
        let refused = |extension: &str| machine.call(extension, async {}).err();
        assert_eq!(refused("a"), Some(QueueFull::OfExtension(60)));
        calls.extend((0..40).map(|_| machine.spin("b")));
        assert_eq!(refused("c"), Some(QueueFull::OfAll(100)));
        drop(calls);
        // One may still be running its turn.
        let began = Instant::now();
        while machine.call("a", async {}).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_cancelled_call_is_dropped_whatever_it_does() {
        struct Dropped(Arc<AtomicUsize>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let machine = Machine::new(1);
        let dropped = Arc::new(AtomicUsize::new(0));
        let spinning = machine.spin("a");
        let guard = Dropped(dropped.clone());
        let ready = machine.call("a", async move { drop(guard) }).unwrap();
        let guard = Dropped(dropped.clone());
        let waiting = machine
            .call("b", async move {
                std::future::pending::<()>().await;
                drop(guard);
            })
            .unwrap();
        std::thread::sleep(Duration::from_millis(50));
        waiting.canceller().cancel();
        waiting.canceller().cancel();
        assert_eq!(machine.runtime.block_on(waiting.result()), None);
        drop(ready);
        drop(spinning);
        let began = Instant::now();
        while dropped.load(Ordering::SeqCst) < 2 || !machine.executor.0.schedule.lock().tasks.is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
    }
}
