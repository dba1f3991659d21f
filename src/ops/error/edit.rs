//! Errors of changes to a project.

use std::fmt;
use std::path::PathBuf;

use crate::model::capability::Capability;
use crate::model::capability::grant::GrantError;
use crate::model::fault::FaultKind;
use crate::model::fault::hint::Hint;
use crate::model::manifest::edit::ManifestEditError;
use crate::model::name::{ExtensionName, NameError, ProfileName};
use crate::model::text::list;
use crate::ops::error::policy::grant_options;

use super::policy::capability_list;

/// Why a project was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("`{name}` is there already, and takes what fits {range}")]
    IsRange { name: ExtensionName, range: String },
    #[error("`{name}` is declared with version {range}, which {} {reference}", if *is_pin { "cannot be pinned to" } else { "does not allow" })]
    LosesRange {
        name: ExtensionName,
        range: String,
        reference: String,
        /// Whether it is pinned to a digest, which a range is not.
        is_pin: bool,
    },
    #[error("more than one extension asks for a new capability: {}", list(names.iter().map(ExtensionName::as_str)))]
    GrantForSeveral { names: Vec<ExtensionName> },
    #[error("`{text}` cannot be the name of an extension")]
    NoName { text: String, source: NameError },
    #[error("{file} cannot be changed")]
    Manifest { file: String, source: ManifestEditError },
    #[error("`{name}` needs what is not granted: {}", capability_list(capabilities))]
    NoConsent { name: ExtensionName, capabilities: Vec<Capability> },
    #[error("`{name}` would inherit grants from {from}, which is something else: {}", capability_list(capabilities))]
    Inherits { name: ExtensionName, from: String, capabilities: Vec<Capability> },
    #[error("`{name}` was not granted what it asks for")]
    Declined { name: ExtensionName },
    #[error("{action} needs your consent")]
    Unconfirmed { action: ConfirmedAction },
    #[error("{action} was declined")]
    ActionDeclined { action: ConfirmedAction },
    #[error(transparent)]
    Grants(GrantError),
    #[error("`{name}` is not granted `{capability}`{}", for_items(items))]
    NotGranted {
        name: ExtensionName,
        capability: Capability,
        /// The items that it is not granted, if items were named.
        items: Vec<String>,
        /// What it is granted, each as it is written after `--grant`.
        granted: Vec<String>,
    },
    #[error("`{name}` is granted `{capability}` for {item} through {by}")]
    Covered {
        name: ExtensionName,
        capability: Capability,
        item: String,
        /// The other grant, as it is written after `--grant`.
        by: String,
    },
    #[error("`{name}` is granted `{capability}` as a whole, so no items can be revoked")]
    GrantedAsWhole { name: ExtensionName, capability: Capability },
    #[error("{} was changed while the command ran", .0.display())]
    ChangedMeanwhile(PathBuf),
    #[error("{} is there already, and is not this extension's alone to replace", path.display())]
    CopyExists { path: PathBuf },
}

/// What a command does only after a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmedAction {
    ChangeGrants(ExtensionName),
    ReplaceRange { name: ExtensionName, range: String },
    DeleteProfiles(Vec<ProfileName>),
    Purge,
}

impl fmt::Display for ConfirmedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangeGrants(name) => write!(f, "a change to the grants of `{name}`"),
            Self::ReplaceRange { name, range } => write!(f, "the replacement of the range {range} of `{name}`"),
            Self::DeleteProfiles(names) => {
                write!(f, "the deletion of profile {}", list(names.iter().map(|name| format!("`{name}`"))))
            }
            Self::Purge => f.write_str("the removal of all files that sesame created"),
        }
    }
}

