//! The clock of a run. Tests set it ahead and shorten its waits, in builds that have the feature `test-clock`; others have the
//! system's clock and nothing else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What time it is, and how long a wait takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    #[cfg(feature = "test-clock")]
    ahead: Duration,
    #[cfg(feature = "test-clock")]
    pace: f64,
}

impl Clock {
    /// The system's clock.
    pub const SYSTEM: Self = Self {
        #[cfg(feature = "test-clock")]
        ahead: Duration::ZERO,
        #[cfg(feature = "test-clock")]
        pace: 1.0,
    };

    /// A clock that is so far ahead, and whose waits take only a part of their time: 0.01 makes a minute 0.6 s. Any other
    /// number than a factor of at most 1 changes nothing.
    #[cfg(feature = "test-clock")]
    pub fn of_tests(ahead: Duration, pace: f64) -> Self {
        Self { ahead, pace: if pace > 0.0 && pace <= 1.0 { pace } else { 1.0 } }
    }

    pub(crate) fn now(self) -> SystemTime {
        #[cfg(feature = "test-clock")]
        return SystemTime::now() + self.ahead;
        #[cfg(not(feature = "test-clock"))]
        SystemTime::now()
    }

    /// Milliseconds since 1970.
    pub fn now_ms(self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long a wait takes.
    pub(crate) fn scaled(self, wait: Duration) -> Duration {
        #[cfg(feature = "test-clock")]
        return wait.mul_f64(self.pace);
        #[cfg(not(feature = "test-clock"))]
        wait
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::SYSTEM
    }
}
