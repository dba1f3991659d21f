//! A registry on loopback that speaks the reading half of the OCI distribution API, keeps a log of what it was asked,
//! and misbehaves on demand.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sesame::model::digest::Digest;

use super::artifact::Artifact;

/// A running registry. It stops with the test process.
pub struct Registry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
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
    /// Hangs up without a word.
    HangUp,
    /// Sends this header with the right answer.
    Header(&'static str, String),
    /// Waits before it answers.
    Delay(Duration),
    /// Sends the client elsewhere.
    Redirect(String),
}

#[derive(Default)]
struct State {
    /// Bodies and media types by path.
    answers: HashMap<String, (String, Vec<u8>)>,
    /// Faults by the end of a path.
    faults: Vec<(String, Fault)>,
    log: Vec<String>,
    /// The token that every request must bear.
    token: Option<String>,
}

impl Registry {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(stream, address, &state)));
            }
        });
        Self { address, state }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Puts an artifact under `repository:tag`; gives the whole reference.
    pub fn push(&self, repository: &str, tag: &str, artifact: &Artifact) -> String {
        let mut state = self.state.lock().unwrap();
        let answer = (artifact.media_type.to_owned(), artifact.manifest.clone());
        state.answers.insert(format!("/v2/{repository}/manifests/{tag}"), answer.clone());
        state.answers.insert(format!("/v2/{repository}/manifests/{}", artifact.digest()), answer);
        for blob in &artifact.blobs {
            let path = format!("/v2/{repository}/blobs/{}", Digest::of(blob));
            state.answers.insert(path, ("application/octet-stream".to_owned(), blob.clone()));
        }
        format!("{}/{repository}:{tag}", self.host())
    }

    /// Misbehaves whenever a path ends so.
    pub fn misbehave(&self, path_end: &str, fault: Fault) {
        self.state.lock().unwrap().faults.push((path_end.to_owned(), fault));
    }

    pub fn behave(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// From now on wants a token, which it gives to anybody who asks.
    pub fn want_token(&self, token: &str) {
        self.state.lock().unwrap().token = Some(token.to_owned());
    }

    /// What was asked since the last look: `GET /v2/…`.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    /// Waits until a path that holds this text is asked for.
    pub fn wait_for(&self, text: &str) {
        for _ in 0..3000 {
            if self.state.lock().unwrap().log.iter().any(|line| line.contains(text)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nobody asked for {text}");
    }

    /// Puts a log back that was only looked at.
    pub fn restore_log(&self, log: Vec<String>) {
        self.state.lock().unwrap().log = log;
    }
}

fn serve(stream: TcpStream, address: SocketAddr, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut request = String::new();
        match reader.read_line(&mut request) {
            Ok(0) => return Ok(()),
            Ok(_) if request.starts_with("GET ") => {}
            // What a real server says to a client that begins with TLS.
            _ => return writer.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        }
        let mut authorization = None;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            match header.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    authorization = Some(value.to_owned())
                }
                Some(_) => {}
                None => break,
            }
        }
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let (answer, faults, token) = {
            let mut state = state.lock().unwrap();
            state.log.push(format!("GET {target}"));
            let faults: Vec<Fault> = state
                .faults
                .iter()
                .filter(|(end, _)| path.ends_with(end.as_str()))
                .map(|(_, fault)| fault.clone())
                .collect();
            (state.answers.get(&path).cloned(), faults, state.token.clone())
        };
        if path == "/token" {
            let body = format!("{{\"token\":\"{}\",\"expires_in\":300}}", token.unwrap_or_default());
            send(&mut writer, 200, "application/json", "", body.as_bytes())?;
            continue;
        }
        if token.is_some_and(|token| authorization.as_deref() != Some(&format!("Bearer {token}"))) {
            let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{address}/token\",service=\"test\"\r\n");
            send(&mut writer, 401, "application/json", &challenge, b"")?;
            continue;
        }
        let Some((media_type, body)) = answer else {
            let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":null}]}"#;
            send(&mut writer, 404, "application/json", "", body)?;
            continue;
        };
        let mut headers = String::new();
        let mut body = body;
        for fault in faults {
            match fault {
                Fault::Bytes(bytes) => body = bytes,
                Fault::Header(name, value) => headers = format!("{name}: {value}\r\n"),
                Fault::Delay(time) => std::thread::sleep(time),
                Fault::HangUp => return Ok(()),
                Fault::Redirect(to) => {
                    let headers = format!("Location: {to}\r\nConnection: close\r\n");
                    return send(&mut writer, 307, "text/plain", &headers, b"");
                }
                Fault::Status(status) => {
                    let body = br#"{"errors":[{"code":"UNKNOWN","message":"out of \u001b[31morder","detail":null}]}"#;
                    return send(&mut writer, status, "application/json", "Connection: close\r\n", body);
                }
                Fault::Cut => {
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    writer.write_all(head.as_bytes())?;
                    return writer.write_all(&body[..body.len() / 2]);
                }
            }
        }
        send(&mut writer, 200, &media_type, &headers, &body)?;
    }
}

fn send(writer: &mut TcpStream, status: u16, media_type: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    writer.write_all(head.as_bytes())?;
    writer.write_all(body)
}

/// Reads a whole HTTP answer from any server, for servers that are not this one.
pub fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
