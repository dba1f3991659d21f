//! The heartbeat of running guests: while a call runs, a thread moves the engines' epoch on, so that even a guest that
//! never calls the host comes back to its timer.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// How often a running guest is interrupted, which bounds how late a limit of time is noticed.
const PERIOD: Duration = Duration::from_millis(10);

/// Ticks for one engine. The thread sleeps while no call runs, and ends with the ticker.
pub(crate) struct EpochTicker {
    engine: Engine,
    inner: Arc<TickerInner>,
}

struct TickerInner {
    state: Mutex<TickerState>,
    changed: Condvar,
}

#[derive(Default)]
struct TickerState {
    running: usize,
    started: bool,
    ended: bool,
}

/// Ticks until it is dropped.
pub(crate) struct EpochTickerGuard(Arc<TickerInner>);

impl EpochTicker {
    pub(crate) fn new(engine: &Engine) -> Self {
        let inner = Arc::new(TickerInner { state: Mutex::default(), changed: Condvar::new() });
        Self { engine: engine.clone(), inner }
    }

    /// Begins to tick, in a thread that the first call starts.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn tick(&self) -> std::io::Result<EpochTickerGuard> {
        let mut state = self.inner.state.lock();
        if !state.started {
            let (inner, engine) = (self.inner.clone(), self.engine.clone());
            thread::Builder::new().name("sesame-epoch".to_owned()).spawn(move || inner.run(&engine))?;
            state.started = true;
        }
        state.running += 1;
        self.inner.changed.notify_one();
        Ok(EpochTickerGuard(self.inner.clone()))
    }
}

impl TickerInner {
    fn run(&self, engine: &Engine) {
        let mut state = self.state.lock();
        while !state.ended {
            if state.running == 0 {
                self.changed.wait(&mut state);
            } else {
                self.changed.wait_for(&mut state, PERIOD);
                engine.increment_epoch();
            }
        }
    }
}

impl Drop for EpochTickerGuard {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        self.inner.state.lock().ended = true;
        self.inner.changed.notify_one();
    }
}
