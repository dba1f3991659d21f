//! Secrets: kept where no message and no log can show them, and taken out of what others say.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;

use crate::model::text::escape;

/// The most of a host's own words that is shown, in characters.
const SHOWN: usize = 200;

/// What is shorter than this may stand in any document by chance, in bytes.
const TELLING: usize = 12;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for a header or a helper.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    Password {
        user: String,
        password: Secret,
    },
    /// An OAuth2 refresh token, as `docker login` keeps it for registries with an identity provider.
    Identity(Secret),
}

impl Credential {
    /// The value of an `Authorization` header with a name and a password.
    pub(crate) fn basic(user: &str, password: &Secret) -> Secret {
        Secret(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal()))))
    }
}

/// The secrets that a host was sent.
#[derive(Debug, Default)]
pub(crate) struct SentSecrets(Mutex<Vec<Secret>>);

impl SentSecrets {
    /// Notes the value of an `Authorization` header, and what it is made of.
    pub(crate) fn remember(&self, authorization: &Secret) {
        let value = authorization.reveal();
        let token = value.split_once(' ').map_or(value, |(_, token)| token);
        let mut parts = vec![token.to_owned()];
        if value.starts_with("Basic ")
            && let Ok(decoded) = STANDARD.decode(token)
            && let Ok(decoded) = String::from_utf8(decoded)
        {
            parts.extend(decoded.split_once(':').map(|(_, password)| password.to_owned()));
        }
        self.add(parts);
    }

    /// Notes a password by itself, and as JSON writes it.
    pub(crate) fn note_password(&self, password: &Secret) {
        let quoted = serde_json::Value::from(password.reveal()).to_string();
        let quoted = &quoted[1..quoted.len() - 1];
        // Docker's helpers are written in Go, whose JSON escapes what HTML would read.
        let in_go = quoted.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
        self.add(vec![password.reveal().to_owned(), quoted.to_owned(), in_go]);
    }

    fn add(&self, parts: Vec<String>) {
        let mut sent = self.0.lock();
        for part in parts.into_iter().filter(|part| !part.is_empty()).map(Secret) {
            if !sent.contains(&part) {
                sent.push(part);
            }
        }
        // A short one may be a part of a longer one, which must be found whole.
        sent.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
    }

    /// Whether a JSON document holds one of the secrets that are too long to be there by chance, written as it is or with
    /// escapes.
    pub(crate) fn are_in(&self, document: &[u8]) -> bool {
        let plain: Option<serde_json::Value> = serde_json::from_slice(document).ok();
        self.are_in_bytes(document) || plain.is_some_and(|plain| self.are_in_bytes(plain.to_string().as_bytes()))
    }

    fn are_in_bytes(&self, bytes: &[u8]) -> bool {
        let sent = self.0.lock();
        let mut telling = sent.iter().map(|secret| secret.reveal().as_bytes()).filter(|secret| secret.len() >= TELLING);
        telling.any(|secret| bytes.windows(secret.len()).any(|window| window == secret))
    }

    /// A host's own words, as they may be shown: without secrets, escaped, and cut.
    pub(crate) fn redacted(&self, words: &str) -> String {
        escape(self.scrubbed(words).trim()).chars().take(SHOWN).collect()
    }

    /// A text without secrets.
    pub(crate) fn scrubbed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.0.lock().iter() {
            text = text.replace(secret.reveal(), "…");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_shown_in_whatever_form_it_comes_back() {
        let sent = SentSecrets::default();
        let basic = Credential::basic("me", &Secret::new("hunter:2-and-2".into()));
        sent.remember(&basic);
        sent.remember(&Secret::new("Bearer abc.def".into()));
        let words = format!("you sent {} ({}), abc.def\u{1b}[31m", basic.reveal(), "me:hunter:2-and-2");
        assert_eq!(sent.redacted(&words), "you sent Basic … (me:…), …\\u{1b}[31m");
        assert!(sent.are_in(b"{\"x\": \"hunter:2-and-2\"}") && !sent.are_in(b"hunter:2 abc.def"));
        assert!(sent.are_in(br#"{"x": "\u0068unter:2-and-2"}"#));
        assert!(!format!("{sent:?}").contains("hunter"));
    }

    #[test]
    fn a_password_of_any_characters_is_found_in_json_too() {
        let sent = SentSecrets::default();
        sent.note_password(&Secret::new("pass \"word\"".into()));
        assert_eq!(sent.redacted(r#"got pass "word" of {"Secret":"pass \"word\""}"#), "got … of {\"Secret\":\"…\"}");
    }

    #[test]
    fn a_short_password_within_a_token_does_not_keep_the_token_from_being_found() {
        let sent = SentSecrets::default();
        sent.remember(&Credential::basic("me", &Secret::new("abc".into())));
        sent.remember(&Secret::new("Bearer xx-abc-yy".into()));
        assert_eq!(sent.redacted("you sent xx-abc-yy"), "you sent …");
    }
}
