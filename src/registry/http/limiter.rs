//! One host's queue: how many requests are under way, and until when nothing is asked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::registry::error::Error;

/// Requests at once to a host that speaks HTTP/1.1, where each needs a connection.
const NARROW: usize = 6;
/// Requests at once to a host that speaks HTTP/2, where they share one.
const WIDE: usize = 16;

/// The queue of one host.
#[derive(Debug)]
pub(crate) struct Gate {
    turns: Arc<Semaphore>,
    is_wide: AtomicBool,
    /// How often the host gave what it was asked for.
    successes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    paused_until: Option<Instant>,
    /// Why the host was given up, and after how many retries.
    dead: Option<(usize, Error)>,
}

/// The right to have one request under way.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Default for Gate {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(NARROW)),
            is_wide: AtomicBool::new(false),
            successes: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }
}

impl Gate {
    /// Waits for a turn, and for the end of a pause. For a request that would be sent again so often.
    ///
    /// # Errors
    /// Why the host was given up, if it was by somebody at least as patient.
    pub(crate) async fn enter(&self, retries: usize) -> Result<Turn, Error> {
        loop {
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let turn = turn.map_err(|_| Error::Transport("a queue was closed".to_owned()))?;
            let pause = {
                let state = self.lock();
                if let Some((_, error)) = state.dead.as_ref().filter(|(tried, _)| *tried >= retries) {
                    return Err(error.clone());
                }
                state.paused_until.filter(|until| *until > Instant::now())
            };
            match pause {
                None => return Ok(turn),
                Some(until) => {
                    drop(turn);
                    sleep_until(until).await;
                }
            }
        }
    }

    /// Nobody asks this host for so long.
    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(Some(until));
    }

    pub(crate) fn succeeded(&self) {
        self.successes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn successes(&self) -> u64 {
        self.successes.load(Ordering::Relaxed)
    }

    /// The host was tried again so often: whoever still waits for it, and would try no more often, gets the same error.
    pub(crate) fn give_up(&self, retries: usize, error: &Error) {
        let mut state = self.lock();
        if state.dead.as_ref().is_none_or(|(tried, _)| *tried < retries) {
            state.dead = Some((retries, error.clone()));
        }
    }

    /// The host speaks HTTP/2.
    pub(crate) fn widen(&self) {
        if !self.is_wide.swap(true, Ordering::Relaxed) {
            self.turns.add_permits(WIDE - NARROW);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn six_enter_and_sixteen_once_the_host_speaks_http_2() {
        let gate = Gate::default();
        let mut turns = Vec::new();
        while let Ok(Ok(turn)) = tokio::time::timeout(Duration::from_millis(20), gate.enter(5)).await {
            turns.push(turn);
        }
        assert_eq!(turns.len(), 6);
        gate.widen();
        gate.widen();
        while let Ok(Ok(turn)) = tokio::time::timeout(Duration::from_millis(20), gate.enter(5)).await {
            turns.push(turn);
        }
        assert_eq!(turns.len(), 16);
    }

    #[tokio::test]
    async fn a_pause_holds_everybody_and_ends() {
        let gate = Gate::default();
        gate.pause(Duration::from_millis(60));
        gate.pause(Duration::from_millis(1));
        let start = Instant::now();
        drop(gate.enter(5).await.unwrap());
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn a_host_that_was_given_up_is_not_tried_again() {
        let gate = Gate::default();
        gate.give_up(1, &Error::Unreachable { host: "x".into(), why: "refused".into() });
        assert!(matches!(gate.enter(1).await, Err(Error::Unreachable { .. })));
        assert!(gate.enter(5).await.is_ok(), "who is more patient tries it");
    }
}
