//! Docker's credential helpers: programs that keep secrets, one question a run.
//!
//! Their protocol: <https://github.com/docker/docker-credential-helpers>. A helper has a minute, may answer 64 KiB, and is
//! killed after either (what it has started itself is not). What it prints besides credentials is not shown: it may hold what must not be seen.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::secret::{Credential, Secret};

/// The time that a helper has: it may ask the person to unlock something.
const TIME: Duration = Duration::from_secs(60);

/// The most that a helper may answer, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// The name that stands for an identity token.
const TOKEN: &str = "<token>";

/// Why a helper was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelperError {
    #[error("it is not found on PATH")]
    Missing,
    #[error("it cannot be run: {0}")]
    NotRun(String),
    #[error("it has not answered for a minute")]
    Slow,
    #[error("it failed")]
    Failed,
    #[error("it answers what is no credential")]
    Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What a helper has under a name; nothing if it says so.
pub(super) async fn get(helper: &str, key: &str) -> Result<Option<Credential>, HelperError> {
    let Some(answer) = run(helper, "get", key).await? else { return Ok(None) };
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| HelperError::Answer)?;
    let secret = Secret::new(answer.secret);
    Ok(Some(match answer.username.as_str() {
        TOKEN => Credential::Identity(secret),
        _ => Credential::Password { user: answer.username, password: secret },
    }))
}

/// Hands a credential to a helper.
pub(super) async fn store(helper: &str, key: &str, user: &str, password: &Secret) -> Result<(), HelperError> {
    let input = json!({ "ServerURL": key, "Username": user, "Secret": password.reveal() });
    let stored = run(helper, "store", &input.to_string()).await?;
    stored.map(drop).ok_or(HelperError::Failed)
}

/// Lets a helper forget a credential. Whether it had one.
pub(super) async fn erase(helper: &str, key: &str) -> Result<bool, HelperError> {
    Ok(run(helper, "erase", key).await?.is_some())
}

/// What a helper answers; nothing if it says that there is nothing.
async fn run(helper: &str, action: &str, input: &str) -> Result<Option<Vec<u8>>, HelperError> {
    let mut command = Command::new(format!("docker-credential-{helper}"));
    command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => HelperError::Missing,
        _ => HelperError::NotRun(error.to_string()),
    };
    let mut child = command.spawn().map_err(cannot)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let talk = async {
        if let Some(mut stdin) = stdin {
            // A helper that reads nothing says with its status whether that is right.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let mut answer = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(MAX_ANSWER + 1).read_to_end(&mut answer).await?;
        }
        if answer.len() as u64 > MAX_ANSWER {
            return Ok(None);
        }
        Ok(Some((answer, child.wait().await?)))
    };
    let ended = tokio::time::timeout(TIME, talk).await.map_err(|_| HelperError::Slow)?;
    let (answer, status) = ended.map_err(cannot)?.ok_or(HelperError::Answer)?;
    // What docker's own helpers print where they have nothing.
    let nothing = String::from_utf8_lossy(&answer).contains("credentials not found");
    match status.success() {
        true => Ok(Some(answer)),
        false if nothing => Ok(None),
        false => Err(HelperError::Failed),
    }
}
