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

impl UpgradeSelection {
    /// These extensions; all of them if none is named.
    pub fn of_names(names: &[ExtensionName]) -> Self {
        if names.is_empty() { Self::All } else { Self::Names(names.iter().cloned().collect()) }
    }

    pub fn contains(&self, name: &ExtensionName) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Names(names) => names.contains(name),
        }
    }
}

impl SyncOptions {
    /// Those of a sync that leaves the sets of other manifests alone.
    pub(crate) fn own(mode: WriteMode, policy: LockPolicy, profile: Option<&ProfileName>) -> Self {
        Self { mode, policy, ownership: ProfileTakeover::Refuse, profile: profile.cloned() }
    }

    /// Those of a plain `sync` that only says what it would do.
    pub(crate) fn preview(profile: Option<&ProfileName>) -> Self {
        Self::own(WriteMode::Preview, LockPolicy::Update, profile)
    }

    pub(crate) fn narrowing_target(&self) -> NarrowingTarget<'_> {
        NarrowingTarget { profile: self.profile.as_ref(), ownership: self.ownership }
    }
}

/// Whose active set a refused sync narrows.
#[derive(Clone, Copy)]
pub(crate) struct NarrowingTarget<'a> {
    /// Instead of the manifest's profile.
    pub profile: Option<&'a ProfileName>,
    /// Whether the set of another manifest is narrowed to this one.
    pub ownership: ProfileTakeover,
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
