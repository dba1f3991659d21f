//! What a registry wants to see before it lets somebody in, as it says it with a 401
//! (<https://www.rfc-editor.org/rfc/rfc9110#field.www-authenticate>).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// A token from this server.
    Bearer(TokenServer),
    /// A name and a password.
    Basic,
    /// Nothing that we understand.
    Unknown,
}

/// Where tokens are, as a registry says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenServer {
    pub realm: String,
    pub service: Option<String>,
}

/// The challenge in the headers of a 401.
pub(crate) fn of_response(headers: &HeaderMap) -> Challenge {
    read(headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()))
}

/// What these `WWW-Authenticate` headers want: the first token server, or else Basic credentials. A header that is none
/// says nothing.
pub fn read<'a>(headers: impl IntoIterator<Item = &'a str>) -> Challenge {
    let parsed = headers.into_iter().filter_map(|header| http_auth::parse_challenges(header).ok());
    let challenges: Vec<_> = parsed.flatten().collect();
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
                return Challenge::Bearer(TokenServer { realm, service: param("service") });
            }
        }
    }
    let basic = challenges.iter().any(|challenge| challenge.scheme.eq_ignore_ascii_case("basic"));
    if basic { Challenge::Basic } else { Challenge::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_told_apart() {
        let server = TokenServer { realm: "https://auth.example/token".into(), service: Some("reg".into()) };
        let bearer = "Bearer realm=\"https://auth.example/token\",service=\"reg\",scope=\"x\"";
        assert_eq!(read([bearer]), Challenge::Bearer(server.clone()));
        assert_eq!(read(["Basic realm=\"x\"", bearer]), Challenge::Bearer(server));
        assert_eq!(read(["Basic realm=\"x\""]), Challenge::Basic);
        assert_eq!(read(["Negotiate"]), Challenge::Unknown);
        assert_eq!(read([]), Challenge::Unknown);
    }
}
