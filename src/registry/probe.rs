//! Looks whether a registry can be reached and lets us in, without asking for anything that it holds.

use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};

use super::auth::{Action, Challenge, Scope, challenge};
use super::error::Error;
use super::host::{Host, Request};
use super::mirror::Registry;
use super::retry::{Failure, Retries};
use crate::model::registry_report::{Access, Credentials, RegistryReport};

/// What is asked for, in messages.
const API: &str = "its API";

impl Registry {
    /// Whether a registry lets us in with our credentials; one that lets in anybody does not tell.
    ///
    /// # Errors
    /// Why it does not, or cannot be reached.
    pub async fn lets_in(&self, name: &str) -> Result<bool, Error> {
        let host = self.host_for(name, "")?;
        if let Some(setting) = host.contact.withheld {
            return Err(Error::Withheld { host: name.to_owned(), setting });
        }
        let request = base(&host)?;
        let first = ask(&host, &request).await?;
        match first.status() {
            StatusCode::UNAUTHORIZED => {}
            status if status.is_success() => return Ok(false),
            status => return Err(strange(name, status)),
        }
        let mut retries = Retries::new(&host);
        loop {
            match host.answer(&request).await {
                Ok(_) => return Ok(true),
                Err(failure) => retries.after(failure).await?,
            }
        }
    }

    /// Where the credentials for a registry are found.
    pub async fn credentials_place(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.host_for(name, "")?.credential("").await.map(|found| found.place))
    }

    /// Asks the base of a registry's API, first as anybody, then with the credentials that there are.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub async fn probe(&self, name: &str) -> Result<RegistryReport, Error> {
        let host = self.host_for(name, "")?;
        let request = base(&host)?;
        let first = ask(&host, &request).await?;
        let found = host.credential("").await;
        let mut report = RegistryReport {
            host: name.to_owned(),
            address: request.url.to_string(),
            protocol: format!("{:?}", first.version()),
            wants: match challenge(first.headers()) {
                _ if first.status() != StatusCode::UNAUTHORIZED => None,
                Challenge::Basic => Some("a name and a password".to_owned()),
                Challenge::Bearer(server) => Some(format!("a token from {}", host.sent.shown(&server.realm))),
                Challenge::Unknown => Some("something unknown".to_owned()),
            },
            credentials: match (&found, host.contact.withheld) {
                (_, Some(setting)) => Credentials::Withheld { setting: setting.to_owned() },
                (Some(found), None) => Credentials::Found { place: found.place.clone() },
                (None, None) => Credentials::None,
            },
            access: Access::Open,
            reason: None,
        };
        let refused = |failure: Failure| (Access::Refused, Some(failure.error.to_string()));
        if first.status() == StatusCode::UNAUTHORIZED {
            (report.access, report.reason) = match (host.answer(&request).await, &found) {
                (Ok(_), Some(_)) => (Access::In, None),
                (Ok(_), None) => (Access::Anonymous, None),
                (Err(failure), _) => refused(failure),
            };
        } else if !first.status().is_success() {
            (report.access, report.reason) = refused(strange(name, first.status()).into());
        }
        Ok(report)
    }
}

/// What is wrong with an answer that no registry gives.
fn strange(name: &str, status: StatusCode) -> Error {
    let (host, what, message) = (name.to_owned(), API.to_owned(), String::new());
    Error::Status { host, what, status: status.as_u16(), message }
}

/// A request for the base of a registry's API.
fn base(host: &Host) -> Result<Request, Error> {
    let scope = Scope { repository: String::new(), action: Action::Pull };
    let (url, what) = (host.url("")?, API.to_owned());
    Ok(Request { method: Method::GET, url, scope, headers: HeaderMap::new(), body: None, what })
}

async fn ask(host: &Host, request: &Request) -> Result<Response, Error> {
    let mut retries = Retries::new(host);
    loop {
        match host.anonymous_answer(request).await {
            Ok(response) => return Ok(response),
            Err(failure) => retries.after(failure).await?,
        }
    }
}
