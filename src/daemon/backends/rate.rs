//! How often an extension may do something: so much in each stretch of time, counted for each extension by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Extensions that are remembered. What is forgotten begins anew.
const REMEMBERED: usize = 1_000;

/// A bound for each extension.
pub(super) struct RateLimit {
    most: u64,
    per: Duration,
    stretches: Mutex<HashMap<Arc<str>, (Instant, u64)>>,
}

/// Whether something may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    Allowed,
    /// It is the first that is refused in this stretch.
    FirstRefused,
    Refused,
}

impl RateLimit {
    pub(super) fn new(most: u64, per: Duration) -> Self {
        Self { most, per, stretches: Mutex::default() }
    }

    /// Takes `amount` of what an extension has left at this moment.
    pub(super) fn take(&self, extension: &Arc<str>, amount: u64, now: Instant) -> Allowance {
        let mut stretches = self.stretches.lock();
        if stretches.len() > REMEMBERED {
            stretches.retain(|_, (began, _)| now.duration_since(*began) < self.per);
        }
        let stretch = stretches.entry(extension.clone()).or_insert((now, 0));
        if now.duration_since(stretch.0) >= self.per {
            *stretch = (now, 0);
        }
        let before = stretch.1;
        stretch.1 = before.saturating_add(amount);
        match (before <= self.most, stretch.1 <= self.most) {
            (_, true) => Allowance::Allowed,
            (true, false) => Allowance::FirstRefused,
            (false, false) => Allowance::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_extension_has_its_own_and_the_first_refusal_is_told_from_the_others() {
        let limit = RateLimit::new(2, Duration::from_secs(60));
        let (a, b) = ("a".into(), "b".into());
        let began = Instant::now();
        let took: Vec<_> = (0..5).map(|_| limit.take(&a, 1, began)).collect();
        use Allowance::{Allowed, FirstRefused, Refused};
        assert_eq!(took, [Allowed, Allowed, FirstRefused, Refused, Refused]);
        assert_eq!(limit.take(&b, 1, began), Allowed);
        assert_eq!(limit.take(&b, u64::MAX, began), FirstRefused);
        let later = began + Duration::from_secs(60);
        assert_eq!(limit.take(&a, 2, later), Allowed);
        assert_eq!(limit.take(&a, 1, later), FirstRefused);
    }
}
