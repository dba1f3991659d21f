//! Docker's own file of credentials, changed: what `login` and `logout` do to it, and to the helper that it names. The
//! file's text goes in and out; writing it is for others.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::registry::error::Error;

use super::credential_helper::{self, HelperError};
use super::credentials::{docker_key, helper_for, is_key_of, normalize};
use super::secret::Secret;

/// Docker's file, parsed.
pub struct DockerConfig(Value);

impl DockerConfig {
    /// Reads its text; an absent or empty one is an empty one.
    ///
    /// # Errors
    /// [`Error::DockerFile`] if it is no JSON object: then it is somebody else's to mend.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, Error> {
        match serde_json::from_slice(if text.trim_ascii().is_empty() { b"{}" } else { text }) {
            Ok(object @ Value::Object(_)) => Ok(Self(object)),
            _ => Err(Error::DockerFile(path.to_owned())),
        }
    }

    /// The helper that keeps the credentials of a host, by its name without `docker-credential-`.
    pub fn helper(&self, host: &str) -> Option<String> {
        let mut read = self.0.clone();
        normalize(&mut read);
        helper_for(&read, docker_key(host))
    }

    /// Notes a credential; with a helper only that there is one.
    pub fn add(&mut self, host: &str, user: &str, password: &Secret) {
        let entry = match self.helper(host) {
            Some(_) => json!({}),
            None => json!({ "auth": STANDARD.encode(format!("{user}:{}", password.reveal())) }),
        };
        self.remove(host);
        let auths = &mut self.0["auths"];
        if !auths.is_object() {
            *auths = json!({});
        }
        auths[docker_key(host)] = entry;
    }

    /// Forgets a credential. Whether there was one.
    pub fn remove(&mut self, host: &str) -> bool {
        let Some(auths) = self.0.get_mut("auths").and_then(Value::as_object_mut) else { return false };
        let before = auths.len();
        auths.retain(|key, _| !is_key_of(key, host));
        auths.len() < before
    }

    /// The text, as docker indents it.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        // A map of JSON values is written into memory: neither can fail.
        let _ = serde::Serialize::serialize(&self.0, &mut serializer);
        String::from_utf8_lossy(&text).into_owned() + "\n"
    }
}

/// Hands a credential to a helper.
///
/// # Errors
/// [`Error::Keep`] if the helper cannot be run or fails.
pub async fn store_with_helper(helper: &str, host: &str, user: &str, password: &Secret) -> Result<(), Error> {
    credential_helper::store(helper, docker_key(host), user, password)
        .await
        .map_err(|source| keep(helper, host, source))
}

/// Lets a helper forget a credential. Whether it had one.
///
/// # Errors
/// [`Error::Keep`] if the helper cannot be run or fails.
pub async fn erase_with_helper(helper: &str, host: &str) -> Result<bool, Error> {
    credential_helper::erase(helper, docker_key(host)).await.map_err(|source| keep(helper, host, source))
}

fn keep(helper: &str, host: &str, source: HelperError) -> Error {
    Error::Keep { helper: helper.to_owned(), host: host.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_changes_one_entry_and_keeps_what_it_does_not_know() {
        let text = r#"{"auths":{"ghcr.io":{"auth":"b2xkOm9sZA=="}},"detachKeys":"ctrl-x","HttpHeaders":{"a":"b"}}"#;
        let mut file = DockerConfig::parse(Path::new("x"), text.as_bytes()).unwrap();
        file.add("quay.io", "me", &Secret::new("s3cret".into()));
        file.add("docker.io", "me", &Secret::new("s3cret".into()));
        let json: Value = serde_json::from_str(&file.render()).unwrap();
        assert_eq!(json["auths"]["quay.io"]["auth"], STANDARD.encode("me:s3cret"));
        assert_eq!(json["auths"]["https://index.docker.io/v1/"]["auth"], STANDARD.encode("me:s3cret"));
        assert_eq!(
            (&json["auths"]["ghcr.io"]["auth"], &json["detachKeys"]),
            (&json!("b2xkOm9sZA=="), &json!("ctrl-x"))
        );
        assert!(file.remove("quay.io") && !file.remove("quay.io") && file.remove("docker.io"));
        let mut urls =
            DockerConfig::parse(Path::new("x"), br#"{"auths":{"https://quay.io/v1/":{},"quay.io/org":{}}}"#).unwrap();
        assert!(urls.remove("quay.io") && urls.render().contains("quay.io/org"));
        for hub in ["https://registry-1.docker.io/v2/", "https://index.docker.io/v1", "index.docker.io", "docker.io"] {
            let text = json!({ "auths": { hub: {} } }).to_string();
            assert!(DockerConfig::parse(Path::new("x"), text.as_bytes()).unwrap().remove("docker.io"), "{hub}");
        }
        assert!(
            DockerConfig::parse(Path::new("x"), b"[1]").is_err() && DockerConfig::parse(Path::new("x"), b" ").is_ok()
        );
    }

    #[test]
    fn with_a_helper_no_secret_enters_the_file() {
        let text = r#"{"credsStore":"desktop","credHelpers":{"quay.io":"pass"}}"#;
        let mut file = DockerConfig::parse(Path::new("x"), text.as_bytes()).unwrap();
        assert_eq!(
            (file.helper("quay.io").as_deref(), file.helper("ghcr.io").as_deref()),
            (Some("pass"), Some("desktop"))
        );
        file.add("ghcr.io", "me", &Secret::new("s3cret".into()));
        let json: Value = serde_json::from_str(&file.render()).unwrap();
        assert_eq!(json["auths"]["ghcr.io"], json!({}));
    }
}
