//! Hands texts to the process that holds the clipboard, with the display that the session has by now.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use zbus::proxy::CacheProperties;

use crate::daemon::backends::clipboard_process::{COMMAND, ClipboardAnswer, ClipboardRequest, VARIABLES};
use crate::daemon::backends::health::BackendProblem;
use crate::daemon::bus::link::BusLink;
use crate::daemon::bus::systemd::SystemdManagerProxy;

/// How long the process may take for one request: the display may take 2 s.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is asked again because it has started over.
const TRIES: usize = 3;

/// The process that holds the clipboard. Its text lives as long as it does, and it as long as the host.
pub(in crate::daemon) struct Clipboard {
    /// [`VARIABLES`] of the host itself.
    environment: BTreeMap<String, String>,
    /// `$XDG_CURRENT_DESKTOP`
    desktop: Option<String>,
    /// None before the first use.
    connection: Mutex<ClipboardConnection>,
}

struct ClipboardConnection {
    /// The host's end of the socket, until the runtime has it.
    socket: Option<StdUnixStream>,
    stream: Option<BufReader<UnixStream>>,
    last: u64,
}

impl Clipboard {
    /// Starts the process. This must be done before the host gives up the right to start programs.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(in crate::daemon) fn start(program: &Path, variables: &BTreeMap<String, String>) -> std::io::Result<Self> {
        let environment: BTreeMap<String, String> =
            VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), variables.get(*name)?.clone()))).collect();
        let (own, theirs) = StdUnixStream::pair()?;
        own.set_nonblocking(true)?;
        // It ends by itself when the socket is closed, and needs no one to wait for it.
        let mut command = Command::new(program);
        command.arg(COMMAND).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        for name in VARIABLES.iter().filter(|name| !environment.contains_key(**name)) {
            command.env_remove(name);
        }
        command.env_remove("WAYLAND_SOCKET").spawn()?;
        let connection = ClipboardConnection { socket: Some(own), stream: None, last: 0 };
        Ok(Self {
            environment,
            desktop: variables.get("XDG_CURRENT_DESKTOP").cloned(),
            connection: Mutex::new(connection),
        })
    }

    /// Replaces what is in the clipboard.
    pub(in crate::daemon) async fn set(
        &self,
        link: &BusLink,
        text: &str,
        is_secret: bool,
    ) -> Result<(), BackendProblem> {
        let environment = self.display(link).await.ok_or_else(no_display)?;
        let mut connection = self.connection.lock().await;
        for _ in 0..TRIES {
            let asked = connection.ask(&environment, text, is_secret);
            let answer = match tokio::time::timeout(PATIENCE, asked).await {
                Ok(answer) => answer.map_err(|error| gone(&error.to_string()))?,
                Err(_) => return Err(gone("it does not answer")),
            };
            match answer {
                ClipboardAnswer { again: true, .. } => {}
                ClipboardAnswer { error: Some(error), .. } => return Err(self.refused(&environment, &error)),
                _ => return Ok(()),
            }
        }
        Err(gone("it starts over again and again"))
    }

    /// Where the display is now: where systemd says, since the host may have been started before it; else where the host's own
    /// environment says; else the Wayland socket that is there.
    async fn display(&self, link: &BusLink) -> Option<BTreeMap<String, String>> {
        let has_display = |variables: &BTreeMap<String, String>| {
            ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| variables.contains_key(*name))
        };
        let mut session = self.environment.clone();
        if let Some(systemd) = systemd_environment(link).await.filter(has_display) {
            session.retain(|name, _| name == "XDG_RUNTIME_DIR");
            session.extend(systemd);
        }
        if has_display(&session) {
            return Some(session);
        }
        let folder = PathBuf::from(session.get("XDG_RUNTIME_DIR")?);
        let socket = (0..10).map(|number| format!("wayland-{number}")).find(|name| folder.join(name).exists())?;
        session.insert("WAYLAND_DISPLAY".to_owned(), socket);
        Some(session)
    }

    /// Why the display did not take a text, in words that say what to do.
    fn refused(&self, environment: &BTreeMap<String, String>, error: &str) -> BackendProblem {
        let display = match (environment.get("WAYLAND_DISPLAY"), environment.get("DISPLAY")) {
            (Some(wayland), Some(x11)) => format!("the displays {wayland} and {x11}"),
            (Some(display), None) | (None, Some(display)) => format!("the display {display}"),
            (None, None) => "the display".to_owned(),
        };
        let problem = BackendProblem::new(format!("{display} did not take it: {error}"));
        let desktop = self.desktop.as_deref().unwrap_or_default();
        problem.hint(if desktop.contains("GNOME") {
            "GNOME has no data-control protocol, so the clipboard needs Xwayland: start any X11 program once".to_owned()
        } else if desktop.contains("COSMIC") {
            "COSMIC offers data-control only with `COSMIC_DATA_CONTROL_ENABLED=1` in its environment".to_owned()
        } else {
            "the compositor must offer ext-data-control or wlr-data-control, or X11".to_owned()
        })
    }
}

impl ClipboardConnection {
    async fn ask(
        &mut self,
        environment: &BTreeMap<String, String>,
        text: &str,
        is_secret: bool,
    ) -> std::io::Result<ClipboardAnswer> {
        if let Some(socket) = self.socket.take() {
            self.stream = Some(BufReader::new(UnixStream::from_std(socket)?));
        }
        let stream = self.stream.as_mut().ok_or(std::io::ErrorKind::NotConnected)?;
        self.last += 1;
        let request =
            ClipboardRequest { id: self.last, length: text.len(), is_secret, environment: environment.clone() };
        let mut bytes = serde_json::to_vec(&request)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(text.as_bytes());
        stream.get_mut().write_all(&bytes).await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let answer: ClipboardAnswer = serde_json::from_str(&line)?;
            // Answers to earlier requests, which were no longer waited for.
            if answer.id == self.last {
                return Ok(answer);
            }
        }
    }
}

/// [`VARIABLES`] of the person's systemd, if there is one.
async fn systemd_environment(link: &BusLink) -> Option<BTreeMap<String, String>> {
    let connection = link.get().ok()?;
    let manager = SystemdManagerProxy::builder(&connection).cache_properties(CacheProperties::No).build().await.ok()?;
    let environment = manager.environment().await.ok()?;
    let variables = environment.iter().filter_map(|variable| variable.split_once('='));
    let of_display = variables.filter(|(name, _)| VARIABLES.contains(name));
    Some(of_display.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn no_display() -> BackendProblem {
    BackendProblem::new("no display is known to the host")
        .hint("run `systemctl --user import-environment WAYLAND_DISPLAY DISPLAY XAUTHORITY` in the desktop")
}

fn gone(why: &str) -> BackendProblem {
    BackendProblem::new(format!("the process that holds the clipboard cannot be used: {why}"))
        .hint("run `systemctl --user restart open-sesame-extensions`")
}
