//! The HTTP clients, one for each way of trusting; timeouts, proxies. Redirects are followed elsewhere. Reads no
//! environment; `cli` hands proxies over.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy};

use super::error::{Distrust, Error, line, root};
use super::gate::Gate;
use super::pace::{Pace, SILENCE};
use super::secret::Secret;

/// The proxies to go through, as the person's environment names them. Their URLs may hold passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `https://` registries.
    pub https: Option<Secret>,
    /// For `http://` registries.
    pub http: Option<Secret>,
    /// Hosts to reach directly, separated by commas.
    pub none_for: Option<String>,
}

/// This machine, which no proxy can reach.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Trust {
    /// There is no TLS.
    Plain,
    /// Those of the system's CAs.
    System,
    /// Those of the CAs in a PEM file too.
    And(PathBuf),
    /// Any.
    Everybody,
}

/// Makes HTTP clients when they are first needed, and keeps the queue of each host.
#[derive(Debug)]
pub(super) struct Transport {
    pub pace: Pace,
    proxies: Proxies,
    clients: Mutex<HashMap<Trust, Client>>,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

impl Transport {
    pub(super) fn new(proxies: Proxies, pace: Pace) -> Self {
        Self { pace, proxies, clients: Mutex::default(), gates: Mutex::default() }
    }

    pub(super) fn client(&self, trust: &Trust) -> Result<Client, Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(trust) {
            return Ok(client.clone());
        }
        let client = self.build(trust)?;
        clients.insert(trust.clone(), client.clone());
        Ok(client)
    }

    /// The queue of a host.
    pub(super) fn gate(&self, host: &str) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(host.to_owned()).or_default())
    }

    fn build(&self, trust: &Trust) -> Result<Client, Error> {
        let mut builder = match trust {
            Trust::Plain => Client::builder().tls_certs_only([]),
            Trust::System => Client::builder().https_only(true),
            Trust::And(path) => Client::builder().https_only(true).tls_certs_merge(certificates(path)?),
            Trust::Everybody => Client::builder().https_only(true).tls_danger_accept_invalid_certs(true),
        };
        builder = builder
            .user_agent(concat!("sesame/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.pace.connect())
            .redirect(Policy::none())
            .no_proxy();
        builder = self.with_proxies(builder)?;
        builder.build().map_err(|error| Error::Transport(line(&error)))
    }

    fn with_proxies(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        let named = self.proxies.none_for.as_deref().unwrap_or_default();
        let none_for = NoProxy::from_string(&format!("{named},{THIS_MACHINE}"));
        let fault = |url: &Secret| Error::Proxy(without_credentials(url.reveal()));
        if let Some(url) = &self.proxies.https {
            let proxy = Proxy::https(url.reveal()).map_err(|_| fault(url))?;
            builder = builder.proxy(proxy.no_proxy(none_for.clone()));
        }
        if let Some(url) = &self.proxies.http {
            let proxy = Proxy::http(url.reveal()).map_err(|_| fault(url))?;
            builder = builder.proxy(proxy.no_proxy(none_for));
        }
        Ok(builder)
    }
}

/// Why a request got no answer.
pub(super) fn unanswered(host: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let (host, why) = (host.to_owned(), root(&error));
    match distrust(&error) {
        Some(why) => Error::Certificate { host, why },
        None if why.contains("InvalidContentType") => Error::NoTls { host },
        None => Error::Unreachable { host, why },
    }
}

/// Why a host that says nothing is given up.
pub(super) fn silent(host: &str) -> Error {
    Error::Unreachable { host: host.to_owned(), why: format!("it sent nothing for {} s", SILENCE.as_secs()) }
}

/// What is wrong with a certificate, if that is what stopped a request.
fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<Distrust> {
    use rustls::CertificateError as Fault;
    // An I/O error does not count what it holds among its sources.
    let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let held = held.and_then(|held| distrust(held));
    if held.is_some() {
        return held;
    }
    let Some(rustls::Error::InvalidCertificate(fault)) = error.downcast_ref() else {
        return error.source().and_then(distrust);
    };
    Some(match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => Distrust::Expired,
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => Distrust::NotYet,
        Fault::UnknownIssuer | Fault::BadSignature => Distrust::UnknownIssuer,
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => Distrust::OtherName,
        other => Distrust::Other(other.to_string()),
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Error> {
    let fault = |why: String| Error::Ca { path: path.to_owned(), why };
    let pem = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| fault(root(&error)))?;
    if certificates.is_empty() { Err(fault("it has none in the PEM format".to_owned())) } else { Ok(certificates) }
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
        let url = Secret::new("http://user:secret@[nonsense".into());
        let proxies = Proxies { https: Some(url), ..Proxies::default() };
        assert!(!format!("{proxies:?}").contains("secret"));
        let error = Transport::new(proxies, Pace::default()).client(&Trust::System).unwrap_err().to_string();
        assert!(error.contains("nonsense") && !error.contains("secret"), "{error}");
    }
}
