//! Reads the body of an answer: never past its limit, and not from a host that has fallen silent or only drips.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, timeout};

use crate::model::reference::source_name::SourceName;
use crate::registry::error::{Error, NetworkFault};

use super::failure::RequestFailure;
use super::limiter::Permit;
use super::timeouts::{MIN_BYTES, Timeouts};
use super::transport::idle_timeout_error;

/// A body under way. It holds its host's permit, if it came with one, until it is dropped.
pub(crate) struct Body {
    pub response: Response,
    host: String,
    timeouts: Timeouts,
    /// Since when bytes are counted, and how many came.
    window: (Instant, u64),
    _permit: Option<Permit>,
}

impl Body {
    pub(crate) fn new(response: Response, host: &str, timeouts: Timeouts, permit: Option<Permit>) -> Self {
        Self { response, host: host.to_owned(), timeouts, window: (Instant::now(), 0), _permit: permit }
    }

    /// The next bytes; none at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, RequestFailure> {
        let silence = self.timeouts.idle();
        let chunk = match timeout(silence, self.response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => {
                return Err(self.broken_off(NetworkFault::Failed { error: Arc::new(error.without_url()) }));
            }
            Err(_) => return Err(RequestFailure::transient(idle_timeout_error(&self.host))),
        };
        let (since, bytes) = self.window;
        let bytes = bytes + chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if since.elapsed() < silence {
            self.window = (since, bytes);
        } else if bytes < MIN_BYTES && chunk.is_some() {
            return Err(self.broken_off(NetworkFault::Slow));
        } else {
            self.window = (Instant::now(), 0);
        }
        Ok(chunk)
    }

    /// The whole of a body that has at most `limit` bytes.
    pub(crate) async fn read(mut self, limit: u64, what: &str) -> Result<Vec<u8>, RequestFailure> {
        let host = self.host.clone();
        let too_long =
            || Error::TooLong { source_name: SourceName::Registry(host.clone()), what: what.to_owned(), limit };
        if self.response.content_length().is_some_and(|length| length > limit) {
            return Err(too_long().into());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_long().into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The failure of a body that ended too early.
    pub(crate) fn broken_off(&self, source: NetworkFault) -> RequestFailure {
        RequestFailure::transient(Error::BrokenOff { host: self.host.clone(), source })
    }
}
