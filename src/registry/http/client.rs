//! One host, as it is spoken to: its address, its queue, its tokens. Sends one request, with what it takes to get in and
//! along redirects; trying again is for others.

use std::sync::Arc;

use oci_client::errors::OciEnvelope;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, Version};

use crate::model::registries::Contact;
use crate::model::report::event::{Event, Observer};
use crate::registry::auth::challenge::{self, Challenge};
use crate::registry::auth::credentials::{Found, Keyring};
use crate::registry::auth::secret::{Secret, Sent};
use crate::registry::auth::{Scope, Tokens};
use crate::registry::error::{Doing, Error};
use crate::registry::publish::upload::Upload;

use super::body::Body;
use super::limiter::{Gate, Turn};
use super::retry::{Failure, is_passing};
use super::timeouts::Pace;
use super::transport::{Transport, Trust, silent, unanswered};

/// The most that is read of an error's body, in bytes.
const MAX_ERROR: u64 = 64 << 10;

/// How many redirects in a row are followed.
const MAX_REDIRECTS: usize = 5;

/// What all hosts of a run share.
pub(crate) struct Common {
    pub transport: Transport,
    pub keyring: Keyring,
    pub observer: Arc<dyn Observer>,
}

/// One host of registries.
pub(crate) struct Host {
    /// As references name it.
    pub name: String,
    pub contact: Contact,
    pub gate: Arc<Gate>,
    pub observer: Arc<dyn Observer>,
    pub sent: Sent,
    /// How often a request to it is sent again.
    pub retries: usize,
    common: Arc<Common>,
    tokens: Tokens,
}

/// One request to a host.
pub(crate) struct Request {
    pub method: Method,
    pub url: Url,
    /// What it needs the permission for.
    pub scope: Scope,
    pub headers: HeaderMap,
    pub body: Option<Upload>,
    /// What it asks for, in messages.
    pub what: String,
}

impl Host {
    pub(crate) fn new(common: Arc<Common>, name: &str, contact: Contact, retries: usize) -> Self {
        Self {
            name: name.to_owned(),
            contact,
            gate: common.transport.gate(name),
            observer: Arc::clone(&common.observer),
            sent: Sent::default(),
            retries,
            common,
            tokens: Tokens::default(),
        }
    }

    pub(crate) fn pace(&self) -> Pace {
        self.common.transport.pace
    }

