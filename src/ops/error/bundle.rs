//! Errors of bundles.

use std::path::PathBuf;

use crate::model::digest::Digest;
use crate::model::fault::FaultKind;
use crate::model::fault::hint::Hint;
use crate::model::file_kind::FileKind;
use crate::model::name::ExtensionName;
use crate::model::text::{list, list_by};

/// Why a bundle cannot be written or imported.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("`{name}` is made from {}, which is not below the folder of the manifest", path.display())]
    OutsideFile { name: ExtensionName, path: PathBuf },
    #[error("`{name}` is made from {}, and a bundle carries files named *.wasm alone, and none in hidden folders", path.display())]
    UncarriedFile { name: ExtensionName, path: PathBuf },
    #[error("{} is not where a bundle can be written", .0.display())]
    Path(PathBuf),
    #[error("{} is there already, and is another file than the bundle's", .0.display())]
    ComponentExists(PathBuf),
    #[error("{} holds something else than one bundle", .0.display())]
    Taken(PathBuf),
    #[error("{} is not a bundle that can be used", path.display())]
    Unusable { path: PathBuf, source: BundleFault },
    #[error("there already, with other content than the bundle's: {}", list(files))]
    ProjectExists { files: Vec<String> },
    #[error("the bundle {}, which needs your consent", changing(files, removed, grants))]
    NoConsent { files: Vec<String>, removed: Vec<String>, grants: Vec<String> },
    #[error("{} is a link, which may lead outside of {}", link.display(), folder.display())]
    LinkInTheWay { link: PathBuf, folder: PathBuf },
    #[error("the bundle has drop-ins, and {manifest} has none: only a sesame.toml does")]
    DropIns { manifest: String },
    #[error("the bundle was not imported")]
    Declined,
}

/// What is wrong with the project in a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleFault {
    #[error("it has no {name}")]
    NoFile { name: &'static str },
    #[error("it has a file `{name}`, which no project has")]
    StrangeFile { name: String },
    #[error("it would write the component of `{name}` to {path}")]
    OutsideFile { name: ExtensionName, path: String },
    #[error("it has two components for {path}")]
    TwoComponents { path: String },
    #[error("its lock is not that of its manifest: look at `{name}`")]
    OtherLock { name: ExtensionName },
    #[error("{digest} has {found} bytes in it, and {expected} by its lock")]
    OtherSize { digest: Digest, expected: u64, found: u64 },
    #[error("it lacks {digest}, which `{name}` needs")]
    NoBlob { digest: Digest, name: ExtensionName },
    #[error("{digest} is {kind}")]
    NotAComponent { digest: Digest, kind: FileKind },
}

impl BundleError {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Path(_) | Self::DropIns { .. } => FaultKind::Usage,
            Self::NoConsent { .. } | Self::Declined => FaultKind::Denied,
            Self::Taken(_) | Self::LinkInTheWay { .. } | Self::ComponentExists(_) => FaultKind::Configuration,
            Self::OutsideFile { .. }
            | Self::UncarriedFile { .. }
            | Self::Unusable { .. }
            | Self::ProjectExists { .. } => FaultKind::Data,
        }
    }

    /// The extension that the message names.
    pub(super) fn extension(&self) -> Option<&str> {
        match self {
            Self::OutsideFile { name, .. } | Self::UncarriedFile { name, .. } => Some(name.as_str()),
            _ => None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::DropIns { .. } => "name another folder with `--manifest FOLDER`".into(),
            Self::Declined => "nothing was changed".into(),
            Self::OutsideFile { name, .. } => {
                    format!("copy it below that folder, or publish it with `sesame push`, and mend the source of `{name}`").into()
                }
            Self::UncarriedFile { name, .. } => format!("give the file another name, and change the source of `{name}`").into(),
            Self::Path(_) => "name an archive, FILE.tar, or a folder; bundles are not compressed".into(),
            Self::Taken(_) => "name a file or folder of its own".into(),
            Self::ComponentExists(_) => {
                    "move it away; `--replace` replaces it only where the manifest that is there names it, or the store has it too".into()
                }
            Self::Unusable { .. } => "make it again with `sesame bundle export`".into(),
            Self::ProjectExists { .. } => {
                    "`--replace` puts the bundle's files in their place; `--manifest FOLDER` writes them into another folder"
                        .into()
                }
            Self::NoConsent { .. } => "if you trust it with that, add `--grant-all`".into(),
            Self::LinkInTheWay { .. } => {
                    "move the link away, or name the folder that it leads to with `--manifest FOLDER`".into()
                }
        })
    }
}

/// `writes X, Y, removes Z and grants …`
fn changing(files: &[String], removed: &[String], grants: &[String]) -> String {
    let part = |verb: &str, text: String| if text.is_empty() { None } else { Some(format!("{verb} {text}")) };
    let changes = [part("writes", list(files)), part("removes", list(removed))];
    let changes = changes.into_iter().flatten().collect::<Vec<_>>().join(", and ");
    changes + &part(" and grants", list_by("; ", grants)).unwrap_or_default()
}
