//! Reads from a registry that speaks the OCI distribution API
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>), trying again what may pass.

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::model::bounds::MAX_OCI_MANIFEST;
use crate::model::digest::Digest;
use crate::model::reference::source_name::SourceName;
use crate::model::reference::{OciReference, OciRepository};
use crate::registry::artifact;
use crate::registry::auth::scope::{TokenAction, TokenScope};
use crate::registry::error::{Error, NetworkFault};
use crate::registry::http::body::Body;
use crate::registry::http::client::{Client, HttpRequest};
use crate::registry::http::failure::RequestFailure;
use crate::registry::http::retry::RetryTimer;

use super::{OciDocument, Sink, Source};

/// The bytes for which a try was worth it, so that the next one counts as the first again.
const PROGRESS: u64 = 1 << 20;

/// A registry, or a mirror of one.
pub(crate) struct RemoteSource {
    pub client: Client,
    /// Stands before each repository's name; empty, or ends in `/`.
    prefix: String,
}

impl RemoteSource {
    pub(crate) fn new(client: Client, prefix: &str) -> Self {
        Self { client, prefix: prefix.to_owned() }
    }

    /// A request about a repository.
    pub(crate) fn request(
        &self,
        method: Method,
        repository: &str,
        path: &str,
        action: TokenAction,
        what: &str,
    ) -> Result<HttpRequest, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(artifact::ACCEPT));
        let scope = TokenScope { repository: repository.to_owned(), action };
        let url = self.client.endpoint.url(&format!("{repository}/{path}"))?;
        Ok(HttpRequest { method, url, scope, headers, body: None, what: what.to_owned() })
    }

    /// The document at `manifests/` and a tag or digest.
    pub(crate) async fn read_document(
        &self,
        repository: &str,
        name: &str,
        action: TokenAction,
        what: &str,
    ) -> Result<OciDocument, Error> {
        let request = self.request(Method::GET, repository, &format!("manifests/{name}"), action, what)?;
        let mut retries = RetryTimer::new(&self.client.endpoint);
        loop {
            match self.try_document(&request).await {
                Ok(document) => return Ok(document),
                Err(failure) => retries.wait_or_fail(failure).await?,
            }
        }
    }

    async fn try_document(&self, request: &HttpRequest) -> Result<OciDocument, RequestFailure> {
        let body = self.client.send_checked(request).await?;
        let header = |name: &str| body.response.headers().get(name).and_then(|value| value.to_str().ok());
        let (digest, media_type) = (header("docker-content-digest"), header(CONTENT_TYPE.as_str()));
        let (digest, media_type) = (digest.map(str::to_owned), media_type.map(str::to_owned));
        let document = OciDocument::new(body.read(MAX_OCI_MANIFEST, &request.what).await?);
        let host = self.client.endpoint.name.clone();
        if self.client.endpoint.sent.are_in(&document.bytes) {
            return Err(Error::CredentialsReflected { host, what: request.what.clone() }.into());
        }
        let wrong = |digest: &String| digest.starts_with("sha256:") && *digest != document.digest.to_string();
        if let Some(digest) = digest.filter(wrong) {
            let header = self.client.endpoint.sent.redacted(&digest);
            return Err(
                Error::Header { source_name: SourceName::Registry(host), header, found: document.digest }.into()
            );
        }
        if let Some((header, found)) = media_type.and_then(|header| artifact::contradiction(&header, &document.bytes)) {
            let (header, found) =
                (self.client.endpoint.sent.redacted(&header), self.client.endpoint.sent.redacted(&found));
            return Err(Error::MediaType { host, header, found }.into());
        }
        Ok(document)
    }

    /// Asks for what the sink lacks of a blob, and passes it on. Gives the place where it began.
    async fn receive(&self, request: &mut HttpRequest, size: u64, sink: &mut dyn Sink) -> Result<u64, RequestFailure> {
        if sink.size() > size {
            sink.restart().map_err(Error::from)?;
        }
        if sink.size() == size && size > 0 {
            return Ok(size);
        }
        let mut body = self.open(request, size, sink).await?;
        let start = sink.size();
        let too_long = || {
            let (source_name, what) = (self.name(), request.what.clone());
            Error::TooLong { source_name, what, limit: size }
        };
        let announced = body.response.content_length();
        if announced.is_some_and(|length| start.saturating_add(length) > size) {
            return Err(too_long().into());
        }
        while let Some(chunk) = body.chunk().await? {
            if sink.size() + chunk.len() as u64 > size {
                return Err(too_long().into());
            }
            sink.write(&chunk).map_err(Error::from)?;
        }
        // A body without a length ends where its connection does, rightly or not.
        let broken_off = announced.is_none() && sink.size() < size;
        if broken_off { Err(body.broken_off(NetworkFault::Incomplete)) } else { Ok(start) }
    }

    /// Asks for the rest of a blob. An answer that is another part of it makes the sink empty, so that the next try asks
    /// for the whole.
    async fn open(&self, request: &mut HttpRequest, size: u64, sink: &mut dyn Sink) -> Result<Body, RequestFailure> {
        let start = sink.size();
        request.headers.remove(RANGE);
        if start > 0 {
            let range = HeaderValue::from_str(&format!("bytes={start}-"));
            request.headers.extend(range.map(|range| (RANGE, range)));
        }
        let answer = self.client.send_checked(request).await;
        let unfit = |status: u16, why: &str| {
            let (host, what, message) = (self.client.endpoint.name.clone(), request.what.clone(), why.to_owned());
            Error::Status { host, what, status, message }
        };
        match answer {
            Err(RequestFailure { error: Error::Status { status: 416, .. }, .. }) if start > 0 => {
                sink.restart().map_err(Error::from)?;
                Err(RequestFailure::transient(unfit(416, "it refuses to go on where the download stopped")))
            }
            Ok(body) if start == 0 && body.response.status() == StatusCode::PARTIAL_CONTENT => {
                Err(unfit(206, "a part that nobody asked for").into())
            }
            Ok(body) if start > 0 && !continues(&body.response, start, size) => {
                sink.restart().map_err(Error::from)?;
                match body.response.status() {
                    StatusCode::OK => Ok(body),
                    status => Err(RequestFailure::transient(unfit(status.as_u16(), "another range than asked for"))),
                }
            }
            answer => answer,
        }
    }

    fn repository(&self, reference: &OciReference) -> String {
        format!("{}{}", self.prefix, reference.repository())
    }
}

