//! The body of a request that sends something: taken as fast as the host takes it, given up when it takes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, RequestBuilder, Response};

use crate::registry::http::timeouts::Timeouts;

/// How much is handed over at once, in bytes.
const PIECE: usize = 64 << 10;

/// Bytes to send.
#[derive(Debug, Clone)]
pub(crate) struct Upload(pub Bytes);

impl Upload {
    /// Sends a request with them. `None` if for too long nothing was taken and nothing answered.
    pub(crate) async fn send(&self, builder: RequestBuilder, timeouts: Timeouts) -> Option<reqwest::Result<Response>> {
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let bytes = self.0.clone();
        let pieces = (0..self.0.len()).step_by(PIECE).map(move |start| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<Bytes, std::io::Error>(bytes.slice(start..bytes.len().min(start + PIECE)))
        });
        let body = Body::wrap_stream(stream::iter(pieces));
        let sending = builder.header(CONTENT_LENGTH, self.0.len()).body(body).send();
        tokio::pin!(sending);
        let mut seen = 0;
        loop {
            tokio::select! {
                answer = &mut sending => return Some(answer),
                () = tokio::time::sleep(timeouts.idle()) => {
                    let now = taken.load(Ordering::Relaxed);
                    if now == seen {
                        return None;
                    }
                    seen = now;
                }
            }
        }
    }
}
