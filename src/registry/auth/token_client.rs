//! Getting in: a registry says what it wants to see, Basic credentials or a token from a token server.
//!
//! Source: <https://distribution.github.io/distribution/spec/auth/token/>, and for identity tokens
//! <https://distribution.github.io/distribution/spec/auth/oauth/>. A token request that fails never becomes an anonymous
//! one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use crate::registry::error::{Error, TokenFault};
use crate::registry::http::body::Body;
use crate::registry::http::endpoint::Endpoint;
use crate::registry::http::failure::RequestFailure;

use super::challenge::{Challenge, TokenServer};
use super::credentials::{FoundCredential, Keyring};
use super::scope::TokenScope;
use super::secret::{Credential, Secret};
use super::token_endpoint;

/// The most that is read of a token's answer, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// How long a token lasts that does not say it, in seconds, as the specification has it.
const LIFETIME: f64 = 60.0;

/// What no token lasts, in seconds: some 30 years.
const MAX_LIFETIME: f64 = 1e9;

/// Gets the tokens of one registry, and keeps them by scope.
pub(crate) struct TokenClient {
    keyring: Arc<Keyring>,
    slots: Mutex<HashMap<TokenScope, TokenSlot>>,
    /// Where it said that tokens are.
    server: Mutex<Option<TokenServer>>,
}

/// What a token is needed for.
#[derive(Clone, Copy)]
pub(crate) struct TokenRequest<'a> {
    pub endpoint: &'a Endpoint,
    pub scope: &'a TokenScope,
    /// What the request asks for, in messages.
    pub what: &'a str,
}

/// The cached answer for one scope. Locked while it is asked for.
type TokenSlot = Arc<AsyncMutex<CachedToken>>;

/// What came of asking last.
#[derive(Debug, Default)]
enum CachedToken {
    #[default]
    Nothing,
    Granted(Authorization),
    Failure(RequestFailure, Instant),
}

#[derive(Debug)]
struct Authorization {
    /// The value of an `Authorization` header.
    header: Secret,
    until: Option<Instant>,
}

impl TokenClient {
    pub(crate) fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring, slots: Mutex::default(), server: Mutex::default() }
    }

    /// The credential for a repository, unless the project's settings would show it to others.
    pub(crate) async fn credential(&self, endpoint: &Endpoint, repository: &str) -> Option<FoundCredential> {
        match endpoint.connection.withheld {
            Some(_) => None,
            None => self.keyring.find(&endpoint.name, repository).await,
        }
    }

    /// What a request needs, as far as that is known before it is sent: what let in before, or a new token where one has run
    /// out or another repository needed one.
    pub(crate) async fn known_authorization(
        &self,
        request: TokenRequest<'_>,
    ) -> Result<Option<Secret>, RequestFailure> {
        let known = match &*self.slot(request.scope).lock().await {
            CachedToken::Granted(pass) if pass.is_valid() => Some(pass.header()),
            _ => None,
        };
        let server = self.server.lock().clone();
        match (known, server) {
            (Some(header), _) => Ok(Some(header)),
            (None, None) => Ok(None),
            (None, Some(server)) => self.renew(request, None, Challenge::Bearer(server)).await.map(Some),
        }
    }

    /// Gets what a challenge asks for. One request at a time for each scope, so that all who wait share what comes of it.
    pub(crate) async fn renew(
        &self,
        request: TokenRequest<'_>,
        refused: Option<&Secret>,
        challenge: Challenge,
    ) -> Result<Secret, RequestFailure> {
        let began = Instant::now();
        let slot = self.slot(request.scope);
        let mut kept = slot.lock().await;
        match &*kept {
            CachedToken::Granted(pass) if pass.is_valid() && Some(&pass.header) != refused => return Ok(pass.header()),
            CachedToken::Failure(failure, at) if *at > began => return Err(failure.clone()),
            _ => {}
        }
        match self.authorize(request, refused, challenge).await {
            Ok(pass) => {
                let header = pass.header();
                *kept = CachedToken::Granted(pass);
                Ok(header)
            }
            Err(failure) => {
                *kept = CachedToken::Failure(failure.clone(), Instant::now());
                Err(failure)
            }
        }
    }

    async fn authorize(
        &self,
        request: TokenRequest<'_>,
        refused: Option<&Secret>,
        challenge: Challenge,
    ) -> Result<Authorization, RequestFailure> {
        let TokenRequest { endpoint, scope, what } = request;
        let found = self.credential(endpoint, &scope.repository).await;
        match challenge {
            Challenge::Bearer(server) => {
                let url = token_endpoint::allowed_url(endpoint, &server.realm, found.is_some()).await?;
                let answer = request_token(request, url, server.service.as_deref(), found.as_ref()).await?;
                let lifetime = Duration::from_secs_f64(answer.lifetime() * 0.9);
                let until = Instant::now().checked_add(endpoint.timeouts().scaled(lifetime));
                let header = Secret::new(format!("Bearer {}", answer.into_header_text(endpoint)?));
                *self.server.lock() = Some(server);
                Ok(Authorization { header, until })
            }
            Challenge::Basic => {
                Ok(Authorization { header: basic_authorization(endpoint, what, found, refused)?, until: None })
            }
            Challenge::Unknown => {
                Err(Error::Token { host: endpoint.name.clone(), source: TokenFault::NoChallenge }.into())
            }
        }
    }

    fn slot(&self, scope: &TokenScope) -> TokenSlot {
        let mut slots = self.slots.lock();
        Arc::clone(slots.entry(scope.clone()).or_default())
    }
}

