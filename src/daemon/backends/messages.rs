//! `ipc-publish`: the signal `Message` of the host's object. It is a broadcast: every program of the session can receive it.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use zbus::object_server::SignalEmitter;

use crate::daemon::bus::interface::Extensions;
use crate::daemon::names::OBJECT_PATH;
use crate::host::backends::{Caller, IpcPublish};

use super::desktop::Desktop;
use super::health::{BackendProblem, IPC};
use super::rate::{Allowance, RateLimit};

/// The longest topic, in bytes.
const MAX_TOPIC: usize = 255;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = 1 << 20;
/// How many messages an extension may publish in a second.
const MAX_MESSAGES: u64 = 1_000;
/// How many bytes of them.
const MAX_BYTES: u64 = 8 << 20;

/// Publishes on the session bus.
pub(super) struct Messages {
    desktop: Desktop,
    messages: RateLimit,
    bytes: RateLimit,
}

impl Messages {
    pub(super) fn new(desktop: &Desktop) -> Self {
        let second = Duration::from_secs(1);
        let (messages, bytes) = (RateLimit::new(MAX_MESSAGES, second), RateLimit::new(MAX_BYTES, second));
        Self { desktop: desktop.clone(), messages, bytes }
    }

    fn check(&self, caller: &Caller, topic: &str, payload: &[u8]) -> Result<(), String> {
        if topic.is_empty() || topic.len() > MAX_TOPIC || topic.chars().any(char::is_control) {
            return Err(format!("a topic has 1 to {MAX_TOPIC} bytes and no control characters"));
        }
        if payload.len() > MAX_MESSAGE {
            return Err(format!("the message has {} bytes; at most {MAX_MESSAGE} are published", payload.len()));
        }
        let now = Instant::now();
        let taken = [
            self.messages.take(&caller.extension, 1, now),
            self.bytes.take(&caller.extension, payload.len() as u64, now),
        ];
        if taken != [Allowance::Allowed; 2] {
            return Err(format!(
                "at most {MAX_MESSAGES} messages and {} MiB are published in a second",
                MAX_BYTES >> 20
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl IpcPublish for Messages {
    async fn publish(&self, caller: &Caller, topic: &str, payload: &[u8]) -> Result<(), String> {
        self.check(caller, topic, payload)?;
        let (link, extension) = (self.desktop.link.clone(), caller.extension.clone());
        let (topic, payload) = (topic.to_owned(), payload.to_owned());
        let sending = async move {
            let connection = link.get().map_err(BackendProblem::new)?;
            let sent = match SignalEmitter::new(&connection, OBJECT_PATH) {
                Ok(emitter) => Extensions::message(&emitter, &extension, &topic, &payload).await,
                Err(error) => Err(error),
            };
            sent.map_err(|error| BackendProblem::new(format!("the session bus did not take it: {error}")))
        };
        self.desktop.run(IPC, sending).await
    }
}