#[async_trait]
impl Source for RemoteSource {
    fn name(&self) -> SourceName {
        self.client.endpoint.source_name()
    }

    async fn tags(&self, repository: &OciRepository) -> Result<Vec<String>, Error> {
        let name = format!("{}{}", self.prefix, repository.name());
        self.list_tags(&name, &format!("the tag list of {repository}")).await
    }

    async fn tagged(&self, reference: &OciReference) -> Result<OciDocument, Error> {
        let what = reference.without_provenance().to_string();
        self.read_document(&self.repository(reference), reference.revision(), TokenAction::Pull, &what).await
    }

    async fn document(&self, reference: &OciReference, digest: Digest) -> Result<OciDocument, Error> {
        let name = digest.to_string();
        let document = self.read_document(&self.repository(reference), &name, TokenAction::Pull, &name).await?;
        if document.digest == digest {
            return Ok(document);
        }
        Err(Error::WrongDigest { source_name: self.name(), expected: digest, found: document.digest })
    }

    async fn blob(
        &self,
        reference: &OciReference,
        digest: Digest,
        size: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let repository = self.repository(reference);
        let path = format!("blobs/{digest}");
        let mut request = self.request(Method::GET, &repository, &path, TokenAction::Pull, &digest.to_string())?;
        let mut retries = RetryTimer::new(&self.client.endpoint);
        // What is there from an earlier run may be of another source, or damaged.
        let mut inherited = sink.size() > 0;
        let mut most = sink.size();
        loop {
            match self.receive(&mut request, size, sink).await {
                Ok(start) => {
                    let found = sink.digest();
                    if found == digest {
                        return Ok(());
                    }
                    if !inherited || start == 0 {
                        return Err(Error::WrongDigest { source_name: self.name(), expected: digest, found });
                    }
                    (inherited, most) = (false, 0);
                    sink.restart()?;
                }
                Err(failure) => {
                    // What is fetched a second time is no progress.
                    if sink.size() >= most + PROGRESS {
                        most = sink.size();
                        retries = RetryTimer::new(&self.client.endpoint);
                    }
                    retries.wait_or_fail(failure).await?;
                }
            }
        }
    }
}

/// Whether an answer is exactly the rest of a blob.
fn continues(response: &Response, start: u64, size: u64) -> bool {
    let expected = format!("bytes {start}-{}/{size}", size - 1);
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT && range == Some(expected.as_str())
}
