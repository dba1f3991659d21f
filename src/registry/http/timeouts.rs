//! How long a request waits, and for what.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::clock::Clock;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// For the next byte.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait that a host may ask for.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For all tries of one request together, unless they bring something.
const RETRY_BUDGET: Duration = Duration::from_secs(300);
/// How often a request is sent again.
pub(crate) const RETRIES: usize = 5;
/// How often, where somebody waits for the answer or another source may have it.
pub(crate) const FEW_RETRIES: usize = 1;
/// The bytes that must come in each stretch of [`IDLE_TIMEOUT`]: 1 KiB a second.
pub(crate) const MIN_BYTES: u64 = 30 << 10;

/// The waits of a run, by its clock.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timeouts(Clock);

impl Timeouts {
    pub fn new(clock: Clock) -> Self {
        Self(clock)
    }

    pub(crate) fn connect(self) -> Duration {
        self.scaled(CONNECT)
    }

    pub(crate) fn idle(self) -> Duration {
        self.scaled(IDLE_TIMEOUT)
    }

    pub(crate) fn retry_budget(self) -> Duration {
        self.scaled(RETRY_BUDGET)
    }

    /// The waits between tries: a quarter of a second, doubled each time, and up to as much again by chance.
    pub(crate) fn backoff(self, retries: usize) -> ExponentialBackoff {
        let builder = ExponentialBuilder::default().with_min_delay(self.scaled(Duration::from_millis(250)));
        builder.with_max_delay(self.scaled(Duration::from_secs(8))).with_max_times(retries).with_jitter().build()
    }

    pub(crate) fn scaled(self, wait: Duration) -> Duration {
        self.0.scaled(wait)
    }
}
