//! The HTTP clients: timeouts, redirects, proxies. Reads no environment; `cli` hands proxies over.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, ClientBuilder, NoProxy, Proxy};

use super::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 5;

/// The proxies to go through, as the person's environment names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `https://` registries.
    pub https: Option<String>,
    /// For `http://` registries.
    pub http: Option<String>,
    /// Hosts to reach directly, separated by commas.
    pub none_for: Option<String>,
}

/// Makes HTTP clients when they are first needed: one with TLS, one without.
#[derive(Debug, Default)]
pub(super) struct Transport {
    proxies: Proxies,
    tls: OnceLock<Client>,
    plain: OnceLock<Client>,
}

impl Transport {
    pub(super) fn new(proxies: Proxies) -> Self {
        Self { proxies, ..Self::default() }
    }

    /// A client for `https://`, which trusts the CAs of the system.
    pub(super) fn tls(&self) -> Result<&Client, Error> {
        kept(&self.tls, || self.build(Client::builder().https_only(true)))
    }

    /// A client for `http://` alone.
    pub(super) fn plain(&self) -> Result<&Client, Error> {
        kept(&self.plain, || self.build(Client::builder().tls_certs_only([])))
    }

    fn build(&self, mut builder: ClientBuilder) -> Result<Client, Error> {
        builder = builder
            .user_agent(concat!("sesame/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            .redirect(Policy::custom(redirect))
            .no_proxy();
        let none_for = self.proxies.none_for.as_deref().and_then(NoProxy::from_string);
        if let Some(url) = &self.proxies.https {
            let proxy = Proxy::https(url).map_err(|_| Error::Proxy(without_credentials(url)))?;
            builder = builder.proxy(proxy.no_proxy(none_for.clone()));
        }
        if let Some(url) = &self.proxies.http {
            let proxy = Proxy::http(url).map_err(|_| Error::Proxy(without_credentials(url)))?;
            builder = builder.proxy(proxy.no_proxy(none_for));
        }
        builder.build().map_err(|error| Error::Transport(super::line(&error)))
    }
}

fn kept(cell: &OnceLock<Client>, build: impl FnOnce() -> Result<Client, Error>) -> Result<&Client, Error> {
    if let Some(client) = cell.get() {
        return Ok(client);
    }
    let client = build()?;
    Ok(cell.get_or_init(|| client))
}

/// At most five redirects, and never from HTTPS to HTTP.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let downgraded = attempt.url().scheme() != "https" && attempt.previous().iter().any(|url| url.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("it redirects too often")
    } else if downgraded {
        attempt.error("it redirects from HTTPS to HTTP")
    } else {
        attempt.follow()
    }
}

/// A proxy's URL without the part that may hold a password (invariant 8).
fn without_credentials(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_password_is_never_shown() {
        let proxies = Proxies { https: Some("http://user:secret@[nonsense".into()), ..Proxies::default() };
        let error = Transport::new(proxies).tls().unwrap_err().to_string();
        assert!(error.contains("nonsense") && !error.contains("secret"), "{error}");
    }
}
