//! Getting in: a registry says what it wants to see, Basic credentials or a token from a token server.
//!
//! Source: <https://distribution.github.io/distribution/spec/auth/token/>, and for identity tokens
//! <https://distribution.github.io/distribution/spec/auth/oauth/>. A token request that fails never becomes an anonymous
//! one.

pub mod challenge;
pub mod credential_helper;
pub mod credentials;
pub mod docker_config;
pub mod secret;
pub(crate) mod token_endpoint;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::error::{Error, line};
use super::http::body::Body;
use super::http::client::{Host, Request};
use super::http::retry::Failure;

use challenge::{Challenge, TokenServer};
use credentials::Found;
use secret::{Credential, Secret};

/// The most that is read of a token's answer, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// How long a token lasts that does not say it, in seconds, as the specification has it.
const LIFETIME: f64 = 60.0;

/// What no token lasts, in seconds: some 30 years.
const MAX_LIFETIME: f64 = 1e9;

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    /// To enter, what credentials are looked for: a namespace, or nothing.
    pub repository: String,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Nothing but being let in.
    Enter,
    Pull,
    Push,
}

/// The tokens of one registry, by scope; none where none was needed yet.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    slots: Mutex<HashMap<Scope, Slot>>,
    /// Where it said that tokens are.
    server: Mutex<Option<TokenServer>>,
}

/// What lets in for one scope. Locked while it is asked for.
type Slot = Arc<AsyncMutex<Kept>>;

/// What came of asking last.
#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    Pass(Pass),
    Failure(Failure, Instant),
}

#[derive(Debug)]
struct Pass {
    /// The value of an `Authorization` header.
    header: Secret,
    until: Option<Instant>,
}

impl Tokens {
    /// What a request needs, as far as that is known before it is sent: what let in before, or a new token where one has run
    /// out or another repository needed one.
    pub(crate) async fn before(&self, host: &Host, request: &Request) -> Result<Option<Secret>, Failure> {
        let known = match &*self.slot(&request.scope).lock().await {
            Kept::Pass(pass) if pass.is_valid() => Some(pass.header()),
            _ => None,
        };
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (known, server) {
            (Some(header), _) => Ok(Some(header)),
            (None, None) => Ok(None),
            (None, Some(server)) => self.renew(host, request, None, Challenge::Bearer(server)).await.map(Some),
        }
    }

    /// Gets what a challenge asks for. One request at a time for each scope, so that all who wait share what comes of it.
    pub(crate) async fn renew(
        &self,
        host: &Host,
        request: &Request,
        refused: Option<&Secret>,
        challenge: Challenge,
    ) -> Result<Secret, Failure> {
        let began = Instant::now();
        let slot = self.slot(&request.scope);
        let mut kept = slot.lock().await;
        match &*kept {
            Kept::Pass(pass) if pass.is_valid() && Some(&pass.header) != refused => return Ok(pass.header()),
            Kept::Failure(failure, at) if *at > began => return Err(failure.clone()),
            _ => {}
        }
        match self.ask(host, request, refused, challenge).await {
            Ok(pass) => {
                let header = pass.header();
                *kept = Kept::Pass(pass);
                Ok(header)
            }
            Err(failure) => {
                *kept = Kept::Failure(failure.clone(), Instant::now());
                Err(failure)
            }
        }
    }

    async fn ask(
        &self,
        host: &Host,
        Request { scope, what, .. }: &Request,
        refused: Option<&Secret>,
        challenge: Challenge,
    ) -> Result<Pass, Failure> {
        let found = host.credential(&scope.repository).await;
        match challenge {
            Challenge::Bearer(server) => {
                let url = token_endpoint::check(host, &server.realm, found.is_some()).await?;
                let answer = token(host, scope, what, url, server.service.as_deref(), found.as_ref()).await?;
                let lifetime = Duration::from_secs_f64(answer.lifetime() * 0.9);
                let until = Instant::now().checked_add(host.pace().of(lifetime));
                let header = Secret::new(format!("Bearer {}", answer.visible(host)?));
                *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
                Ok(Pass { header, until })
            }
            Challenge::Basic => Ok(Pass { header: basic(host, what, found, refused)?, until: None }),
            Challenge::Unknown => {
                let why = "it does not say how to get one".to_owned();
                Err(Error::Token { host: host.name.clone(), why }.into())
            }
        }
    }

    fn slot(&self, scope: &Scope) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(scope.clone()).or_default())
    }
}

impl Scope {
    /// As token servers name it.
    fn parameter(&self) -> Option<String> {
        let actions = match self.action {
            Action::Enter => return None,
            Action::Pull => "pull",
            Action::Push => "pull,push",
        };
        Some(format!("repository:{}:{actions}", self.repository))
    }
}

impl Pass {
    fn header(&self) -> Secret {
        self.header.clone()
    }

