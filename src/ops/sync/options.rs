//! What `sync` and `lock` are asked to do.

use std::collections::BTreeSet;

use crate::model::name::{ExtensionName, ProfileName};

/// How the lock is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockPolicy {
    /// A stale lock is made again.
    Update,
    /// A stale lock is an error.
    Locked,
    /// The lock is taken as it stands.
    Frozen,
}

/// What to do with a profile that another manifest made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileTakeover {
    /// Refuse.
    Refuse,
    /// Take it over.
    Adopt,
}

/// The options of `sync`.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    pub mode: WriteMode,
    pub policy: LockPolicy,
    pub ownership: ProfileTakeover,
    /// Instead of the manifest's profile.
    pub profile: Option<ProfileName>,
}

/// Whether anything may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    Write,
    /// Only say what would be done.
    Preview,
}

/// What to resolve although the lock has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UpgradeSelection {
    #[default]
    Nothing,
    All,
    Names(BTreeSet<ExtensionName>),
}
