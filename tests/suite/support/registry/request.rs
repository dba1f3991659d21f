//! What the registry of `registry` reads.

use std::io::{self, BufRead};

use super::Shared;

/// What a client sent.
#[derive(Default)]
pub(crate) struct Request {
    /// Empty if it is no HTTP.
    pub method: String,
    /// The path and its query.
    pub target: String,
    /// The target without its query.
    pub path: String,
    /// By their names in lower case.
    pub headers: Vec<(String, String)>,
    /// As many bytes as were announced.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads the next one whole; none if the client has left.
    pub fn read(stream: &mut impl BufRead, shared: &Shared) -> io::Result<Option<Self>> {
        let mut raw = Vec::new();
        let request = Self::read_raw(stream, &mut raw);
        shared.lock().received.extend_from_slice(&raw);
        request
    }

    fn read_raw(stream: &mut impl BufRead, raw: &mut Vec<u8>) -> io::Result<Option<Self>> {
        let first = stream.fill_buf()?;
        if first.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            // A client that begins with TLS; it may never send the end of a line.
            raw.extend_from_slice(first);
            return Ok(Some(Self::default()));
        }
        while !raw.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', raw)? == 0 {
                return Ok(None);
            }
        }
        let head = String::from_utf8_lossy(raw).into_owned();
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let mut request = Self { method, target, path, headers, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body = vec![0; length];
        stream.read_exact(&mut request.body)?;
        raw.extend_from_slice(&request.body);
        Ok(Some(request))
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for a blob.
    pub fn is_for_a_blob(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD") && self.path.contains("/blobs/sha256:")
    }

    /// The first byte of the range that is asked for.
    pub fn range(&self) -> Option<usize> {
        let range = self.header("range").filter(|_| self.is_for_a_blob() && self.method == "GET")?;
        range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }

    /// What the query says of something.
    pub fn query(&self, name: &str) -> Option<String> {
        field(self.target.split_once('?')?.1, name)
    }

    /// A field of the form that is its body.
    pub fn form(&self, name: &str) -> Option<String> {
        field(&String::from_utf8_lossy(&self.body), name)
    }
}

/// A field of a query or a form.
fn field(text: &str, name: &str) -> Option<String> {
    let (_, value) = text.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}
