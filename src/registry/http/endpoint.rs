//! One host as requests are sent to it: its address, its limiter, the certificates that are trusted for it. Sends one request
//! to one URL. Tokens, redirects and retries are for others.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url, Version};

use crate::model::reference::source_name::SourceName;
use crate::model::registries::ConnectionSettings;
use crate::model::report::event::{Event, Observer};
use crate::registry::auth::secret::{Secret, SentSecrets};
use crate::registry::error::{Error, NetworkFault, TokenFault};

use super::failure::RequestFailure;
use super::limiter::Limiter;
use super::timeouts::Timeouts;
use super::transport::{Transport, Trust, idle_timeout_error, unanswered};

/// A host of registries.
pub(crate) struct Endpoint {
    /// As references name it.
    pub name: String,
    pub connection: ConnectionSettings,
    pub limiter: Arc<Limiter>,
    pub observer: Arc<dyn Observer>,
    pub sent: SentSecrets,
    /// How often a request to it is sent again.
    pub retries: usize,
    transport: Arc<Transport>,
}

impl Endpoint {
    pub(crate) fn source_name(&self) -> SourceName {
        SourceName::Registry(self.name.clone())
    }

    pub(crate) fn new(
        transport: Arc<Transport>,
        observer: Arc<dyn Observer>,
        name: &str,
        connection: ConnectionSettings,
        retries: usize,
    ) -> Self {
        let (name, limiter, sent) = (name.to_owned(), transport.limiter(name), SentSecrets::default());
        Self { name, connection, limiter, observer, sent, retries, transport }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.transport.timeouts
    }

    /// The URL of a path of the distribution API.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Error> {
        let scheme = if self.connection.plain_http { "http" } else { "https" };
        // Docker Hub's registry has another name than its references.
        let host = if self.name == "docker.io" { "registry-1.docker.io" } else { &self.name };
        let url = format!("{scheme}://{host}/v2/{path}");
        Url::parse(&url).map_err(|source| Error::Url { url, source })
    }

    /// Sends a request for a token to the host that gives them. No redirect is followed.
    pub(crate) async fn send_for_token(
        &self,
        url: &Url,
        pass: Option<&Secret>,
        form: Option<&[(&str, String)]>,
    ) -> Result<Response, RequestFailure> {
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let mut builder = self.request(&method, url, pass)?;
        if let Some(form) = form {
            builder = builder.form(form);
        }
        let sending = tokio::time::timeout(self.timeouts().idle(), builder.send()).await.ok();
        self.received(&method, url, sending)
    }

    /// A request for a URL, by the client that trusts its host as it should, with what lets in.
    pub(crate) fn request(&self, method: &Method, url: &Url, pass: Option<&Secret>) -> Result<RequestBuilder, Error> {
        let builder = self.transport.client(&self.trust(url))?.request(method.clone(), url.clone());
        Ok(match pass {
            Some(pass) => builder.header(AUTHORIZATION, self.header(pass)?),
            None => builder,
        })
    }

    fn header(&self, pass: &Secret) -> Result<HeaderValue, Error> {
        let unfit = |_| Error::Token { host: self.name.clone(), source: TokenFault::NotAHeader };
        let mut value = HeaderValue::from_str(pass.reveal()).map_err(unfit)?;
        value.set_sensitive(true);
        self.sent.remember(pass);
        Ok(value)
    }

    pub(crate) fn received(
        &self,
        method: &Method,
        url: &Url,
        sending: Option<Result<Response, reqwest::Error>>,
    ) -> Result<Response, RequestFailure> {
        let shown = self.sent.scrubbed(&format!("{method} {}://{}{}", url.scheme(), authority(url), url.path()));
        let response = match sending {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                let error = unanswered(&self.named(url), error);
                self.observer.notice(&Event::Requested { request: &shown, outcome: "no answer" });
                let passes = matches!(&error, Error::Unreachable { source, .. } if may_be_transient(source));
                return Err(if passes { RequestFailure::transient(error) } else { error.into() });
            }
            None => {
                self.observer.notice(&Event::Requested { request: &shown, outcome: "no answer in time" });
                return Err(RequestFailure::transient(idle_timeout_error(&self.named(url))));
            }
        };
        let outcome = format!("{} {:?}", response.status().as_u16(), response.version());
        self.observer.notice(&Event::Requested { request: &shown, outcome: &outcome });
        if response.version() == Version::HTTP_2 {
            self.limiter_of(url).allow_http2_requests();
        }
        Ok(response)
    }

    /// What the host of a URL is called in messages.
    pub(crate) fn named(&self, url: &Url) -> String {
        if self.is_own(url) { self.name.clone() } else { url.host_str().unwrap_or_default().to_owned() }
    }

    pub(crate) fn limiter_of(&self, url: &Url) -> Arc<Limiter> {
        if self.is_own(url) { Arc::clone(&self.limiter) } else { self.transport.limiter(&authority(url)) }
    }

    /// Whether a URL is of this very host.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        self.url("").is_ok_and(|own| own.origin() == url.origin())
    }

    fn trust(&self, url: &Url) -> Trust {
        match (url.scheme(), &self.connection.ca) {
            ("http", _) => Trust::NoTls,
            (_, Some(path)) => Trust::SystemAnd(path.clone()),
            _ if self.connection.insecure && self.is_own(url) => Trust::AcceptAny,
            _ => Trust::System,
        }
    }
}

/// `host:port`
pub(crate) fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// Whether what stopped a request may pass. A name that does not exist will not.
///
/// What the system's resolver found out reaches us in its words alone.
fn may_be_transient(fault: &NetworkFault) -> bool {
    let words = fault.to_string();
    !["Name or service not known", "No address associated"].iter().any(|text| words.contains(text))
}
