//! Why a file or folder of sesame's own cannot be used, as data.

use serde::Serialize;

use crate::model::digest::Digest;

/// What is wrong with a file or folder of the store, the cache or the state. Modes are the lowest twelve bits of `st_mode`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FileProblem {
    #[error("it is not there")]
    Missing,
    #[error("it is a link")]
    Link,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is no folder")]
    NotAFolder,
    /// By their numbers.
    #[error("it belongs to the user {owner}, not to {user}")]
    OwnedByOther { owner: u32, user: u32 },
    #[error("others can write to it (mode {mode:o})")]
    WritableByOthers { mode: u32 },
    #[error("others can read it (mode {mode:o})")]
    ReadableByOthers { mode: u32 },
    /// Not even its owner can use it.
    #[error("nobody can use it (mode {mode:o})")]
    Closed { mode: u32 },
    /// By each of its names it can be changed.
    #[error("it has {names} names, by each of which it can be changed")]
    OtherNames { names: u64 },
    /// The system's words are in `error`.
    #[error("it cannot be read: {error}")]
    Unreadable { error: String },
    #[error("its bytes have the digest {}", found.short())]
    OtherDigest { found: Digest },
    /// It is not what this machine made: its message authentication code is another.
    #[error("its tag does not match its bytes")]
    OtherMac,
    #[error("it is too short for a tag")]
    NoMac,
    #[error("it does not have 32 bytes")]
    NotAKey,
    /// The machine's key, without which it cannot be checked.
    #[error("the key of this machine is missing or not private")]
    NoKey,
}