    /// The URL of a path of the distribution API.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Error> {
        let scheme = if self.contact.plain_http { "http" } else { "https" };
        // Docker Hub's registry has another name than its references.
        let host = if self.name == "docker.io" { "registry-1.docker.io" } else { &self.name };
        let url = format!("{scheme}://{host}/v2/{path}");
        Url::parse(&url).map_err(|error| Error::Transport(format!("{url} is no URL: {error}")))
    }

    /// The credential for one of its repositories, unless the project's settings would show it to others.
    pub(crate) async fn credential(&self, repository: &str) -> Option<Found> {
        match self.contact.withheld {
            Some(_) => None,
            None => self.common.keyring.find(&self.name, repository).await,
        }
    }

    /// Sends a request, with a token where one is wanted. An answer is a success.
    pub(crate) async fn answer(&self, request: &Request) -> Result<Body, Failure> {
        let (response, turn) = self.any_answer(request).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, turn, request).await);
        }
        self.gate.succeeded();
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING).filter(|value| *value != "identity") {
            let encoding = self.sent.shown(encoding.to_str().unwrap_or("?"));
            return Err(Error::Encoded { host: self.name.clone(), encoding }.into());
        }
        let name = self.named(response.url());
        Ok(Body::new(response, &name, self.pace(), Some(turn)))
    }

    /// Sends a request, with a token where one is wanted, and gives the answer whatever its status.
    async fn any_answer(&self, request: &Request) -> Result<(Response, Turn), Failure> {
        let turn = self.gate.enter(self.retries).await?;
        let mut pass = self.tokens.before(self, request).await?;
        let (mut response, mut turn) = self.follow(request, pass.as_ref(), turn).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.is_own(response.url()) {
            let asked = challenge::of_response(response.headers());
            drop(response);
            pass = Some(self.tokens.renew(self, request, pass.as_ref(), asked).await?);
            (response, turn) = self.follow(request, pass.as_ref(), turn).await?;
            // Another token would be refused as well; a password is told to be wrong.
            if response.status() == StatusCode::UNAUTHORIZED
                && challenge::of_response(response.headers()) == Challenge::Basic
            {
                self.tokens.renew(self, request, pass.as_ref(), Challenge::Basic).await?;
            }
        }
        Ok((response, turn))
    }

    /// Sends a request as anybody, and gives the answer whatever its status, unless that may pass.
    pub(crate) async fn anonymous_answer(&self, request: &Request) -> Result<Response, Failure> {
        let turn = self.gate.enter(self.retries).await?;
        let (response, turn) = self.follow(request, None, turn).await?;
        if is_passing(response.status()) { Err(self.refusal(response, turn, request).await) } else { Ok(response) }
    }

    /// Sends a request, and follows where it is redirected. The credentials stay with this host; on another, its queue
    /// counts.
    async fn follow(
        &self,
        request: &Request,
        pass: Option<&Secret>,
        mut turn: Turn,
    ) -> Result<(Response, Turn), Failure> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(request, &url, pass.filter(|_| self.is_own(&url))).await?;
            let Some(location) = redirection(&request.method, &response) else { return Ok((response, turn)) };
            let unfit = |why: &str| Error::Unreachable { host: self.named(&url), why: why.to_owned() };
            let location = location.to_str().ok().and_then(|location| url.join(location).ok());
            let next = location.filter(|next| matches!(next.scheme(), "http" | "https"));
            let next = next.ok_or_else(|| unfit("it redirects to what is no address"))?;
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(unfit("it redirects from HTTPS to HTTP").into());
            }
            if authority(&url) != authority(&next) {
                drop(turn);
                turn = self.gate_of(&next).enter(self.retries).await?;
            }
            url = next;
        }
        Err(Error::Unreachable { host: self.name.clone(), why: "it redirects too often".to_owned() }.into())
    }

    async fn send(&self, request: &Request, url: &Url, pass: Option<&Secret>) -> Result<Response, Failure> {
        let builder = self.builder(&request.method, url, pass)?.headers(request.headers.clone());
        let sending = match &request.body {
            Some(upload) => upload.send(builder, self.pace()).await,
            None => tokio::time::timeout(self.pace().silence(), builder.send()).await.ok(),
        };
        self.received(&request.method, url, sending)
    }

    /// Sends a request for a token, to whatever host gives them. No redirect is followed.
    pub(crate) async fn send_for_token(
        &self,
        url: &Url,
        pass: Option<&Secret>,
        form: Option<&[(&str, String)]>,
    ) -> Result<Response, Failure> {
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let mut builder = self.builder(&method, url, pass)?;
        if let Some(form) = form {
            builder = builder.form(form);
        }
        let sending = tokio::time::timeout(self.pace().silence(), builder.send()).await.ok();
        self.received(&method, url, sending)
    }

    /// A request for a URL, by the client that trusts its host as it should, with what lets in.
    fn builder(&self, method: &Method, url: &Url, pass: Option<&Secret>) -> Result<RequestBuilder, Error> {
        let builder = self.common.transport.client(&self.trust(url))?.request(method.clone(), url.clone());
        Ok(match pass {
            Some(pass) => builder.header(AUTHORIZATION, self.header(pass)?),
            None => builder,
        })
    }

    fn header(&self, pass: &Secret) -> Result<HeaderValue, Error> {
        let unfit = |_| Error::Token { host: self.name.clone(), why: "it holds what no header can".to_owned() };
        let mut value = HeaderValue::from_str(pass.reveal()).map_err(unfit)?;
        value.set_sensitive(true);
        self.sent.note(pass);
        Ok(value)
    }

    fn received(
        &self,
        method: &Method,
        url: &Url,
        sending: Option<Result<Response, reqwest::Error>>,
    ) -> Result<Response, Failure> {
        let shown = self.sent.scrubbed(&format!("{method} {}://{}{}", url.scheme(), authority(url), url.path()));
        let response = match sending {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                let error = unanswered(&self.named(url), error);
                self.observer.notice(&Event::Requested { request: &shown, outcome: "no answer" });
                let passes = matches!(&error, Error::Unreachable { why, .. } if may_pass(why));
                return Err(if passes { Failure::passing(error) } else { error.into() });
            }
            None => {
                self.observer.notice(&Event::Requested { request: &shown, outcome: "no answer in time" });
                return Err(Failure::passing(silent(&self.named(url))));
            }
        };
        let outcome = format!("{} {:?}", response.status().as_u16(), response.version());
        self.observer.notice(&Event::Requested { request: &shown, outcome: &outcome });
        if response.version() == Version::HTTP_2 {
            self.gate_of(url).widen();
        }
        Ok(response)
    }

    async fn refusal(&self, response: Response, turn: Turn, request: &Request) -> Failure {
        let (status, headers) = (response.status(), response.headers().clone());
        let name = self.named(response.url());
        let message = self.message(response, turn).await;
        let (host, what, number) = (name.clone(), request.what.clone(), status.as_u16());
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let error = match status {
            StatusCode::NOT_FOUND if reads => Error::NotFound { source_name: host, what, message },
            StatusCode::NOT_FOUND => Error::NoRepository { host, what, message },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match self.contact.withheld {
                Some(setting) => Error::Withheld { host, setting },
                None => {
                    let doing = if reads { Doing::Reading } else { Doing::Writing };
                    Error::Denied { host, doing, what, status: number, message }
                }
            },
            _ => Error::Status { host, what, status: number, message },
        };
        Failure::of_status(&name, status, &headers, error)
    }

    /// What a host says of an error, as it may be shown.
    async fn message(&self, response: Response, turn: Turn) -> String {
        let body = Body::new(response, &self.name, self.pace(), Some(turn)).read(MAX_ERROR, "an error").await;
        let envelope: Option<OciEnvelope> = serde_json::from_slice(&body.unwrap_or_default()).ok();
        let error = envelope.and_then(|envelope| envelope.errors.into_iter().next());
        self.sent.shown(&error.map(|error| error.message).unwrap_or_default())
    }

    /// What the host of a URL is called in messages.
    pub(crate) fn named(&self, url: &Url) -> String {
        if self.is_own(url) { self.name.clone() } else { url.host_str().unwrap_or_default().to_owned() }
    }

    fn gate_of(&self, url: &Url) -> Arc<Gate> {
        if self.is_own(url) { Arc::clone(&self.gate) } else { self.common.transport.gate(&authority(url)) }
    }

    /// Whether a URL is of this very host.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        self.url("").is_ok_and(|own| own.origin() == url.origin())
    }

    fn trust(&self, url: &Url) -> Trust {
        match (url.scheme(), &self.contact.ca) {
            ("http", _) => Trust::Plain,
            (_, Some(path)) => Trust::And(path.clone()),
            _ if self.contact.insecure && self.is_own(url) => Trust::Everybody,
            _ => Trust::System,
        }
    }
}

/// `host:port`
pub(crate) fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// Where an answer redirects to. Only questions are redirected.
fn redirection<'a>(method: &Method, response: &'a Response) -> Option<&'a HeaderValue> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let asks = matches!(*method, Method::GET | Method::HEAD);
    response.headers().get(LOCATION).filter(|_| redirects && asks)
}

/// Whether what stopped a request may pass. A name that does not exist will not.
fn may_pass(why: &str) -> bool {
    !["Name or service not known", "No address associated"].iter().any(|text| why.contains(text))
}
