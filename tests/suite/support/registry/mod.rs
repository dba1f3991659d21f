//! A registry on loopback that speaks the OCI distribution API, keeps a log of what it was asked, and misbehaves on
//! demand. How it answers is in `server`.

pub mod request;
pub mod server;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;

use sesame::model::digest::Digest;

use super::artifact::Artifact;
use super::ca::{Ca, SelfSigned};
use server::accept;

/// A running registry. It stops with the test process.
pub struct Registry {
    host: String,
    shared: Arc<Shared>,
}

/// What it does instead of answering a path as it should.
#[derive(Clone)]
pub enum Fault {
    /// Sends other bytes.
    Bytes(Vec<u8>),
    /// Sends this status and an error body.
    Status(u16),
    /// Announces the whole and hangs up after half of it.
    Cut,
    /// Announces the whole and hangs up after that many bytes of this answer.
    CutAt(usize),
    /// Announces the whole, sends that many bytes, and then nothing until the client leaves.
    Stall(usize),
    /// Sends the headers, and then nothing until the client leaves.
    Silence,
    /// Sends half of the body and resets the connection.
    Reset,
    /// Hangs up without a word.
    HangUp,
    /// Sends this header with the right answer.
    Header(&'static str, String),
    /// Announces no length, and hangs up after that many bytes.
    Unannounced(usize),
    /// Announces so many bytes more than it sends, and closes the connection.
    Length(i64),
    /// Waits before it answers.
    Delay(Duration),
    /// Sends one byte each time.
    Drip(Duration),
    /// Sends that many spaces.
    Flood(u64),
    /// Sends the client elsewhere.
    Redirect(String),
    /// Sends exactly this, with its length if the headers do not say it, and closes the connection.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Answers a range with bytes that begin elsewhere, and says so.
    WrongRange,
    /// Answers a range with the whole.
    IgnoreRange,
    /// Says that there is no such range.
    NoRange,
    /// Refuses, and says which `Authorization` it was sent.
    Echo,
    /// Redirects to a path with the `Authorization` in it, again and again.
    EchoLocation,
    /// Sends a manifest with the `Authorization` as a media type, written with an escape.
    EchoManifest,
    /// Sends a manifest with one space more each time; what was sent is there by its digest too.
    Rotate,
    /// Lists tags, with another page behind each, and takes its time.
    EndlessTags,
    /// Asks for a token, whatever was sent.
    Unauthorized,
}

/// Tokens that a registry gives: `token-1-secret-9c41` and so on, of which only the newest is valid.
#[derive(Clone)]
pub struct Tokens {
    /// The name and password without which there is none.
    pub credentials: Option<(String, String)>,
    /// The seconds that an answer says the token lives. It is not refused afterwards.
    pub expires_in: Option<u64>,
    /// After that many requests a token is refused.
    pub uses: Option<usize>,
    /// Where they are said to be, instead of at `/token` of this registry.
    pub realm: Option<String>,
    /// The refresh token that a form must be posted with, instead of credentials.
    pub refresh: Option<String>,
}

impl Default for Tokens {
    /// For anybody, and longer than any story lasts.
    fn default() -> Self {
        Self { credentials: None, expires_in: Some(100_000), uses: None, realm: None, refresh: None }
    }
}

/// What the threads of a registry share.
pub(crate) struct Shared {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    state: Mutex<State>,
}

/// What it holds, wants and was asked.
#[derive(Default)]
pub(crate) struct State {
    /// Bodies and media types by path.
    pub answers: HashMap<String, (String, Vec<u8>)>,
    faults: Vec<Planned>,
    /// What was asked, as `GET /v2/…`.
    pub log: Vec<String>,
    /// Whom it answers.
    pub access: Access,
    /// How many tokens were given.
    pub given: usize,
    /// How many requests the newest token was good for.
    pub used: usize,
    /// How often a manifest was another.
    pub rotations: usize,
    /// How many requests are being answered.
    pub in_service: usize,
    /// The most that ever were.
    pub most_at_once: usize,
    /// Bytes of blobs.
    pub bytes_sent: u64,
    /// Values of `Range`.
    pub ranges: Vec<String>,
    /// Values of `Authorization`.
    pub authorizations: Vec<String>,
    /// All requests.
    pub received: Vec<u8>,
    /// Where uploads are said to go, instead of here.
    pub upload_location: Option<String>,
    /// The repository of the upload that was begun last.
    pub uploading: String,
}

/// Whom it answers.
#[derive(Default)]
pub(crate) enum Access {
    #[default]
    Everybody,
    /// Whoever bears this token, which is given to anybody.
    Token(String),
    Tokens(Tokens),
    /// Whoever sends this as `Authorization`.
    Basic(String),
}

struct Planned {
    path_end: String,
    /// How often it still happens; without end if none.
    left: Option<usize>,
    fault: Fault,
}

impl Registry {
    /// Speaks HTTP.
    pub fn start() -> Self {
        Self::serve("http", None)
    }

    /// Speaks HTTPS, with a certificate for `127.0.0.1`.
    pub fn start_tls(ca: &Ca) -> Self {
        Self::serve("https", Some(ca.server_config(&["127.0.0.1"])))
    }

