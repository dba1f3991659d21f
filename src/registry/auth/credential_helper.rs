//! Docker's credential helpers: programs that keep secrets, one question a run.
//!
//! Their protocol: <https://github.com/docker/docker-credential-helpers>. A helper has a minute, may answer 64 KiB, and is
//! killed after either (what it has started itself is not). What it prints is not shown, since it may hold what must not be
//! seen; but where it fails to keep what it was given, it is, without that.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::secret::{Credential, Secret, SentSecrets};

/// The time that a helper has: it may ask the person to unlock something.
const TIME: Duration = Duration::from_secs(60);

/// How long is waited for the end of what a helper says on standard error, once it has ended itself.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The most that a helper may answer, and that is kept of its complaint, in bytes.
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
    #[error("it failed{}", said(.0))]
    Failed(String),
    #[error("it answers what is no credential")]
    Answer,
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

/// How a helper ended.
enum HelperOutcome {
    Answered(Vec<u8>),
    /// It says that it has nothing.
    Nothing,
    /// It failed, with what it has printed.
    Failed(Vec<u8>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperReply {
    username: String,
    secret: String,
}

/// What a helper has under a name; nothing if it says so.
pub(crate) async fn get(helper: &str, key: &str) -> Result<Option<Credential>, HelperError> {
    let answer = match run(helper, "get", key).await? {
        HelperOutcome::Answered(answer) => answer,
        HelperOutcome::Nothing => return Ok(None),
        // It may hold what the helper keeps.
        HelperOutcome::Failed(_) => return Err(HelperError::Failed(String::new())),
    };
    let answer: HelperReply = serde_json::from_slice(&answer).map_err(|_| HelperError::Answer)?;
    if answer.username.is_empty() && answer.secret.is_empty() {
        return Ok(None);
    }
    let secret = Secret::new(answer.secret);
    Ok(Some(match answer.username.as_str() {
        TOKEN => Credential::Identity(secret),
        _ => Credential::Password { user: answer.username, password: secret },
    }))
}

/// Hands a credential to a helper.
pub(crate) async fn store(helper: &str, key: &str, user: &str, password: &Secret) -> Result<(), HelperError> {
    let input = json!({ "ServerURL": key, "Username": user, "Secret": password.reveal() });
    match run(helper, "store", &input.to_string()).await? {
        HelperOutcome::Answered(_) => Ok(()),
        HelperOutcome::Nothing => Err(HelperError::Failed(String::new())),
        HelperOutcome::Failed(printed) => {
            let given = SentSecrets::default();
            given.remember(&Credential::basic(user, password));
            given.note_password(password);
            Err(HelperError::Failed(given.redacted(&String::from_utf8_lossy(&printed))))
        }
    }
}

/// Lets a helper forget a credential. Whether it had one.
pub(crate) async fn erase(helper: &str, key: &str) -> Result<bool, HelperError> {
    match run(helper, "erase", key).await? {
        HelperOutcome::Answered(_) => Ok(true),
        HelperOutcome::Nothing => Ok(false),
        HelperOutcome::Failed(_) => Err(HelperError::Failed(String::new())),
    }
}

/// Runs a helper. Its standard output is its answer; why it failed it says there, or on standard error.
async fn run(helper: &str, action: &str, input: &str) -> Result<HelperOutcome, HelperError> {
    let mut command = Command::new(format!("docker-credential-{helper}"));
    // Only of a helper that stores something is it shown.
    let stderr = if action == "store" { Stdio::piped() } else { Stdio::null() };
    command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true);
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => HelperError::Missing,
        _ => HelperError::NotRun(error.to_string()),
    };
    let mut child = command.spawn().map_err(cannot)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = async {
        if let Some(mut stdin) = stdin {
            // A helper that reads nothing says with its status whether that is right.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let answer = read(stdout).await?;
        if answer.len() as u64 > MAX_ANSWER {
            return Ok(None);
        }
        Ok(Some((answer, child.wait().await?)))
    };
    // Read meanwhile and to the end, so that the helper is not held up by it.
    let complaint = Arc::new(Mutex::new(Vec::new()));
    let reading = tokio::spawn(drain(stderr, complaint.clone()));
    let ended = tokio::time::timeout(TIME, talk).await.map_err(|_| HelperError::Slow)?;
    let (answer, status) = ended.map_err(cannot)?.ok_or(HelperError::Answer)?;
    // What docker's own helpers print where they have nothing.
    let nothing = String::from_utf8_lossy(&answer).contains("credentials not found");
    Ok(match status.success() {
        true => HelperOutcome::Answered(answer),
        false if nothing => HelperOutcome::Nothing,
        false if !answer.trim_ascii().is_empty() => HelperOutcome::Failed(answer),
        false => {
            // What the helper has started may keep the pipe open.
            let abort = reading.abort_handle();
            let _ = tokio::time::timeout(LAST_WORDS, reading).await;
            abort.abort();
            HelperOutcome::Failed(std::mem::take(&mut *complaint.lock()))
        }
    })
}

/// What comes through a pipe, as far as anything of it may be used.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_ANSWER + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Reads a pipe to its end, and keeps the beginning of what comes.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, kept: Arc<Mutex<Vec<u8>>>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 4 << 10];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        let mut kept = kept.lock();
        let room = (MAX_ANSWER as usize).saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..read.min(room)]);
    }
}
