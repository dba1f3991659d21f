//! A registry that speaks the OCI distribution API
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>), read only.

use std::sync::Arc;

use async_trait::async_trait;
use oci_client::errors::OciEnvelope;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING};
use reqwest::{Client, Response, StatusCode};

use super::Error;
use super::artifact;
use super::auth::{Tokens, challenge};
use super::source::{Document, Sink, Source};
use super::transport::Transport;
use crate::model::digest::{Digest, Hasher};
use crate::model::plan::MAX_MANIFEST;
use crate::model::reference::OciReference;
use crate::model::text::escape;

/// The most that is read of an error's body, in bytes.
const MAX_ERROR: u64 = 64 << 10;

/// A registry, or a mirror of one.
pub(super) struct Remote {
    transport: Arc<Transport>,
    host: String,
    /// Stands before each repository's name; empty, or ends in `/`.
    prefix: String,
    plain_http: bool,
    tokens: Tokens,
}

impl Remote {
    pub(super) fn new(transport: Arc<Transport>, host: &str, prefix: &str, plain_http: bool) -> Self {
        Self { transport, host: host.to_owned(), prefix: prefix.to_owned(), plain_http, tokens: Tokens::default() }
    }

    /// Sends a GET, with a token if the registry wants one. An answer is a success.
    async fn get(&self, repository: &str, path: &str, what: &str) -> Result<Response, Error> {
        let (client, scheme) =
            if self.plain_http { (self.transport.plain()?, "http") } else { (self.transport.tls()?, "https") };
        let url = format!("{scheme}://{}/v2/{repository}/{path}", contacted(&self.host));
        let token = self.tokens.known(repository).await;
        let mut response = self.send(client, &url, token.as_deref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = challenge(response.headers());
            drop(response);
            let token = self.tokens.request(client, &self.host, repository, token.as_deref(), challenge).await?;
            response = self.send(client, &url, Some(&token)).await?;
        }
        if response.status().is_success() {
            return match response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?")) {
                None | Some("identity") => Ok(response),
                Some(encoding) => Err(Error::Encoded { host: self.host.clone(), encoding: escape(encoding).into() }),
            };
        }
        Err(self.refusal(response, what).await)
    }

    async fn send(&self, client: &Client, url: &str, token: Option<&str>) -> Result<Response, Error> {
        let mut request = client.get(url).header(ACCEPT, artifact::ACCEPT);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.send().await.map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: reqwest::Error) -> Error {
        unreachable(&self.host, error)
    }

    async fn refusal(&self, response: Response, what: &str) -> Error {
        let status = response.status();
        let host = self.host.clone();
        let body = read_capped(response, MAX_ERROR, &self.host, what).await.unwrap_or_default();
        let envelope: Option<OciEnvelope> = serde_json::from_slice(&body).ok();
        let message = envelope.and_then(|envelope| envelope.errors.into_iter().next()).map(|error| error.message);
        let message: String = escape(message.unwrap_or_default().trim()).chars().take(200).collect();
        let (what, number) = (what.to_owned(), status.as_u16());
        match status {
            StatusCode::NOT_FOUND => Error::NotFound { source_name: host, what },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Denied { host, what, status: number, message },
            _ => Error::Status { host, what, status: number, message },
        }
    }

    async fn read_document(&self, repository: &str, path: &str, what: &str) -> Result<Document, Error> {
        let response = self.get(repository, path, what).await?;
        let header =
            response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = read_capped(response, MAX_MANIFEST, &self.host, what).await?;
        let document = Document::new(bytes);
        match header.filter(|header| header.starts_with("sha256:") && *header != document.digest.to_string()) {
            Some(header) => {
                let header = escape(&header).into_owned();
                Err(Error::Header { source_name: self.host.clone(), header, found: document.digest })
            }
            None => Ok(document),
        }
    }

    fn repository(&self, reference: &OciReference) -> String {
        format!("{}{}", self.prefix, reference.repository())
    }
}

#[async_trait]
impl Source for Remote {
    fn name(&self) -> String {
        self.host.clone()
    }

    async fn tagged(&self, reference: &OciReference) -> Result<Document, Error> {
        let path = format!("manifests/{}", reference.revision());
        self.read_document(&self.repository(reference), &path, &reference.without_provenance().to_string()).await
    }

    async fn document(&self, reference: &OciReference, digest: Digest) -> Result<Document, Error> {
        let document = self
            .read_document(&self.repository(reference), &format!("manifests/{digest}"), &digest.to_string())
            .await?;
        if document.digest == digest {
            return Ok(document);
        }
        Err(Error::WrongDigest { source_name: self.host.clone(), expected: digest, found: document.digest })
    }

    async fn blob(
        &self,
        reference: &OciReference,
        digest: Digest,
        limit: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let what = digest.to_string();
        let mut response = self.get(&self.repository(reference), &format!("blobs/{digest}"), &what).await?;
        let mut hasher = Hasher::default();
        let mut left = limit;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| Error::TooLong {
                source_name: self.host.clone(),
                what: what.clone(),
                limit,
            })?;
            hasher.update(&chunk);
            sink.write(&chunk)?;
        }
        let found = hasher.finish();
        if found == digest {
            return Ok(());
        }
        Err(Error::WrongDigest { source_name: self.host.clone(), expected: digest, found })
    }
}

/// Reads a body that has at most `limit` bytes.
pub(super) async fn read_capped(mut response: Response, limit: u64, host: &str, what: &str) -> Result<Vec<u8>, Error> {
    let too_long = || Error::TooLong { source_name: host.to_owned(), what: what.to_owned(), limit };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(host, error))? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreachable(host: &str, error: reqwest::Error) -> Error {
    Error::Unreachable { host: host.to_owned(), why: super::root(&error.without_url()) }
}

/// The host that is really asked: Docker Hub's registry has another name than its references.
fn contacted(host: &str) -> &str {
    if host == "docker.io" { "registry-1.docker.io" } else { host }
}