impl Authorization {
    fn header(&self) -> Secret {
        self.header.clone()
    }

    fn is_valid(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

fn basic_authorization(
    endpoint: &Endpoint,
    what: &str,
    found: Option<FoundCredential>,
    refused: Option<&Secret>,
) -> Result<Secret, Error> {
    let Some(FoundCredential { credential, location: place }) = found else {
        return Err(missing_credentials(endpoint, what));
    };
    match credential {
        Credential::Password { user, password } => {
            let header = Credential::basic(&user, &password);
            if refused == Some(&header) {
                Err(Error::Rejected { host: endpoint.name.clone(), place })
            } else {
                Ok(header)
            }
        }
        // Such a token is for a token server, and this registry has none.
        Credential::Identity(_) => Err(Error::Rejected { host: endpoint.name.clone(), place }),
    }
}

/// Why nobody was let in without credentials.
fn missing_credentials(endpoint: &Endpoint, what: &str) -> Error {
    match endpoint.connection.withheld {
        Some(setting) => Error::Withheld { host: endpoint.name.clone(), setting },
        None => Error::NoCredentials { host: endpoint.name.clone(), what: what.to_owned() },
    }
}

#[derive(Deserialize)]
struct TokenResponse {
    token: Option<String>,
    access_token: Option<String>,
    /// In seconds. Servers write it as they like.
    #[serde(default)]
    expires_in: serde_json::Value,
}

impl TokenResponse {
    /// How long the token lasts, in seconds. What is no such number is as good as none.
    fn lifetime(&self) -> f64 {
        let seconds = match &self.expires_in {
            serde_json::Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        seconds.filter(|seconds| (0.0..MAX_LIFETIME).contains(seconds) && *seconds > 0.0).unwrap_or(LIFETIME)
    }

    fn into_header_text(self, endpoint: &Endpoint) -> Result<String, Error> {
        let fault = |source| Error::Token { host: endpoint.name.clone(), source };
        let token = [self.token, self.access_token].into_iter().flatten().find(|token| !token.is_empty());
        let token = token.ok_or_else(|| fault(TokenFault::Missing))?;
        let visible = token.bytes().all(|b| b.is_ascii_graphic());
        if visible { Ok(token) } else { Err(fault(TokenFault::NotAHeader)) }
    }
}

/// Asks a token server for a token.
async fn request_token(
    TokenRequest { endpoint, scope, what }: TokenRequest<'_>,
    mut url: Url,
    service: Option<&str>,
    found: Option<&FoundCredential>,
) -> Result<TokenResponse, RequestFailure> {
    let fault = |source| Error::Token { host: endpoint.name.clone(), source };
    let shown = url.host_str().unwrap_or_default().to_owned();
    let mut parameters: Vec<(&str, String)> = Vec::new();
    parameters.extend(service.map(|service| ("service", service.to_owned())));
    parameters.extend(scope.parameter().map(|scope| ("scope", scope)));
    let response = match found.map(|found| &found.credential) {
        Some(Credential::Identity(token)) => {
            endpoint.sent.remember(token);
            let refresh = [("grant_type", "refresh_token"), ("client_id", "sesame"), ("refresh_token", token.reveal())];
            parameters.extend(refresh.map(|(key, value)| (key, value.to_owned())));
            endpoint.send_for_token(&url, None, Some(&parameters)).await
        }
        Some(Credential::Password { user, password }) => {
            url.query_pairs_mut().extend_pairs(&parameters);
            endpoint.send_for_token(&url, Some(&Credential::basic(user, password)), None).await
        }
        None => {
            url.query_pairs_mut().extend_pairs(&parameters);
            endpoint.send_for_token(&url, None, None).await
        }
    };
    let unanswered = |RequestFailure { error, retry }| {
        let error = fault(TokenFault::Request(Box::new(error)));
        RequestFailure { error, retry }
    };
    let response = response.map_err(unanswered)?;
    let status = response.status();
    match (status, found) {
        _ if status.is_success() => read(endpoint, response, &fault).await,
        (
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST,
            Some(FoundCredential { location: place, .. }),
        ) => Err(Error::Rejected { host: endpoint.name.clone(), place: place.clone() }.into()),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => Err(missing_credentials(endpoint, what).into()),
        _ => {
            let error = fault(TokenFault::Status { host: shown.clone(), status: status.as_u16() });
            Err(RequestFailure::of_status(&shown, status, response.headers(), error))
        }
    }
}

async fn read(
    endpoint: &Endpoint,
    response: Response,
    fault: &impl Fn(TokenFault) -> Error,
) -> Result<TokenResponse, RequestFailure> {
    let encoded = response.headers().get("content-encoding").is_some_and(|encoding| encoding != "identity");
    if encoded {
        return Err(fault(TokenFault::Encoded).into());
    }
    // The permit at the registry is held by the request that needs the token.
    let name = endpoint.named(response.url());
    let body = Body::new(response, &name, endpoint.timeouts(), None).read(MAX_ANSWER, "a token").await;
    let body = body.map_err(|failure| {
        let error = fault(TokenFault::Request(Box::new(failure.error)));
        RequestFailure { error, retry: failure.retry }
    })?;
    serde_json::from_slice(&body).map_err(|_| fault(TokenFault::NotJson).into())
}
