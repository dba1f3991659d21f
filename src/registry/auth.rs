//! The token flow of public repositories: a registry says where tokens are, and gives one to anybody.
//!
//! Source: <https://distribution.github.io/distribution/spec/auth/token/>. No credentials are sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;

use super::Error;
use super::remote::read_capped;

/// The most that is read of a token's answer, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// The tokens of one registry, by repository; none where none was needed yet.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<HashMap<String, Slot>>);

/// One repository's token. Locked while it is asked for.
type Slot = Arc<AsyncMutex<Option<String>>>;

/// What a registry wants to see.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from this address.
    Bearer { realm: String, service: Option<String> },
    /// A name and a password.
    Basic,
    /// Nothing that we understand.
    Unknown,
}

impl Tokens {
    pub(super) async fn known(&self, repository: &str) -> Option<String> {
        self.slot(repository).lock().await.clone()
    }

    /// Asks for a token to pull from one repository. One request at a time for each repository, so that all who wait
    /// share its answer.
    pub(super) async fn request(
        &self,
        client: &Client,
        host: &str,
        repository: &str,
        refused: Option<&str>,
        challenge: Challenge,
    ) -> Result<String, Error> {
        let (realm, service) = match challenge {
            Challenge::Bearer { realm, service } => (realm, service),
            Challenge::Basic => {
                return Err(Error::Credentials { host: host.to_owned(), what: repository.to_owned() });
            }
            Challenge::Unknown => {
                return Err(Error::Token { host: host.to_owned(), why: "it does not say how to get one".to_owned() });
            }
        };
        let slot = self.slot(repository);
        let mut kept = slot.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| Some(token.as_str()) != refused) {
            return Ok(token.clone());
        }
        let token = fetch(client, host, repository, &realm, service.as_deref()).await?;
        *kept = Some(token.clone());
        Ok(token)
    }

    fn slot(&self, repository: &str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(repository.to_owned()).or_default())
    }
}

/// The challenge in the headers of a 401.
pub(super) fn challenge(headers: &HeaderMap) -> Challenge {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let challenges: Vec<_> = values.filter_map(|value| http_auth::parse_challenges(value).ok()).flatten().collect();
    for challenge in &challenges {
        if challenge.scheme.eq_ignore_ascii_case("bearer") {
            let param = |name: &str| {
                challenge
                    .params
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.to_unescaped())
            };
            if let Some(realm) = param("realm") {
                return Challenge::Bearer { realm, service: param("service") };
            }
        }
    }
    let basic = challenges.iter().any(|challenge| challenge.scheme.eq_ignore_ascii_case("basic"));
    if basic { Challenge::Basic } else { Challenge::Unknown }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

async fn fetch(
    client: &Client,
    host: &str,
    repository: &str,
    realm: &str,
    service: Option<&str>,
) -> Result<String, Error> {
    let fault = |why: String| Error::Token { host: host.to_owned(), why };
    let mut url = Url::parse(realm)
        .map_err(|_| fault(format!("its token address `{}` is no URL", realm.chars().take(80).collect::<String>())))?;
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", service);
    }
    url.query_pairs_mut().append_pair("scope", &format!("repository:{repository}:pull"));
    let shown = url.host_str().unwrap_or_default().to_owned();
    let response = client.get(url).send().await.map_err(|error| fault(super::root(&error.without_url())))?;
    let status = response.status();
    if !status.is_success() {
        return Err(fault(format!("{shown} answered {}", status.as_u16())));
    }
    let bytes = read_capped(response, MAX_ANSWER, host, "a token").await?;
    let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| fault(format!("{shown} answered no JSON")))?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| fault(format!("{shown} answered without a token")))?;
    let visible = token.bytes().all(|b| b.is_ascii_graphic());
    if visible { Ok(token) } else { Err(fault(format!("the token of {shown} holds characters that no header can"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_told_apart() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(WWW_AUTHENTICATE, value.parse().unwrap());
            challenge(&headers)
        };
        let bearer = Challenge::Bearer { realm: "https://auth.example/token".into(), service: Some("reg".into()) };
        assert_eq!(read("Bearer realm=\"https://auth.example/token\",service=\"reg\",scope=\"x\""), bearer);
        assert_eq!(read("Basic realm=\"x\""), Challenge::Basic);
        assert_eq!(read("Negotiate"), Challenge::Unknown);
        assert_eq!(challenge(&HeaderMap::new()), Challenge::Unknown);
    }
}
