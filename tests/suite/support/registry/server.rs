//! How the registry of `registry` answers: what is right, and what its faults make of it.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use sesame::model::digest::Digest;

use super::request::Request;
use super::{Access, Fault, Shared, State, basic};

const JSON: &str = "application/json";

/// What a flood is made of.
static SPACES: [u8; 1 << 16] = [b' '; 1 << 16];

/// Serves whoever comes, each in a thread.
pub(crate) fn accept(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, shared: &Arc<Shared>) {
    for socket in listener.incoming().flatten() {
        let (tls, shared) = (tls.cloned(), Arc::clone(shared));
        // An error is a client that left.
        std::thread::spawn(move || drop(serve(&socket, tls, &shared)));
    }
}

fn serve(socket: &TcpStream, tls: Option<Arc<ServerConfig>>, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let stream = socket.try_clone()?;
    match tls {
        None => converse(stream, socket, shared),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            converse(StreamOwned::new(connection, stream), socket, shared)
        }
    }
}

fn converse<S: Read + Write>(stream: S, socket: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = Request::read(&mut stream, shared)? {
        let service = Service::begin(shared);
        let Some(answer) = answer(&request, shared) else { return Ok(()) };
        answer.send(&request, stream.get_mut(), service, shared)?;
        match answer.then {
            Then::GoOn => {}
            Then::Close => return Ok(()),
            Then::Wait => {
                io::copy(&mut stream, &mut io::sink())?;
                return Ok(());
            }
            Then::Reset => {
                // A socket that does not linger is reset when it is closed.
                rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A request that is being answered.
struct Service<'a>(&'a Shared);

impl<'a> Service<'a> {
    fn begin(shared: &'a Shared) -> Self {
        let mut state = shared.lock();
        state.in_service += 1;
        state.most_at_once = state.most_at_once.max(state.in_service);
        Self(shared)
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        self.0.lock().in_service -= 1;
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Spaces that follow the body.
    spaces: u64,
    /// What is announced besides what there is.
    too_many: i64,
    /// Nothing is announced.
    unannounced: bool,
    /// How much of it is sent.
    part: Part,
    /// The time that each byte takes.
    drip: Option<Duration>,
    ranges: Ranges,
    then: Then,
}

enum Part {
    Whole,
    Half,
    First(usize),
}

/// What happens after an answer.
enum Then {
    GoOn,
    Close,
    Reset,
    /// Nothing, until the client leaves.
    Wait,
}

/// What a request for a range gets.
enum Ranges {
    Right,
    Wrong,
    Ignored,
    Refused,
}

impl Answer {
    fn new(status: u16, media_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("Content-Type".to_owned(), media_type.to_owned())];
        let (part, ranges, then) = (Part::Whole, Ranges::Right, Then::GoOn);
        Self { status, headers, body, spaces: 0, too_many: 0, unannounced: false, part, drip: None, ranges, then }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "errors": [{ "code": code, "message": message, "detail": null }] });
        Self::new(status, JSON, body.to_string().into_bytes())
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Says that the connection ends, and ends it.
    fn closing(self) -> Self {
        Self { then: Then::Close, ..self.with("Connection", "close") }
    }

    /// Leaves only the range that was asked for.
    fn cut_to_range(&mut self, request: &Request) {
        let length = self.body.len();
        let Some(asked) = request.range().filter(|_| self.status == 200) else { return };
        let start = match self.ranges {
            Ranges::Ignored => return,
            Ranges::Refused => length,
            Ranges::Right => asked,
            Ranges::Wrong if asked == 0 => 1,
            Ranges::Wrong => asked / 2,
        };
        if start >= length {
            self.status = 416;
            self.body.clear();
            self.headers.push(("Content-Range".to_owned(), format!("bytes */{length}")));
        } else {
            self.status = 206;
            self.body.drain(..start);
            self.headers.push(("Content-Range".to_owned(), format!("bytes {start}-{}/{length}", length - 1)));
        }
    }

    fn send(&self, request: &Request, to: &mut impl Write, service: Service<'_>, shared: &Shared) -> io::Result<()> {
        let length = self.body.len() as u64 + self.spaces;
        let end = match self.part {
            _ if request.method == "HEAD" => 0,
            Part::Whole => length,
            Part::Half => length / 2,
            Part::First(bytes) => length.min(bytes as u64),
        };
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let announced = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if !announced && !self.unannounced {
            head += &format!("Content-Length: {}\r\n", length.saturating_add_signed(self.too_many));
        }
        // Who has got the whole answer may ask the next thing before we look up again, so the service ends before.
        let mut service = Some(service).filter(|_| end > 0);
        to.write_all((head + "\r\n").as_bytes())?;
        let counts = request.is_for_a_blob() && matches!(self.status, 200..300);
        let mut at = 0;
        while at < end {
            let left = usize::try_from(end - at).unwrap();
            let rest = usize::try_from(at).ok().and_then(|at| self.body.get(at..)).filter(|rest| !rest.is_empty());
            let piece = rest.unwrap_or(&SPACES);
            let piece = &piece[..piece.len().min(left).min(if self.drip.is_some() { 1 } else { SPACES.len() })];
            if piece.len() == left {
                service = None;
            }
            std::thread::sleep(self.drip.unwrap_or_default());
            to.write_all(piece)?;
            to.flush()?;
            at += piece.len() as u64;
            if counts {
                shared.lock().bytes_sent += piece.len() as u64;
            }
        }
        drop(service);
        to.flush()
    }
}

/// What a request gets; nothing at all if the registry hangs up.
fn answer(request: &Request, shared: &Shared) -> Option<Answer> {
    if !matches!(request.method.as_str(), "GET" | "HEAD" | "POST" | "PUT") {
        // What a real server says to a client that begins with TLS.
        return Some(Answer::new(400, "text/plain", Vec::new()).closing());
    }
    let (mut answer, faults) = {
        let mut state = shared.lock();
        state.note(request);
        if state.admits(request) {
            (state.right_answer(request), state.take_faults(&request.path))
        } else {
            (state.challenge(&shared.url), Vec::new())
        }
    };
    for fault in faults {
        answer = spoiled(answer, fault, request, shared)?;
    }
    answer.cut_to_range(request);
    Some(answer)
}

/// An answer with a fault; none if the registry hangs up.
fn spoiled(mut answer: Answer, fault: Fault, request: &Request, shared: &Shared) -> Option<Answer> {
    match fault {
        Fault::Bytes(bytes) => answer.body = bytes,
        Fault::Status(status) => answer = Answer::error(status, "UNKNOWN", "out of \u{1b}[31morder").closing(),
        Fault::Cut => (answer.part, answer.then) = (Part::Half, Then::Close),
        Fault::CutAt(bytes) => (answer.part, answer.then) = (Part::First(bytes), Then::Close),
        Fault::Stall(bytes) => (answer.part, answer.then) = (Part::First(bytes), Then::Wait),
        Fault::Silence => (answer.part, answer.then) = (Part::First(0), Then::Wait),
        Fault::Reset => (answer.part, answer.then) = (Part::Half, Then::Reset),
        Fault::HangUp => return None,
        Fault::Header(name, value) => answer = answer.with(name, value),
        Fault::Unannounced(bytes) => {
            answer.unannounced = true;
            (answer.part, answer.then) = (Part::First(bytes), Then::Close);
        }
        Fault::Length(more) => (answer.too_many, answer.then) = (more, Then::Close),
        Fault::Delay(time) => std::thread::sleep(time),
        Fault::Drip(time) => answer.drip = Some(time),
        Fault::Flood(spaces) => (answer.body, answer.spaces) = (Vec::new(), spaces),
        Fault::Redirect(to) => answer = Answer::new(307, "text/plain", Vec::new()).with("Location", to).closing(),
        Fault::Answer { status, headers, body } => {
            answer = Answer::new(status, "", body);
            (answer.headers, answer.ranges) = (headers, Ranges::Ignored);
            answer = answer.closing();
        }
        Fault::WrongRange => answer.ranges = Ranges::Wrong,
        Fault::IgnoreRange => answer.ranges = Ranges::Ignored,
        Fault::NoRange => answer.ranges = Ranges::Refused,
        Fault::Echo => {
            let message = format!("you sent {}", request.header("authorization").unwrap_or("nothing"));
            answer = Answer::error(403, "DENIED", &message);
        }
        Fault::EchoLocation => {
            let token = request.header("authorization").and_then(|value| value.split(' ').nth(1)).unwrap_or("nothing");
            let location = format!("/v2/leak/{token}");
            answer = Answer::new(307, "text/plain", Vec::new()).with("Location", location).closing();
        }
        Fault::EchoManifest => {
            let token = request.header("authorization").and_then(|value| value.split(' ').nth(1)).unwrap_or("nothing");
            let (first, rest) = token.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", first.as_bytes()[0]);
            let layer = format!("{{\"mediaType\":\"{escaped}\",\"digest\":\"x\",\"size\":1}}");
            answer.body =
                format!("{{\"schemaVersion\":2,\"config\":{layer},\"layers\":[{layer},{layer}]}}").into_bytes();
        }
        Fault::EndlessTags => {
            std::thread::sleep(Duration::from_millis(20));
            shared.lock().rotations += 1;
            let next = format!("<{}?n=1000&last={}>; rel=\"next\"", request.path, shared.lock().rotations);
            answer = answer.with("Link", next);
        }
        Fault::Rotate => {
            let mut state = shared.lock();
            state.rotations += 1;
            answer.body.extend(std::iter::repeat_n(b' ', state.rotations));
            let (repository, _) = request.path.rsplit_once('/').unwrap();
            let media_type = answer.headers[0].1.clone();
            let path = format!("{repository}/{}", Digest::of(&answer.body));
            state.answers.insert(path, (media_type, answer.body.clone()));
        }
        Fault::Unauthorized => answer = shared.lock().challenge(&shared.url),
    }
    Some(answer)
}

impl State {
    fn note(&mut self, request: &Request) {
        self.log.push(format!("{} {}", request.method, request.target));
        self.authorizations.extend(request.header("authorization").map(str::to_owned));
        self.ranges.extend(request.header("range").map(str::to_owned));
    }

    /// The newest token.
    fn token(&self) -> String {
        format!("token-{}-secret-9c41", self.given)
    }

    /// Whether a request bears what is wanted.
    fn admits(&mut self, request: &Request) -> bool {
        let sent = request.header("authorization");
        let (wanted, uses) = match &self.access {
            _ if request.path == "/token" => return true,
            Access::Everybody => return true,
            Access::Token(token) => (format!("Bearer {token}"), None),
            Access::Basic(wanted) => (wanted.clone(), None),
            Access::Tokens(_) if self.given == 0 => return false,
            Access::Tokens(tokens) => (format!("Bearer {}", self.token()), tokens.uses),
        };
        let is_admitted = sent == Some(wanted.as_str()) && uses.is_none_or(|uses| self.used < uses);
        self.used += usize::from(is_admitted);
        is_admitted
    }

    /// The 401 that says what is wanted.
    fn challenge(&self, url: &str) -> Answer {
        let realm = match &self.access {
            Access::Basic(_) => None,
            Access::Tokens(tokens) => Some(tokens.realm.clone().unwrap_or_else(|| format!("{url}/token"))),
            Access::Everybody | Access::Token(_) => Some(format!("{url}/token")),
        };
        let challenge = match realm {
            Some(realm) => format!("Bearer realm=\"{realm}\",service=\"test\""),
            None => "Basic realm=\"test\"".to_owned(),
        };
        Answer::new(401, JSON, Vec::new()).with("WWW-Authenticate", challenge)
    }

    /// A page of the tags of a repository: as many as are asked for, but never more than a hundred.
    fn tags(&self, path: &str, request: &Request) -> Answer {
        let repository = path.trim_end_matches("/tags/list");
        let manifests = format!("{repository}/manifests/");
        let all = self.answers.keys().filter_map(|path| path.strip_prefix(&manifests));
        let mut tags: Vec<&str> = all.filter(|tag| !tag.starts_with("sha256:")).collect();
        tags.sort_unstable();
        let last = request.query("last").unwrap_or_default();
        let page = request.query("n").and_then(|n| n.parse().ok()).unwrap_or(100).min(100);
        let rest: Vec<&str> = tags.into_iter().filter(|tag| *tag > last.as_str()).collect();
        let shown = &rest[..rest.len().min(page)];
        let answer = Answer::new(200, JSON, json!({ "name": repository, "tags": shown }).to_string().into_bytes());
        match shown.last() {
            Some(last) if shown.len() < rest.len() => {
                answer.with("Link", format!("<{path}?n={page}&last={last}>; rel=\"next\""))
            }
            _ => answer,
        }
    }

    fn right_answer(&mut self, request: &Request) -> Answer {
        let path = request.path.as_str();
        let name = path.strip_prefix("/v2/").unwrap_or_default();
        if path == "/token" {
            return self.give_token(request);
        }
        match (request.method.as_str(), request.query("digest")) {
            ("GET" | "HEAD", _) if path == "/v2/" => Answer::new(200, JSON, b"{}".to_vec()),
            ("GET", _) if path.ends_with("/tags/list") => self.tags(path, request),
            ("GET" | "HEAD", _) => match self.answers.get(path) {
                Some((media_type, body)) => Answer::new(200, media_type, body.clone()),
                None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            },
            ("POST", _) if name.ends_with("/blobs/uploads/") => {
                self.uploading = name.trim_end_matches("/blobs/uploads/").to_owned();
                let location = self.upload_location.clone().unwrap_or_else(|| format!("{path}1"));
                Answer::new(202, JSON, Vec::new()).with("Location", location)
            }
            ("PUT", Some(digest)) if digest == Digest::of(&request.body).to_string() => {
                let named = name.split_once("/blobs/uploads/").map(|(repository, _)| repository);
                let place = format!("/v2/{}/blobs/{digest}", named.unwrap_or(&self.uploading));
                self.answers.insert(place.clone(), ("application/octet-stream".to_owned(), request.body.clone()));
                Answer::new(201, JSON, Vec::new()).with("Location", place).with("Docker-Content-Digest", digest)
            }
            ("PUT", Some(_)) => Answer::error(400, "DIGEST_INVALID", "these bytes have another digest"),
            ("PUT", None) if name.contains("/manifests/") => {
                let digest = Digest::of(&request.body).to_string();
                let kept = (request.header("content-type").unwrap_or_default().to_owned(), request.body.clone());
                let (repository, _) = path.rsplit_once('/').unwrap();
                let place = format!("{repository}/{digest}");
                self.answers.insert(path.to_owned(), kept.clone());
                self.answers.insert(place.clone(), kept);
                Answer::new(201, JSON, Vec::new()).with("Location", place).with("Docker-Content-Digest", digest)
            }
            _ => Answer::error(404, "NAME_UNKNOWN", "there is no such place"),
        }
    }

    fn give_token(&mut self, request: &Request) -> Answer {
        let tokens = match &self.access {
            Access::Tokens(tokens) => tokens,
            Access::Token(token) => {
                let body = json!({ "token": token, "expires_in": 300 });
                return Answer::new(200, JSON, body.to_string().into_bytes());
            }
            Access::Everybody | Access::Basic(_) => return Answer::new(200, JSON, b"{\"token\":\"\"}".to_vec()),
        };
        let is_admitted = match (&tokens.refresh, &tokens.credentials) {
            (Some(refresh), _) => {
                request.method == "POST"
                    && request.form("grant_type").as_deref() == Some("refresh_token")
                    && request.form("refresh_token").as_ref() == Some(refresh)
            }
            (None, Some((user, password))) => request.header("authorization") == Some(basic(user, password).as_str()),
            (None, None) => true,
        };
        if !is_admitted {
            return Answer::error(401, "UNAUTHORIZED", "nobody knows you");
        }
        let mut body = json!({});
        if let Some(seconds) = tokens.expires_in {
            body["expires_in"] = seconds.into();
        }
        self.given += 1;
        self.used = 0;
        body[if request.method == "POST" { "access_token" } else { "token" }] = self.token().into();
        Answer::new(200, JSON, body.to_string().into_bytes())
    }
}