    /// The same, and the server's own certificate in PEM.
    pub fn start_named(ca: &Ca) -> (Self, String) {
        let (config, pem) = ca.server(&["127.0.0.1"]);
        (Self::serve("https", Some(config)), pem)
    }

    /// Speaks HTTPS, with a certificate of its own.
    pub fn start_self_signed(certificate: &SelfSigned) -> Self {
        Self::serve("https", Some(certificate.server_config()))
    }

    fn serve(scheme: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared { url: format!("{scheme}://{host}"), state: Mutex::default() });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, tls.as_ref(), &served));
        Self { host, shared }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// Puts an artifact under `repository:tag`; gives the whole reference.
    pub fn push(&self, repository: &str, tag: &str, artifact: &Artifact) -> String {
        let mut state = self.shared.lock();
        let answer = (artifact.media_type.to_owned(), artifact.manifest.clone());
        state.answers.insert(format!("/v2/{repository}/manifests/{tag}"), answer.clone());
        state.answers.insert(format!("/v2/{repository}/manifests/{}", artifact.digest()), answer);
        for blob in &artifact.blobs {
            let path = format!("/v2/{repository}/blobs/{}", Digest::of(blob));
            state.answers.insert(path, ("application/octet-stream".to_owned(), blob.clone()));
        }
        format!("{}/{repository}:{tag}", self.host())
    }

    /// What it holds at a path: the media type and the bytes.
    pub fn held(&self, path: &str) -> Option<(String, Vec<u8>)> {
        self.shared.lock().answers.get(path).cloned()
    }

    /// Has nothing at a path any more.
    pub fn forget(&self, path: &str) {
        self.shared.lock().answers.remove(path);
    }

    /// Misbehaves whenever a path ends so.
    pub fn misbehave(&self, path_end: &str, fault: Fault) {
        self.plan(path_end, None, fault);
    }

    /// Misbehaves the first `times` that a path ends so. A request meets one such fault, the first that is left.
    pub fn misbehave_times(&self, path_end: &str, times: usize, fault: Fault) {
        self.plan(path_end, Some(times), fault);
    }

    fn plan(&self, path_end: &str, left: Option<usize>, fault: Fault) {
        self.shared.lock().faults.push(Planned { path_end: path_end.to_owned(), left, fault });
    }

    /// Answers everything as it should from now on.
    pub fn behave(&self) {
        self.shared.lock().faults.clear();
    }

    /// How many faults that were to happen a few times are still to happen.
    pub fn unmet(&self) -> usize {
        self.shared.lock().faults.iter().filter_map(|planned| planned.left).sum()
    }

    /// From now on wants a token, which it gives to anybody who asks.
    pub fn want_token(&self, token: &str) {
        self.shared.lock().access = Access::Token(token.to_owned());
    }

    /// From now on wants the newest of these tokens.
    pub fn want_tokens(&self, tokens: Tokens) {
        self.shared.lock().access = Access::Tokens(tokens);
    }

    /// From now on wants a name and a password with every request.
    pub fn want_basic(&self, user: &str, password: &str) {
        self.shared.lock().access = Access::Basic(basic(user, password));
    }

    /// From now on says that uploads go there.
    pub fn upload_location(&self, location: String) {
        self.shared.lock().upload_location = Some(location);
    }

    /// What was asked since the last look: `GET /v2/…`.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().log)
    }

    /// How much was asked since the last look.
    pub fn log_len(&self) -> usize {
        self.shared.lock().log.len()
    }

    /// Waits until a path that holds this text is asked for.
    pub fn wait_for(&self, text: &str) {
        for _ in 0..3000 {
            if self.shared.lock().log.iter().any(|line| line.contains(text)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nobody asked for {text}");
    }

    /// Puts a log back that was only looked at.
    pub fn restore_log(&self, log: Vec<String>) {
        self.shared.lock().log = log;
    }

    /// How many bytes of blobs were sent, as the bodies of successes.
    pub fn bytes_sent(&self) -> u64 {
        self.shared.lock().bytes_sent
    }

    /// The most requests that were in service at the same time: read, and the last piece of the answer not begun.
    pub fn most_at_once(&self) -> usize {
        self.shared.lock().most_at_once
    }

    /// Every `Range` that was asked for.
    pub fn ranges(&self) -> Vec<String> {
        self.shared.lock().ranges.clone()
    }

    /// Every `Authorization` that was sent.
    pub fn authorizations(&self) -> Vec<String> {
        self.shared.lock().authorizations.clone()
    }

    /// All requests, byte by byte.
    pub fn everything_received(&self) -> Vec<u8> {
        self.shared.lock().received.clone()
    }
}

impl Shared {
    /// The state, for as long as it is looked at.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// The faults that a request for a path meets.
    pub fn take_faults(&mut self, path: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut met = false;
        for planned in self.faults.iter_mut().filter(|planned| path.ends_with(&planned.path_end)) {
            if let Some(left) = &mut planned.left {
                if met || *left == 0 {
                    continue;
                }
                *left -= 1;
                met = true;
            }
            faults.push(planned.fault.clone());
        }
        faults
    }
}

/// The `Authorization` of a name and a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Reads a whole HTTP answer from any server, for servers that are not this one.
pub fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
