//! Tests of the executor.

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
    assert!(times[50] < Duration::from_millis(125), "{:?}", times[50]);
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
