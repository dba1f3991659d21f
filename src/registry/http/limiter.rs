//! One host's queue: how many requests are under way, and until when nothing is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::registry::error::Error;

/// Requests at once to a host that speaks HTTP/1.1, where each needs a connection.
const HTTP1_REQUESTS: usize = 6;
/// Requests at once to a host that speaks HTTP/2, where they share one.
const HTTP2_REQUESTS: usize = 16;

/// The queue of one host.
#[derive(Debug)]
pub(crate) struct Limiter {
    permits: Arc<Semaphore>,
    is_wide: AtomicBool,
    /// How often the host gave what it was asked for.
    successes: AtomicU64,
    state: Mutex<LimiterState>,
}

#[derive(Debug, Default)]
struct LimiterState {
    paused_until: Option<Instant>,
    /// Why the host was given up, and after how many retries.
    given_up: Option<(usize, Error)>,
}

/// The right to have one request under way.
pub(crate) type Permit = OwnedSemaphorePermit;

impl Default for Limiter {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(HTTP1_REQUESTS)),
            is_wide: AtomicBool::new(false),
            successes: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }
}

impl Limiter {
    /// Waits for a permit, and for the end of a pause. For a request that would be sent again so often.
    ///
    /// # Errors
    /// Why the host was given up, if it was by somebody at least as patient.
    pub(crate) async fn enter(&self, retries: usize) -> Result<Permit, Error> {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            let permit = permit.expect("the semaphore is never closed");
            let pause = {
                let state = self.lock();
                if let Some((_, error)) = state.given_up.as_ref().filter(|(tried, _)| *tried >= retries) {
                    return Err(error.clone());
                }
                state.paused_until.filter(|until| *until > Instant::now())
            };
            match pause {
                None => return Ok(permit),
                Some(until) => {
                    drop(permit);
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
        if state.given_up.as_ref().is_none_or(|(tried, _)| *tried < retries) {
            state.given_up = Some((retries, error.clone()));
        }
    }

    /// The host speaks HTTP/2.
    pub(crate) fn allow_http2_requests(&self) {
        if !self.is_wide.swap(true, Ordering::Relaxed) {
            self.permits.add_permits(HTTP2_REQUESTS - HTTP1_REQUESTS);
        }
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, LimiterState> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::error::NetworkFault;

    #[tokio::test]
    async fn six_enter_and_sixteen_once_the_host_speaks_http_2() {
        let limiter = Limiter::default();
        let mut permits = Vec::new();
        while let Ok(Ok(permit)) = tokio::time::timeout(Duration::from_millis(20), limiter.enter(5)).await {
            permits.push(permit);
        }
        assert_eq!(permits.len(), 6);
        limiter.allow_http2_requests();
        limiter.allow_http2_requests();
        while let Ok(Ok(permit)) = tokio::time::timeout(Duration::from_millis(20), limiter.enter(5)).await {
            permits.push(permit);
        }
        assert_eq!(permits.len(), 16);
    }

    #[tokio::test]
    async fn a_pause_holds_everybody_and_ends() {
        let limiter = Limiter::default();
        limiter.pause(Duration::from_millis(60));
        limiter.pause(Duration::from_millis(1));
        let start = Instant::now();
        drop(limiter.enter(5).await.unwrap());
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn a_host_that_was_given_up_is_not_tried_again() {
        let limiter = Limiter::default();
        limiter.give_up(1, &Error::Unreachable { host: "x".into(), source: NetworkFault::Slow });
        assert!(matches!(limiter.enter(1).await, Err(Error::Unreachable { .. })));
        assert!(limiter.enter(5).await.is_ok(), "who is more patient tries it");
    }
}
