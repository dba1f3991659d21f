//! One host with the tokens for it. Sends one request: authenticated where the host wants that, and along redirects. Sending it
//! again is for `retry`.

use std::sync::Arc;

use oci_client::errors::OciEnvelope;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use crate::model::reference::source_name::SourceName;
use crate::registry::auth::challenge::{self, Challenge};
use crate::registry::auth::credentials::{FoundCredential, Keyring};
use crate::registry::auth::scope::TokenScope;
use crate::registry::auth::secret::Secret;
use crate::registry::auth::token_client::{TokenClient, TokenRequest};
use crate::registry::error::{AccessKind, Error, NetworkFault};
use crate::registry::publish::upload::Upload;

use super::body::Body;
use super::endpoint::{Endpoint, authority};
use super::failure::{RequestFailure, is_transient};
use super::limiter::Permit;

/// The most that is read of an error's body, in bytes.
const MAX_ERROR: u64 = 64 << 10;

/// How many redirects in a row are followed.
const MAX_REDIRECTS: usize = 5;

/// One host of registries.
pub(crate) struct Client {
    pub endpoint: Endpoint,
    tokens: TokenClient,
}

/// One request to a host.
pub(crate) struct HttpRequest {
    pub method: Method,
    pub url: Url,
    /// What it needs the permission for.
    pub scope: TokenScope,
    pub headers: HeaderMap,
    pub body: Option<Upload>,
    /// What it asks for, in messages.
    pub what: String,
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint, keyring: Arc<Keyring>) -> Self {
        Self { endpoint, tokens: TokenClient::new(keyring) }
    }

    /// The credential for one of its repositories, unless the project's settings would show it to others.
    pub(crate) async fn credential(&self, repository: &str) -> Option<FoundCredential> {
        self.tokens.credential(&self.endpoint, repository).await
    }

    /// Sends a request, with a token where one is wanted. An answer is a success.
    pub(crate) async fn send_checked(&self, request: &HttpRequest) -> Result<Body, RequestFailure> {
        let (response, permit) = self.send_authenticated(request).await?;
        if !response.status().is_success() {
            return Err(self.error_of(response, permit, request).await);
        }
        self.endpoint.limiter.succeeded();
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING).filter(|value| *value != "identity") {
            let encoding = self.endpoint.sent.redacted(encoding.to_str().unwrap_or("?"));
            return Err(Error::Encoded { host: self.endpoint.name.clone(), encoding }.into());
        }
        let name = self.endpoint.named(response.url());
        Ok(Body::new(response, &name, self.endpoint.timeouts(), Some(permit)))
    }

    /// Sends a request, with a token where one is wanted, and gives the answer whatever its status.
    async fn send_authenticated(&self, request: &HttpRequest) -> Result<(Response, Permit), RequestFailure> {
        let permit = self.endpoint.limiter.enter(self.endpoint.retries).await?;
        let mut pass = self.tokens.known_authorization(self.token_for(request)).await?;
        let (mut response, mut permit) = self.follow_redirects(request, pass.as_ref(), permit).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.endpoint.is_own(response.url()) {
            let asked = challenge::of_response(response.headers());
            drop(response);
            pass = Some(self.tokens.renew(self.token_for(request), pass.as_ref(), asked).await?);
            (response, permit) = self.follow_redirects(request, pass.as_ref(), permit).await?;
            // Another token would be refused as well; a password is told to be wrong.
            if response.status() == StatusCode::UNAUTHORIZED
                && challenge::of_response(response.headers()) == Challenge::Basic
            {
                self.tokens.renew(self.token_for(request), pass.as_ref(), Challenge::Basic).await?;
            }
        }
        Ok((response, permit))
    }

    /// Sends a request as anybody, and gives the answer whatever its status, unless that may pass.
    pub(crate) async fn send_anonymous(&self, request: &HttpRequest) -> Result<Response, RequestFailure> {
        let permit = self.endpoint.limiter.enter(self.endpoint.retries).await?;
        let (response, permit) = self.follow_redirects(request, None, permit).await?;
        if is_transient(response.status()) { Err(self.error_of(response, permit, request).await) } else { Ok(response) }
    }

    /// Sends a request, and follows where it is redirected. The credentials stay with this host; on another, its queue
    /// counts.
    async fn follow_redirects(
        &self,
        request: &HttpRequest,
        pass: Option<&Secret>,
        mut permit: Permit,
    ) -> Result<(Response, Permit), RequestFailure> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(request, &url, pass.filter(|_| self.endpoint.is_own(&url))).await?;
            let Some(location) = redirection(&request.method, &response) else { return Ok((response, permit)) };
            let unfit = |source| Error::Unreachable { host: self.endpoint.named(&url), source };
            let location = location.to_str().ok().and_then(|location| url.join(location).ok());
            let next = location.filter(|next| matches!(next.scheme(), "http" | "https"));
            let next = next.ok_or_else(|| unfit(NetworkFault::RedirectToNoAddress))?;
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(unfit(NetworkFault::RedirectToHttp).into());
            }
            if authority(&url) != authority(&next) {
                drop(permit);
                permit = self.endpoint.limiter_of(&next).enter(self.endpoint.retries).await?;
            }
            url = next;
        }
        Err(Error::Unreachable { host: self.endpoint.name.clone(), source: NetworkFault::TooManyRedirects }.into())
    }

    async fn send(&self, request: &HttpRequest, url: &Url, pass: Option<&Secret>) -> Result<Response, RequestFailure> {
        let builder = self.endpoint.request(&request.method, url, pass)?.headers(request.headers.clone());
        let sending = match &request.body {
            Some(upload) => upload.send(builder, self.endpoint.timeouts()).await,
            None => tokio::time::timeout(self.endpoint.timeouts().idle(), builder.send()).await.ok(),
        };
        self.endpoint.received(&request.method, url, sending)
    }

    async fn error_of(&self, response: Response, permit: Permit, request: &HttpRequest) -> RequestFailure {
        let (status, headers) = (response.status(), response.headers().clone());
        let name = self.endpoint.named(response.url());
        let message = self.message(response, permit).await;
        let (host, what, number) = (name.clone(), request.what.clone(), status.as_u16());
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let error = match status {
            StatusCode::NOT_FOUND if reads => Error::NotFound {
                source_name: SourceName::Registry(host),
                what,
                by_tag: false,
                closest: Vec::new(),
                message,
            },
            StatusCode::NOT_FOUND => Error::NoRepository { host, what, message },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match self.endpoint.connection.withheld {
                Some(setting) => Error::Withheld { host, setting },
                None => {
                    let doing = if reads { AccessKind::Reading } else { AccessKind::Writing };
                    Error::Denied { host, doing, what, status: number, message }
                }
            },
            _ => Error::Status { host, what, status: number, message },
        };
        RequestFailure::of_status(&name, status, &headers, error)
    }

    fn token_for<'a>(&'a self, request: &'a HttpRequest) -> TokenRequest<'a> {
        TokenRequest { endpoint: &self.endpoint, scope: &request.scope, what: &request.what }
    }

    /// What a host says of an error, as it may be shown.
    async fn message(&self, response: Response, permit: Permit) -> String {
        let body = Body::new(response, &self.endpoint.name, self.endpoint.timeouts(), Some(permit))
            .read(MAX_ERROR, "an error")
            .await;
        let envelope: Option<OciEnvelope> = serde_json::from_slice(&body.unwrap_or_default()).ok();
        let error = envelope.and_then(|envelope| envelope.errors.into_iter().next());
        self.endpoint.sent.redacted(&error.map(|error| error.message).unwrap_or_default())
    }
}

/// Where an answer redirects to. Only questions are redirected.
fn redirection<'a>(method: &Method, response: &'a Response) -> Option<&'a HeaderValue> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let asks = matches!(*method, Method::GET | Method::HEAD);
    response.headers().get(LOCATION).filter(|_| redirects && asks)
}
