//! What a guest writes: its `log` calls, standard output and standard error, as lines of one log.
//!
//! Lines are escaped and cut; what a call writes beyond its allowance is dropped, and the log says so once.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::model::text::escape;

use super::backends::{Caller, LogBackend, LogSource};

/// How much of a line is kept, in bytes.
pub const MAX_LINE: usize = 4 << 10;
/// How much a call may write, in bytes; each line counts for [`LINE_COST`] more than its text.
pub const MAX_CALL: usize = 256 << 10;
/// What time and place of a line take.
pub const LINE_COST: usize = 64;

/// The log of one instance. Clones write to the same log.
#[derive(Clone)]
pub(crate) struct GuestLog(Arc<GuestLogInner>);

struct GuestLogInner {
    log: Option<Arc<dyn LogBackend>>,
    state: Mutex<OutputState>,
}

struct OutputState {
    caller: Caller,
    /// What this call has written so far.
    written: usize,
    dropping: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl GuestLog {
    pub(crate) fn new(caller: Caller, log: Option<Arc<dyn LogBackend>>) -> Self {
        let state = OutputState { caller, written: 0, dropping: false, stdout: Vec::new(), stderr: Vec::new() };
        Self(Arc::new(GuestLogInner { log, state: Mutex::new(state) }))
    }

    /// From now on it is this call that writes.
    pub(crate) fn set_caller(&self, caller: &Caller) {
        self.state().caller = caller.clone();
    }

    /// A new call begins, with a new allowance.
    pub(crate) fn start_call(&self, caller: &Caller) {
        let mut state = self.state();
        state.caller = caller.clone();
        state.written = 0;
        state.dropping = false;
    }

    /// A call has ended: what stands in half a line is written.
    pub(crate) fn end_call(&self) {
        let (stdout, stderr) = {
            let mut state = self.state();
            (std::mem::take(&mut state.stdout), std::mem::take(&mut state.stderr))
        };
        for (source, rest) in [(LogSource::Stdout, stdout), (LogSource::Stderr, stderr)] {
            if !rest.is_empty() {
                self.line(source, &String::from_utf8_lossy(&rest));
            }
        }
    }

    /// Writes a message, one line for each of its lines.
    pub(crate) fn message(&self, source: LogSource, text: &str) {
        for line in text.lines() {
            self.line(source, line);
            if self.state().dropping {
                return;
            }
        }
    }

    /// Writes what the host has to say of the guest.
    pub(crate) fn host_line(&self, text: &str) {
        self.line(LogSource::Host, text);
    }

    fn line(&self, source: LogSource, text: &str) {
        let Some(log) = &self.0.log else { return };
        let (caller, dropping) = {
            let mut state = self.state();
            if state.dropping {
                return;
            }
            state.written = state.written.saturating_add(text.len().min(MAX_LINE) + LINE_COST);
            state.dropping = state.written > MAX_CALL;
            (state.caller.clone(), state.dropping)
        };
        if dropping {
            let text = format!("the rest of this call's output is dropped: it wrote more than {} KiB", MAX_CALL >> 10);
            log.line(&caller, LogSource::Host, &text);
        } else {
            log.line(&caller, source, &shorten(text));
        }
    }

    /// Takes bytes of a stream, and writes every line that they end.
    fn append(&self, source: LogSource, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let mut line = self.swap(source, Vec::new());
            extend(&mut line, &bytes[..end]);
            let text = String::from_utf8_lossy(&line);
            self.line(source, text.strip_suffix('\r').unwrap_or(&text));
            bytes = &bytes[end + 1..];
        }
        let mut rest = self.swap(source, Vec::new());
        extend(&mut rest, bytes);
        self.swap(source, rest);
    }

    fn swap(&self, source: LogSource, new: Vec<u8>) -> Vec<u8> {
        let mut state = self.state();
        let buffer = if source == LogSource::Stdout { &mut state.stdout } else { &mut state.stderr };
        std::mem::replace(buffer, new)
    }

    fn state(&self) -> parking_lot::MutexGuard<'_, OutputState> {
        self.0.state.lock()
    }
}

/// Adds bytes to a line, of which more than [`MAX_LINE`] are not kept.
fn extend(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = (MAX_LINE + 1).saturating_sub(line.len());
    line.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// The beginning of a line, escaped. It is cut first: escapes are several times as long as what they stand for.
fn shorten(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LINE {
        return escape(text);
    }
    let end = (0..=MAX_LINE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    Cow::Owned(format!("{}…", escape(&text[..end])))
}

/// A guest's standard output or standard error.
#[derive(Clone)]
pub(crate) struct Stream {
    pub log: GuestLog,
    pub source: LogSource,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.append(self.source, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.log.append(self.source, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use crate::model::digest::Digest;

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl LogBackend for Kept {
        fn line(&self, caller: &Caller, source: LogSource, text: &str) {
            self.0.lock().push(format!("{} {source} {text}", caller.extension));
        }
    }

    fn caller() -> Caller {
        Caller { extension: "a".into(), component: Digest::of(b"a"), call: 1, has_read_secret: false }
    }

    fn log() -> (GuestLog, Arc<Kept>) {
        let kept = Arc::new(Kept::default());
        (GuestLog::new(caller(), Some(kept.clone())), kept)
    }

    #[test]
    fn streams_become_lines_whatever_their_pieces() {
        let (log, kept) = log();
        for piece in ["one\ntw", "o\r\n", "", "\u{1b}[2Jthree\n\nhalf"] {
            log.append(LogSource::Stdout, piece.as_bytes());
        }
        log.append(LogSource::Stderr, b"other\n");
        log.end_call();
        let expected = [
            "a stdout one",
            "a stdout two",
            "a stdout \\u{1b}[2Jthree",
            "a stdout ",
            "a stderr other",
            "a stdout half",
        ];
        assert_eq!(*kept.0.lock(), expected);
    }

    #[test]
    fn long_lines_are_cut_and_a_flood_is_dropped_with_one_word() {
        let (log, kept) = log();
        log.message(LogSource::Info, &"é".repeat(MAX_LINE));
        let first = kept.0.lock()[0].clone();
        assert!(first.ends_with("é…") && first.len() < MAX_LINE + 20, "{}", first.len());
        for _ in 0..100_000 {
            log.message(LogSource::Info, "flood");
        }
        let lines = kept.0.lock().clone();
        assert!(lines.iter().map(String::len).sum::<usize>() < 4 * MAX_CALL);
        assert_eq!(lines.iter().filter(|line| line.contains("is dropped")).count(), 1);
        log.start_call(&caller());
        log.message(LogSource::Warn, "again");
        assert_eq!(kept.0.lock().last().unwrap(), "a warn again");
    }
}
