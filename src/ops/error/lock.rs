//! Errors of locks.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::digest::Digest;
use crate::model::fault::hint::Hint;
use crate::model::fault::{Fault, FaultKind};
use crate::model::lock::{LockChange, Staleness};
use crate::model::manifest::OciRange;
use crate::model::name::ExtensionName;
use crate::model::text::{count, list_by};
use crate::model::version::Requirement;
use crate::registry::artifact::ArtifactRefusal;

/// Why a lock cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the file of `{name}` was changed since it was locked: expected {expected}, found {found}")]
    ChangedFile { name: ExtensionName, expected: Digest, found: Digest },
    #[error("there is no {lock}")]
    NoLock {
        lock: String,
        /// The lock with the usual name beside it, if there is one.
        usual: Option<String>,
        /// Whether that one was made for this manifest, by an earlier version.
        is_earlier: bool,
    },
    #[error("{lock} is stale: {}", stale_list(stale))]
    Stale { lock: String, stale: Vec<(ExtensionName, Staleness)> },
    #[error("{} cannot be used", count(extensions_of(faults), "extension"))]
    Extensions {
        faults: Vec<(ExtensionName, Fault)>,
        /// What the lock would have changed for them, as far as that is known.
        changes: Vec<LockChange>,
    },
    #[error("no tag fits `{name}`, {range}{}", newest.as_ref().map_or(String::new(), |tag| format!("; the newest release is {tag}")))]
    NoVersion { name: ExtensionName, range: Box<OciRange>, newest: Option<String> },
    #[error("`{name}` contradicts itself: its manifest gives its component {stated} bytes, but it has {found}")]
    BadSize { name: ExtensionName, stated: u64, found: u64 },
    #[error("`{name}` is not what sesame.lock says")]
    NotAsLocked { name: ExtensionName, source: LockMismatch },
    #[error("the lock would have {size} bytes, and at most {limit} are read", limit = crate::model::bounds::MAX_PROJECT_FILE)]
    TooLarge { size: usize },
}

/// How a component, or what leads to it, differs from its entry of the lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockMismatch {
    #[error(transparent)]
    Artifact(#[from] ArtifactRefusal),
    #[error("its provenance does not lead to the manifest {}", locked.short())]
    Manifest { locked: Digest },
    #[error("its provenance does not lead to the component {}", locked.short())]
    Component { locked: Digest },
    #[error("its component has {found} bytes, expected {locked}")]
    Size { locked: u64, found: u64 },
    #[error("it {direction} `{interface}` too")]
    More { direction: Direction, interface: String },
    #[error("it {direction} no `{interface}`")]
    Less { direction: Direction, interface: String },
}

/// Which way an interface goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Import,
    Export,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Import => "imports",
            Self::Export => "exports",
        })
    }
}

impl LockError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoVersion { .. } => FaultKind::Missing,
            Self::NoLock { .. } | Self::Stale { .. } | Self::TooLarge { .. } | Self::BadSize { .. } => FaultKind::Data,
            Self::ChangedFile { .. } | Self::NotAsLocked { .. } => FaultKind::Integrity,
            Self::Extensions { faults, .. } => {
                faults.iter().map(|(_, fault)| fault.kind).min().unwrap_or(FaultKind::Bug)
            }
        }
    }

    /// The extension that the message names.
    pub(super) fn extension(&self) -> Option<&str> {
        match self {
            Self::ChangedFile { name, .. }
            | Self::NoVersion { name, .. }
            | Self::BadSize { name, .. }
            | Self::NotAsLocked { name, .. } => Some(name.as_str()),
            Self::NoLock { .. } | Self::Stale { .. } | Self::Extensions { .. } | Self::TooLarge { .. } => None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::Extensions { .. } => {
                return None;
            }
            Self::ChangedFile { .. } => "run `sesame lock` if the change is meant".into(),
            Self::NoLock { lock, usual: Some(usual), is_earlier: true } => {
                format!("rename {usual} to {lock} if it was made for this manifest; `sesame lock` writes a new one")
                    .into()
            }
            Self::NoLock { lock, usual: Some(usual), .. } => {
                format!("`sesame lock` writes {lock}; {usual} is that of the sesame.toml beside it").into()
            }
            Self::NoLock { .. } => "run `sesame lock` and commit the file".into(),
            Self::Stale { .. } => "run `sesame lock` and commit the file".into(),
            Self::TooLarge { .. } => "leave out the extension with the many imports or exports".into(),
            Self::NotAsLocked { name, .. } => {
                format!("restore sesame.lock from git, or resolve it again: `sesame lock -P {name}`").into()
            }
            Self::NoVersion { name, range, newest: Some(newest) }
                if let Some(newest) = Requirement::compatible_with(newest) =>
            {
                let repository = &range.repository;
                format!(
                    "declare a range that includes it: `sesame add {repository} --name {name} --version '{newest}'`"
                )
                .into()
            }
            Self::NoVersion { .. } => {
                "pre-releases are taken only where `version` names one; other tags stand in `oci`".into()
            }
            Self::BadSize { .. } => "tell whoever published it; its manifest is broken".into(),
        })
    }
}

/// How many extensions some faults are about: one may have several.
fn extensions_of(faults: &[(ExtensionName, Fault)]) -> usize {
    faults.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len()
}

fn stale_list(stale: &[(ExtensionName, Staleness)]) -> String {
    let one = |(name, why): &(ExtensionName, Staleness)| format!("`{name}` {why}");
    list_by("; ", stale.iter().map(one))
}