    fn is_valid(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

fn basic(host: &Host, what: &str, found: Option<Found>, refused: Option<&Secret>) -> Result<Secret, Error> {
    let Some(Found { credential, place }) = found else { return Err(none(host, what)) };
    match credential {
        Credential::Password { user, password } => {
            let header = Credential::basic(&user, &password);
            if refused == Some(&header) { Err(Error::Rejected { host: host.name.clone(), place }) } else { Ok(header) }
        }
        // Such a token is for a token server, and this registry has none.
        Credential::Identity(_) => Err(Error::Rejected { host: host.name.clone(), place }),
    }
}

/// Why nobody was let in without credentials.
fn none(host: &Host, what: &str) -> Error {
    match host.contact.withheld {
        Some(setting) => Error::Withheld { host: host.name.clone(), setting },
        None => Error::NoCredentials { host: host.name.clone(), what: what.to_owned() },
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    /// In seconds. Servers write it as they like.
    #[serde(default)]
    expires_in: serde_json::Value,
}

impl Answer {
    /// How long the token lasts, in seconds. What is no such number is as good as none.
    fn lifetime(&self) -> f64 {
        let seconds = match &self.expires_in {
            serde_json::Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        seconds.filter(|seconds| (0.0..MAX_LIFETIME).contains(seconds) && *seconds > 0.0).unwrap_or(LIFETIME)
    }

    fn visible(self, host: &Host) -> Result<String, Error> {
        let fault = |why: &str| Error::Token { host: host.name.clone(), why: why.to_owned() };
        let token = [self.token, self.access_token].into_iter().flatten().find(|token| !token.is_empty());
        let token = token.ok_or_else(|| fault("the answer holds none"))?;
        let visible = token.bytes().all(|b| b.is_ascii_graphic());
        if visible { Ok(token) } else { Err(fault("it holds characters that no header can")) }
    }
}

/// Asks a token server for a token.
async fn token(
    host: &Host,
    scope: &Scope,
    what: &str,
    mut url: Url,
    service: Option<&str>,
    found: Option<&Found>,
) -> Result<Answer, Failure> {
    let fault = |why: String| Error::Token { host: host.name.clone(), why };
    let shown = url.host_str().unwrap_or_default().to_owned();
    let mut parameters: Vec<(&str, String)> = Vec::new();
    parameters.extend(service.map(|service| ("service", service.to_owned())));
    parameters.extend(scope.parameter().map(|scope| ("scope", scope)));
    let response = match found.map(|found| &found.credential) {
        Some(Credential::Identity(token)) => {
            host.sent.note(token);
            let refresh = [("grant_type", "refresh_token"), ("client_id", "sesame"), ("refresh_token", token.reveal())];
            parameters.extend(refresh.map(|(key, value)| (key, value.to_owned())));
            host.send_for_token(&url, None, Some(&parameters)).await
        }
        Some(Credential::Password { user, password }) => {
            url.query_pairs_mut().extend_pairs(&parameters);
            host.send_for_token(&url, Some(&Credential::basic(user, password)), None).await
        }
        None => {
            url.query_pairs_mut().extend_pairs(&parameters);
            host.send_for_token(&url, None, None).await
        }
    };
    let response = response.map_err(|failure| Failure { error: fault(line(&failure.error)), again: failure.again })?;
    let status = response.status();
    match (status, found) {
        _ if status.is_success() => read(host, response, &fault).await,
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST, Some(Found { place, .. })) => {
            Err(Error::Rejected { host: host.name.clone(), place: place.clone() }.into())
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => Err(none(host, what).into()),
        _ => {
            let error = fault(format!("{shown} answered {}", status.as_u16()));
            Err(Failure::of_status(&shown, status, response.headers(), error))
        }
    }
}

async fn read(host: &Host, response: Response, fault: &impl Fn(String) -> Error) -> Result<Answer, Failure> {
    let encoded = response.headers().get("content-encoding").is_some_and(|encoding| encoding != "identity");
    if encoded {
        return Err(fault("the answer is compressed, which nobody asked for".to_owned()).into());
    }
    // The turn at the registry is held by the request that needs the token.
    let name = host.named(response.url());
    let body = Body::new(response, &name, host.pace(), None).read(MAX_ANSWER, "a token").await;
    let body = body.map_err(|failure| Failure { error: fault(line(&failure.error)), again: failure.again })?;
    serde_json::from_slice(&body).map_err(|_| fault("the answer is no JSON of a token".to_owned()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_written_as_token_servers_name_it() {
        let scope = |repository: &str, action| Scope { repository: repository.into(), action }.parameter();
        assert_eq!(scope("org/a", Action::Pull).as_deref(), Some("repository:org/a:pull"));
        assert_eq!(scope("org/a", Action::Push).as_deref(), Some("repository:org/a:pull,push"));
        assert_eq!(scope("org", Action::Enter), None);
    }
}
