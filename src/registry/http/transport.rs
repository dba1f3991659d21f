//! The HTTP clients, one for each way of trusting; timeouts, proxies. Redirects are followed elsewhere. Reads no
//! environment; `cli` hands proxies over.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, NoProxy, Proxy};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::named_files;
use crate::registry::auth::secret::Secret;
use crate::registry::error::{CaFault, CertificateFault, Error, NetworkFault};

use super::limiter::Limiter;
use super::named_certificates;
use super::timeouts::{IDLE_TIMEOUT, Timeouts};

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

/// The most that is read of a file with CA certificates, in bytes. The system's own list has a quarter of that.
const MAX_CA: u64 = 1 << 20;

/// This machine, which no proxy can reach.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Trust {
    /// There is no TLS.
    NoTls,
    /// Those of the system's CAs.
    System,
    /// Those of the CAs in a PEM file too.
    SystemAnd(PathBuf),
    /// Any.
    AcceptAny,
}

/// Makes HTTP clients when they are first needed, and keeps the queue of each host.
#[derive(Debug)]
pub(crate) struct Transport {
    pub timeouts: Timeouts,
    proxies: Proxies,
    clients: Mutex<HashMap<Trust, Client>>,
    limiters: Mutex<HashMap<String, Arc<Limiter>>>,
}

impl Transport {
    pub(crate) fn new(proxies: Proxies, timeouts: Timeouts) -> Self {
        Self { timeouts, proxies, clients: Mutex::default(), limiters: Mutex::default() }
    }

    pub(crate) fn client(&self, trust: &Trust) -> Result<Client, Error> {
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(trust) {
            return Ok(client.clone());
        }
        let client = self.build(trust)?;
        clients.insert(trust.clone(), client.clone());
        Ok(client)
    }

    /// The queue of a host.
    pub(crate) fn limiter(&self, host: &str) -> Arc<Limiter> {
        let mut limiters = self.limiters.lock();
        Arc::clone(limiters.entry(host.to_owned()).or_default())
    }

    fn build(&self, trust: &Trust) -> Result<Client, Error> {
        let mut builder = match trust {
            Trust::NoTls => Client::builder().tls_certs_only([]),
            Trust::System => Client::builder().https_only(true),
            Trust::SystemAnd(path) => {
                let malformed = |_| Error::Ca { path: path.clone(), source: CaFault::Malformed };
                let trusting = named_certificates::trusting(certificates(path)?).map_err(malformed)?;
                Client::builder().https_only(true).tls_backend_preconfigured(trusting)
            }
            Trust::AcceptAny => Client::builder().https_only(true).tls_danger_accept_invalid_certs(true),
        };
        builder = builder
            .user_agent(concat!("sesame/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.timeouts.connect())
            .redirect(Policy::none())
            .no_proxy();
        builder = self.with_proxies(builder)?;
        builder.build().map_err(|error| Error::Transport(Arc::new(error)))
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
pub(crate) fn unanswered(host: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let host = host.to_owned();
    match tls_fault(&error) {
        Some(rustls::Error::InvalidCertificate(fault)) => Error::Certificate { host, source: certificate_fault(fault) },
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => Error::NoTls { host },
        Some(fault) => Error::Tls { host, why: tls_words(fault) },
        None => Error::Unreachable { host, source: NetworkFault::Failed { error: Arc::new(error) } },
    }
}

/// Why a host that says nothing is given up.
pub(crate) fn idle_timeout_error(host: &str) -> Error {
    Error::Unreachable { host: host.to_owned(), source: NetworkFault::Silent { seconds: IDLE_TIMEOUT.as_secs() } }
}

/// What was wrong with TLS, if that is what stopped a request.
fn tls_fault<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    // An I/O error does not count what it holds among its sources.
    let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let held = held.and_then(|held| tls_fault(held));
    held.or_else(|| error.downcast_ref()).or_else(|| error.source().and_then(tls_fault))
}

/// What is wrong with TLS, besides certificates. rustls itself quotes its own types.
fn tls_words(fault: &rustls::Error) -> &'static str {
    match fault {
        rustls::Error::AlertReceived(_) => "it refuses the connection",
        rustls::Error::PeerIncompatible(_) => "it has no TLS version or cipher suite in common with this machine",
        rustls::Error::PeerMisbehaved(_)
        | rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. }
        | rustls::Error::InvalidMessage(_)
        | rustls::Error::DecryptError => "it sent an invalid TLS message",
        rustls::Error::NoCertificatesPresented => "it sent no certificate",
        _ => "no secure connection could be made",
    }
}

/// What is wrong with a certificate.
fn certificate_fault(fault: &rustls::CertificateError) -> CertificateFault {
    use rustls::CertificateError as Fault;
    match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => CertificateFault::Expired,
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => CertificateFault::NotYet,
        Fault::UnknownIssuer => CertificateFault::UnknownIssuer,
        Fault::BadSignature => CertificateFault::Signature,
        Fault::NotValidForNameContext { presented, .. } if presented.is_empty() => CertificateFault::NoName,
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => CertificateFault::OtherName,
        Fault::BadEncoding => CertificateFault::Malformed,
        #[expect(deprecated, reason = "what rustls may still say")]
        Fault::UnsupportedSignatureAlgorithm
        | Fault::UnsupportedSignatureAlgorithmContext { .. }
        | Fault::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => CertificateFault::Algorithm,
        Fault::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => CertificateFault::CaItself,
            Some(webpki::Error::EndEntityUsedAsCa) => CertificateFault::NotSignedByCa,
            Some(webpki::Error::UnsupportedCertVersion) => CertificateFault::OldVersion,
            _ => CertificateFault::Unsupported,
        },
        _ => CertificateFault::Unsupported,
    }
}

/// The certificates of a PEM file.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fault = |source| Error::Ca { path: path.to_owned(), source };
    let pem = named_files::read_whole(path, MAX_CA).map_err(|error| fault(CaFault::Io(Arc::new(error))))?;
    let pem = pem.ok_or_else(|| fault(CaFault::Missing))?;
    // What the parser says of a bad one quotes its bytes.
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|_| fault(CaFault::NotPem))?;
    if certificates.is_empty() { Err(fault(CaFault::Empty)) } else { Ok(certificates) }
}

/// A proxy's URL without the part that may hold a password (invariant 8: secrets stay secret).
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
        let error = Transport::new(proxies, Timeouts::default()).client(&Trust::System).unwrap_err().to_string();
        assert!(error.contains("nonsense") && !error.contains("secret"), "{error}");
    }
}
