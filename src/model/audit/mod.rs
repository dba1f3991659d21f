//! The audit log: a record for each thing that an extension did with what is a person's. Records are chained, so that damage
//! shows.
//!
//! The format is that of the desktop's own audit log, one JSON object in a line with the fields `sequence`, `timestamp_ms`,
//! `action`, `prev_hash` and `agent_id`, but the actions are ours and the files are our own. `prev_hash` is BLAKE3 over the bytes of the line before, without its
//! end, in lower-case hexadecimal digits; the first record has an empty one. There is no key in it: whoever can write to the
//! files can make a new chain. It shows damage, not forgery.

use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::name::{ExtensionName, ProfileName};

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditRecord {
    /// The first record has 1, and each one more than the one before.
    pub sequence: u64,
    /// Milliseconds since 1970.
    pub timestamp_ms: u64,
    pub action: AuditAction,
    pub prev_hash: String,
    /// A UUID (RFC 9562, version 8) made from the extension's name; none if no extension did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AuditAction {
    /// An extension asked for a secret that it is granted.
    ExtensionSecretRead {
        #[serde(flatten)]
        by: AuditedCall,
        /// Of the secret.
        name: String,
        outcome: SecretOutcome,
    },
    /// An extension set a secret, or tried to.
    ExtensionSecretWritten {
        #[serde(flatten)]
        by: AuditedCall,
        /// Of the secret.
        name: String,
    },
    /// An extension wrote to the clipboard, or tried to.
    ExtensionClipboardWritten {
        #[serde(flatten)]
        by: AuditedCall,
        /// The length of the text.
        bytes: u64,
    },
    /// A call was not begun, or was ended because of what was withdrawn.
    ExtensionCallRefused { extension: String, function: String, reason: String },
    /// A guest trapped or met a limit.
    ExtensionStopped {
        #[serde(flatten)]
        by: AuditedCall,
        function: String,
        reason: String,
    },
    /// The host serves this generation from now on.
    ExtensionsActivated { profile: ProfileName, generation: u64, extensions: Vec<ActivatedExtension> },
    /// The person set a secret with `sesame host secret set`.
    SecretSet { name: String },
    /// The person removed a secret with `sesame host secret remove`.
    SecretRemoved { name: String },
    /// The end of the log was cut or damaged, and was moved to another file.
    AuditTailMoved { file: String, bytes: u64 },
}

/// Which call of which extension did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditedCall {
    pub extension: String,
    pub component: Digest,
    /// Calls of one run of the host are numbered from 1.
    pub call: u64,
}

/// An extension of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ActivatedExtension {
    pub name: ExtensionName,
    pub component: Digest,
}

/// What an extension got for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretOutcome {
    Given,
    NotFound,
    Failed,
}

/// The end of the chain: what the next record needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainEnd {
    /// Of the last record; 0 before the first.
    pub sequence: u64,
    /// Of the last line; empty before the first.
    pub hash: String,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum ChainProblem {
    #[error("it is not a record")]
    NotARecord,
    #[error("it does not follow the line before: that was changed, or lines are missing")]
    BrokenChain,
    #[error("its sequence is {found}, expected {expected}")]
    Sequence { found: u64, expected: u64 },
}

impl ChainEnd {
    /// The line of the next record, without its end.
    pub fn line(&self, timestamp_ms: u64, agent_id: Option<String>, action: AuditAction) -> String {
        let record =
            AuditRecord { sequence: self.sequence + 1, timestamp_ms, action, prev_hash: self.hash.clone(), agent_id };
        serde_json::to_string(&record).unwrap_or_default()
    }

    /// The end after a line of which the sequence is known.
    #[must_use]
    pub fn after(line: &[u8], sequence: u64) -> Self {
        Self { sequence, hash: blake3::hash(line).to_hex().to_string() }
    }

    /// Checks that a line follows, and gives its record.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, line: &[u8]) -> Result<AuditRecord, ChainProblem> {
        let record: AuditRecord = serde_json::from_slice(line).map_err(|_| ChainProblem::NotARecord)?;
        if record.prev_hash != self.hash {
            return Err(ChainProblem::BrokenChain);
        }
        if record.sequence != self.sequence + 1 {
            return Err(ChainProblem::Sequence { found: record.sequence, expected: self.sequence + 1 });
        }
        Ok(record)
    }
}

/// The UUID that stands for an extension.
pub fn agent_id(extension: &str) -> String {
    let hash = blake3::derive_key("sesame audit log, 2026, agent of an extension", extension.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // Version and variant.
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_follows_only_the_line_that_it_was_made_for() {
        let action = |name: &str| AuditAction::SecretSet { name: name.to_owned() };
        let begin = ChainEnd::default();
        let first = begin.line(1_700_000_000_000, None, action("a"));
        assert_eq!(
            first,
            "{\"sequence\":1,\"timestamp_ms\":1700000000000,\"action\":{\"SecretSet\":{\"name\":\"a\"}},\"prev_hash\":\"\"}"
        );
        assert_eq!(begin.check(first.as_bytes()).unwrap().action, action("a"));
        let end = ChainEnd::after(first.as_bytes(), 1);
        let second = end.line(1, Some(agent_id("a")), action("b"));
        assert!(end.check(second.as_bytes()).is_ok());
        assert_eq!(begin.check(second.as_bytes()), Err(ChainProblem::BrokenChain));
        let changed = ChainEnd::after(first.replace("\"a\"", "\"c\"").as_bytes(), 1);
        assert_eq!(changed.check(second.as_bytes()), Err(ChainProblem::BrokenChain));
        let skipped = ChainEnd { sequence: 5, ..end };
        assert_eq!(skipped.check(second.as_bytes()), Err(ChainProblem::Sequence { found: 2, expected: 6 }));
        assert_eq!(begin.check(&second.as_bytes()[1..]), Err(ChainProblem::NotARecord));
    }

    #[test]
    fn an_agent_is_a_uuid_of_its_own() {
        let id = agent_id("snippets");
        assert_eq!(id.len(), 36);
        assert_eq!((&id[14..15], id.matches('-').count()), ("8", 4), "{id}");
        assert_ne!(id, agent_id("snippet"));
        assert_eq!(id, agent_id("snippets"));
    }
}
