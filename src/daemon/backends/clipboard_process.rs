//! The process that holds the clipboard. It is apart from the host because the display's libraries read the environment of their
//! process, wait without end for a display that hangs, and do not always recover from one that was lost; and because what they
//! read from a display must not be read beside secrets.
//!
//! It is asked over its standard input, a socket: a line of JSON, then the text. It answers with a line of JSON. It ends when the
//! host does.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use arboard::{Clipboard, SetExtLinux as _};
use serde::{Deserialize, Serialize};

/// The hidden command that is this process.
pub const COMMAND: &str = "clipboard-process";

/// The environment variables that say where the display is.
pub const VARIABLES: [&str; 4] = ["WAYLAND_DISPLAY", "DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"];

/// The longest text, in bytes. An X server takes no more than 16 MiB at once, and never says that it did not.
pub const MAX_TEXT: usize = 8 << 20;

/// How long the display may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the host asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ClipboardRequest {
    pub id: u64,
    /// The bytes of the text that follows.
    pub length: usize,
    /// Whether managers of clipboards must not keep it.
    pub is_secret: bool,
    /// [`VARIABLES`] as they are to be.
    pub environment: BTreeMap<String, String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClipboardAnswer {
    pub id: u64,
    #[serde(default)]
    pub error: Option<String>,
    /// The process starts over, with another environment, and must be asked again.
    #[serde(default)]
    pub again: bool,
}

/// How the process goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Afterwards {
    /// The host has ended.
    End,
    /// The program must be started over in its place, with these of [`VARIABLES`] and without the others.
    StartOver(BTreeMap<String, String>),
}

/// Serves requests. `environment` is what the process has of [`VARIABLES`].
///
/// # Errors
/// If the socket cannot be used.
pub fn serve(socket: UnixStream, environment: &BTreeMap<String, String>) -> io::Result<Afterwards> {
    let mut answers = socket.try_clone()?;
    let mut requests = BufReader::with_capacity(1, socket);
    let display = Display::start()?;
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line)? == 0 {
            return Ok(Afterwards::End);
        }
        let request: ClipboardRequest = serde_json::from_str(&line)?;
        let mut text = vec![0; request.length.min(MAX_TEXT)];
        requests.read_exact(&mut text)?;
        let mut answer = ClipboardAnswer { id: request.id, error: None, again: false };
        if request.environment != *environment {
            answer.again = true;
        } else {
            let text = String::from_utf8(text).map_err(io::Error::other)?;
            answer.error = display.set(text, request.is_secret).err();
        }
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        answers.write_all(&line)?;
        // After an error nothing is known of the display's libraries.
        if answer.again || answer.error.is_some() {
            return Ok(Afterwards::StartOver(request.environment));
        }
    }
}

/// A thread that has the clipboard. It may hang.
struct Display {
    texts: mpsc::Sender<(String, bool)>,
    results: mpsc::Receiver<Result<(), String>>,
}

impl Display {
    fn start() -> io::Result<Self> {
        let (texts, todo) = mpsc::channel::<(String, bool)>();
        let (done, results) = mpsc::channel();
        thread::Builder::new().name("sesame-clipboard".to_owned()).spawn(move || {
            // While it lives, what it has set can be pasted.
            let mut clipboard = None;
            for (text, is_secret) in todo {
                if done.send(set(&mut clipboard, text, is_secret)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { texts, results })
    }

    fn set(&self, text: String, is_secret: bool) -> Result<(), String> {
        let failed = || "the clipboard's thread has ended".to_owned();
        self.texts.send((text, is_secret)).map_err(|_| failed())?;
        match self.results.recv_timeout(PATIENCE) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(format!("the display did not answer within {} s", PATIENCE.as_secs()))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(failed()),
        }
    }
}

/// Opens the clipboard if it is not open, and sets its text.
fn set(clipboard: &mut Option<Clipboard>, text: String, is_secret: bool) -> Result<(), String> {
    let words = |error: arboard::Error| match error {
        arboard::Error::Unknown { description } => description,
        error => error.to_string(),
    };
    let open = match clipboard {
        Some(open) => open,
        None => clipboard.insert(Clipboard::new().map_err(words)?),
    };
    let set = open.set();
    let set = if is_secret { set.exclude_from_history() } else { set };
    set.text(text).map_err(words)
}
