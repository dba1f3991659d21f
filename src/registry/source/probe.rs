//! Looks whether a registry can be reached and lets us in, without asking for anything that it holds.

use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};

use crate::model::fault::FaultKind;
use crate::model::report::registry::RegistryAccess;
use crate::registry::auth::challenge::{self, Challenge};
use crate::registry::auth::credentials::CredentialLocation;
use crate::registry::auth::scope::{TokenAction, TokenScope};
use crate::registry::error::Error;
use crate::registry::http::client::{Client, HttpRequest};
use crate::registry::http::endpoint::Endpoint;
use crate::registry::http::retry::RetryTimer;
use crate::registry::http::timeouts::FEW_RETRIES;

use super::selection::SourceSelector;

/// What is asked for, in messages.
const API: &str = "its API";

/// How a registry was found to be.
pub struct Probe {
    /// The URL of its API.
    pub address: String,
    /// `HTTP/1.1` or `HTTP/2.0`
    pub protocol: String,
    /// What it wants to see; nothing where it answers anybody.
    pub wants: Option<String>,
    /// Where credentials for it are.
    pub location: Option<CredentialLocation>,
    /// The setting of the project for which it gets none.
    pub withheld: Option<&'static str>,
    /// Whom it lets in, or why not us.
    pub access: Result<RegistryAccess, Error>,
}

impl SourceSelector {
    /// Asks the base of a registry's API, first as anybody, then with the credentials that there are for a namespace of
    /// it, or for all of it where the namespace is empty.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub async fn probe(&self, name: &str, namespace: &str) -> Result<Probe, Error> {
        let client = self.client_for(name, namespace, FEW_RETRIES)?;
        let request = base(&client.endpoint, namespace)?;
        let first = send_anonymous(&client, &request).await?;
        let place = client.credential(namespace).await.map(|found| found.location);
        let mut probe = Probe {
            address: request.url.to_string(),
            protocol: format!("{:?}", first.version()),
            wants: None,
            location: place,
            withheld: client.endpoint.connection.withheld,
            access: Ok(RegistryAccess::Open),
        };
        if first.status() != StatusCode::UNAUTHORIZED {
            return if first.status().is_success() { Ok(probe) } else { Err(strange(name, first.status())) };
        }
        probe.wants = Some(match challenge::of_response(first.headers()) {
            Challenge::Basic => "a name and a password".to_owned(),
            Challenge::Bearer(server) => format!("a token from {}", client.endpoint.sent.redacted(&server.realm)),
            Challenge::Unknown => "something unknown".to_owned(),
        });
        drop(first);
        let mut retries = RetryTimer::new(&client.endpoint);
        loop {
            match client.send_checked(&request).await {
                Ok(_) if probe.location.is_some() => probe.access = Ok(RegistryAccess::In),
                Ok(_) => probe.access = Ok(RegistryAccess::Anonymous),
                Err(failure) if failure.error.kind() == FaultKind::Denied => probe.access = Err(failure.error),
                Err(failure) => {
                    retries.wait_or_fail(failure).await?;
                    continue;
                }
            }
            return Ok(probe);
        }
    }

    /// Where the credentials for a registry are found.
    pub async fn credentials_place(&self, name: &str) -> Option<CredentialLocation> {
        self.keyring().find(name, "").await.map(|found| found.location)
    }
}

/// A request for the base of a registry's API.
fn base(endpoint: &Endpoint, namespace: &str) -> Result<HttpRequest, Error> {
    let scope = TokenScope { repository: namespace.to_owned(), action: TokenAction::Authenticate };
    let (url, what) = (endpoint.url("")?, API.to_owned());
    Ok(HttpRequest { method: Method::GET, url, scope, headers: HeaderMap::new(), body: None, what })
}

/// The answer that anybody gets, once the registry is not out of order.
async fn send_anonymous(client: &Client, request: &HttpRequest) -> Result<Response, Error> {
    let mut retries = RetryTimer::new(&client.endpoint);
    loop {
        match client.send_anonymous(request).await {
            Ok(response) => return Ok(response),
            Err(failure) => retries.wait_or_fail(failure).await?,
        }
    }
}

/// What is wrong with an answer that no registry gives.
fn strange(name: &str, status: StatusCode) -> Error {
    let (host, what, message) = (name.to_owned(), API.to_owned(), String::new());
    Error::Status { host, what, status: status.as_u16(), message }
}
