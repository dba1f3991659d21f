//! The retry policy: whether a request is sent again after a failure, and how long it waits before that. How often and how
//! long are numbers in [`timeouts`](super::timeouts); which failures another try may help is said in [`failure`](super::failure).

use std::time::Instant;

use backon::ExponentialBackoff;

use crate::model::fault::line;
use crate::model::report::event::Event;
use crate::registry::error::Error;

use super::endpoint::Endpoint;
use super::failure::{RequestFailure, RetryDecision};

/// The tries of one request.
pub(crate) struct RetryTimer<'a> {
    endpoint: &'a Endpoint,
    waits: ExponentialBackoff,
    number: usize,
    /// Since when nothing was got.
    since: Instant,
    /// How many requests the host had served by then.
    successes: u64,
}

impl<'a> RetryTimer<'a> {
    pub(crate) fn new(endpoint: &'a Endpoint) -> Self {
        let successes = endpoint.limiter.successes();
        Self {
            endpoint,
            waits: endpoint.timeouts().backoff(endpoint.retries),
            number: 0,
            since: Instant::now(),
            successes,
        }
    }

    /// Waits until the next try is due.
    ///
    /// # Errors
    /// The failure's own, where another try cannot help or there were enough.
    pub(crate) async fn wait_or_fail(&mut self, failure: RequestFailure) -> Result<(), Error> {
        let pause = match failure.retry {
            RetryDecision::Never => {
                if matches!(failure.error, Error::Busy { .. }) {
                    self.endpoint.limiter.give_up(usize::MAX, &failure.error);
                }
                return Err(failure.error);
            }
            RetryDecision::Soon => None,
            RetryDecision::After(pause) => Some(self.endpoint.timeouts().scaled(pause)),
        };
        let Some(backoff) = self.waits.next() else { return Err(self.give_up(failure.error)) };
        let wait = pause.unwrap_or_default().max(backoff);
        self.number += 1;
        if self.since.elapsed() + wait > self.endpoint.timeouts().retry_budget() {
            return Err(self.give_up(failure.error));
        }
        if pause.is_some() {
            self.endpoint.limiter.pause(wait);
        }
        let why = line(&failure.error);
        self.endpoint.observer.notice(&Event::Retrying {
            host: &self.endpoint.name,
            why: &why,
            wait,
            number: self.number,
            of: self.endpoint.retries,
        });
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Ends the tries; for everybody, if the fault is the host's and it has given nobody anything meanwhile.
    fn give_up(&self, error: Error) -> Error {
        let of_host =
            matches!(error, Error::Unreachable { .. } | Error::Token { .. } | Error::Status { status: 429, .. });
        if of_host && self.endpoint.limiter.successes() == self.successes {
            self.endpoint.limiter.give_up(self.endpoint.retries, &error);
        }
        error
    }
}
