//! Errors of profiles and their generations.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use crate::model::fault::FaultKind;
use crate::model::fault::hint::Hint;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::set_change::SetChange;
use crate::model::text::list;

/// Why a profile or one of its generations is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("there is no extension `{name}` in {place}")]
    NoExtension {
        name: ExtensionName,
        place: String,
        closest: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    #[error("there is no profile `{profile}`")]
    NoProfile { profile: ProfileName, closest: Option<String> },
    #[error("profile `{profile}` has that name already")]
    SameName { profile: ProfileName },
    #[error("profile `{profile}` already exists")]
    ProfileExists { profile: ProfileName },
    #[error("profile `{profile}` is managed by {made_by}")]
    Taken { profile: ProfileName, made_by: ManifestPath },
    #[error("profile `{profile}` is managed by {made_by}{}", if *is_gone { ", which no longer exists" } else { "" })]
    OtherManifest {
        profile: ProfileName,
        made_by: ManifestPath,
        /// Whether there is no such file any more.
        is_gone: bool,
        differences: Vec<SetChange>,
    },
    #[error("there is no generation {number} in the profile `{profile}`")]
    NoGeneration { profile: ProfileName, number: u64, known: BTreeSet<u64> },
    #[error("there is no generation before the live one in the profile `{profile}`")]
    NoEarlier { profile: ProfileName },
    #[error("nothing is live in the profile `{profile}`")]
    NothingActive { profile: ProfileName },
    #[error("generation {number} is the live one of the profile `{profile}`")]
    IsActive { profile: ProfileName, number: u64 },
    #[error("extensions of generation {number} of the profile `{profile}` are running")]
    InUse { profile: ProfileName, number: u64 },
    #[error("extensions of profile `{profile}` were started while the command ran")]
    Running { profile: ProfileName },
    #[error("generation {number} needs components that are lost: {}", names(lost))]
    NotWhole { number: u64, lost: Vec<ExtensionName> },
}

impl ProfileError {
    /// That another manifest made the active set, and what this one would change of it.
    pub(crate) fn other_manifest(profile: ProfileName, made_by: ManifestPath, differences: Vec<SetChange>) -> Self {
        let is_gone = made_by.as_path().symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        Self::OtherManifest { profile, made_by, is_gone, differences }
    }

    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoExtension { .. }
            | Self::NoProfile { .. }
            | Self::NoGeneration { .. }
            | Self::NoEarlier { .. }
            | Self::NothingActive { .. } => FaultKind::Missing,
            Self::Taken { .. } | Self::OtherManifest { .. } | Self::InUse { .. } | Self::Running { .. } => {
                FaultKind::Denied
            }
            Self::IsActive { .. } | Self::SameName { .. } => FaultKind::Usage,
            Self::ProfileExists { .. } => FaultKind::Configuration,
            Self::NotWhole { .. } => FaultKind::Integrity,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::NoExtension { closest: Some(closest), .. } => format!("did you mean `{closest}`?").into(),
            Self::NoProfile { closest: Some(closest), .. } => format!("did you mean `{closest}`?").into(),
            Self::SameName { .. } => "choose another name".into(),
            Self::Running { profile } => {
                format!("stop the programs that use them, and run `sesame profile delete {profile}`").into()
            }
            Self::ProfileExists { profile } => {
                format!("choose another name, or run `sesame profile delete {profile}` first").into()
            }
            Self::NoProfile { .. } => "`sesame profile list` lists them; `sesame sync --profile NAME` creates one".into(),
            Self::NoExtension { known, .. } if !known.is_empty() => format!("there are {}", list(known)).into(),
            Self::NoExtension { .. } => {
                    "`sesame list` shows what is live; `sesame sync` makes live what the manifest wants"
                        .into()
                }
            Self::OtherManifest { is_gone: true, .. } => {
                    "if this manifest takes its place, for example because it was moved, run `sesame sync --adopt`".into()
                }
            Self::OtherManifest { .. } => {
                    "`profile = \"NAME\"` in sesame.toml, or `--profile NAME`, makes another live set; `sesame sync --adopt` replaces what is live by this manifest's set"
                        .into()
                }
            Self::NoGeneration { known, .. } if known.is_empty() => "`sesame sync` makes the first".into(),
            Self::NoGeneration { known, .. } => {
                    format!("there are {}", known.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")).into()
                }
            Self::NothingActive { .. } => "`sesame sync` makes the manifest's set live; `--profile NAME` names another profile".into(),
            Self::Taken { .. } => "`--profile NAME` makes another live set".into(),
            Self::NoEarlier { .. } => "`sesame generations` lists what there is".into(),
            Self::IsActive { .. } => "make another live first: `sesame rollback N`, or `sesame sync`".into(),
            Self::InUse { .. } => "end the programs that run them, or leave it to a later sync".into(),
            Self::NotWhole { .. } => "`sesame verify --repair` fetches them again".into(),
        })
    }
}

fn names(names: &[ExtensionName]) -> String {
    list(names.iter().map(ExtensionName::as_str))
}