impl EditError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoName { .. }
            | Self::IsRange { .. }
            | Self::LosesRange { .. }
            | Self::GrantForSeveral { .. }
            | Self::Grants(_)
            | Self::Covered { .. }
            | Self::GrantedAsWhole { .. } => FaultKind::Usage,
            Self::NoConsent { .. }
            | Self::Inherits { .. }
            | Self::Declined { .. }
            | Self::Unconfirmed { .. }
            | Self::ActionDeclined { .. } => FaultKind::Denied,
            Self::NotGranted { .. } => FaultKind::Missing,
            Self::Manifest { .. } => FaultKind::Data,
            Self::ChangedMeanwhile(_) => FaultKind::Io,
            Self::CopyExists { .. } => FaultKind::Configuration,
        }
    }

    /// The extension that the message names.
    pub(super) fn extension(&self) -> Option<&str> {
        match self {
            Self::IsRange { name, .. }
            | Self::LosesRange { name, .. }
            | Self::NoConsent { name, .. }
            | Self::Inherits { name, .. }
            | Self::NotGranted { name, .. }
            | Self::GrantedAsWhole { name, .. }
            | Self::Covered { name, .. }
            | Self::Declined { name } => Some(name.as_str()),
            Self::Unconfirmed { action } | Self::ActionDeclined { action } => match action {
                ConfirmedAction::ChangeGrants(name) | ConfirmedAction::ReplaceRange { name, .. } => Some(name.as_str()),
                ConfirmedAction::DeleteProfiles(_) | ConfirmedAction::Purge => None,
            },
            Self::NoName { .. }
            | Self::GrantForSeveral { .. }
            | Self::Manifest { .. }
            | Self::Grants(_)
            | Self::ChangedMeanwhile(_)
            | Self::CopyExists { .. } => None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::IsRange { name, .. } => format!(
                "`sesame upgrade {name}` takes the newest that fits; `--version` with `sesame add` declares another range, and `--exact` a tag"
            )
            .into(),
            Self::LosesRange { name, is_pin: true, .. } => {
                format!("leave the digest out, or run `sesame remove {name}` first to pin it").into()
            }
            Self::LosesRange { name: _, .. } => {
                "add `--exact` to declare the one tag, or give the repository without a tag and `--version REQUIREMENT`".into()
            }
            Self::GrantForSeveral { names } => {
                let first = names.first().map_or("NAME", ExtensionName::as_str);
                format!("name the one that is granted it: `sesame upgrade {first} --grant CAPABILITY`").into()
            }
            Self::NoName { .. } => "give it one with `--name NAME`: lower-case letters, digits and `-`".into(),
            Self::Manifest { file, source: ManifestEditError::NoPlace { line } } => {
                format!("write `{line}` among the extensions in {file} by hand and run `sesame sync`").into()
            }
            Self::Manifest {
                file,
                source: ManifestEditError::Form { line: Some(line), .. } | ManifestEditError::Comment { line, .. },
            } => format!("write `{line}` into its entry in {file} by hand and run `sesame sync`").into(),
            Self::Manifest { file, source: ManifestEditError::Removal(name) } => {
                format!("take `{name}` out of {file} by hand and run `sesame sync`").into()
            }
            Self::Manifest { file, source: ManifestEditError::Revocation(_) } => {
                format!("remove the grant from its entry in {file} by hand and run `sesame sync`").into()
            }
            Self::Manifest { file, .. } => format!("change {file} by hand and run `sesame sync`").into(),
            Self::NoConsent { capabilities, .. } => {
                format!("if you trust it with that, add `{}`, or `--grant-all`", grant_options(capabilities)).into()
            }
            Self::Inherits { name, .. } => {
                format!("grant them to it with `--grant` or `--grant-all`, or first `sesame remove {name}`").into()
            }
            Self::Declined { .. } | Self::ActionDeclined { .. } => "nothing was changed".into(),
            Self::Unconfirmed { .. } => "at a terminal, the command asks for it; `--yes` gives it".into(),
            Self::Grants(_) => "see `sesame help capabilities`".into(),
            Self::Covered { name, by, .. } => {
                let by = if by.contains(' ') { format!("'{by}'") } else { by.clone() };
                format!("`sesame revoke {name} {by}` revokes that; then grant again what should stay").into()
            }
            Self::NotGranted { granted, .. } if granted.is_empty() => "it is granted nothing".into(),
            Self::NotGranted { granted, .. } => format!("it is granted {}", list(granted)).into(),
            Self::GrantedAsWhole { name, capability } => format!(
                "`sesame grant {name} {capability}=ITEM,ITEM` narrows it to items; `sesame revoke {name} {capability}` revokes all of it"
            )
            .into(),
            Self::ChangedMeanwhile(_) => "run the command again".into(),
            Self::CopyExists { .. } => {
                "move the file away, or give the extension another name with `--name NAME`".into()
            }
        })
    }
}

fn for_items(items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!(" for {}", list(items)) }
}
