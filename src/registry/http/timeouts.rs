//! How long a request waits, and for what. Tests shorten all of it in proportion, and so see every wait without waiting.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// For the next byte.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// The longest wait that a host may ask for.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For all tries of one request together, unless they bring something.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a request is sent again.
pub(crate) const RETRIES: usize = 5;
/// How often, where somebody waits for the answer or another source may have it.
pub(crate) const FEW_RETRIES: usize = 1;
/// The bytes that must come in each stretch of [`SILENCE`]: 1 KiB a second.
pub(crate) const LEAST: u64 = 30 << 10;

/// What every wait is multiplied with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeouts(f64);

impl Default for Timeouts {
    fn default() -> Self {
        Self(1.0)
    }
}

impl Timeouts {
    /// The timeouts of tests: 0.01 makes a minute 0.6 s. Any other number than a factor below 1 changes nothing.
    pub fn of_tests(factor: f64) -> Self {
        if factor > 0.0 && factor <= 1.0 { Self(factor) } else { Self::default() }
    }

    pub(crate) fn connect(self) -> Duration {
        self.of(CONNECT)
    }

    pub(crate) fn silence(self) -> Duration {
        self.of(SILENCE)
    }

    pub(crate) fn patience(self) -> Duration {
        self.of(PATIENCE)
    }

    /// The waits between tries: a quarter of a second, doubled each time, and up to as much again by chance.
    pub(crate) fn backoff(self, retries: usize) -> ExponentialBackoff {
        let builder = ExponentialBuilder::default().with_min_delay(self.of(Duration::from_millis(250)));
        builder.with_max_delay(self.of(Duration::from_secs(8))).with_max_times(retries).with_jitter().build()
    }

    pub(crate) fn of(self, wait: Duration) -> Duration {
        wait.mul_f64(self.0)
    }
}
