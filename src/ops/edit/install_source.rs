//! Where the component of an install comes from, and which versions of it are declared. Writes nothing.

use std::path::PathBuf;

use crate::model::manifest::edit::WrittenSource;
use crate::model::manifest::{ComponentSource, Extension, Manifest, OciRange};
use crate::model::name::ExtensionName;
use crate::model::reference::{OciReference, OciRepository};
use crate::model::version::Requirement;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::edit::EditError;
use crate::ops::policy::registries;
use crate::ops::sync::lock::newest_tag;

/// Where the component comes from.
#[derive(Debug, Clone)]
pub enum InstallSource {
    Registry(OciReference),
    /// The newest release of a repository.
    Newest(OciRepository),
    /// A component's file, which stays where it is.
    InPlace(PathBuf),
    /// A component's file, which is copied beside the manifest.
    File(PathBuf),
}

/// Which versions are declared, of a component of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredVersions {
    /// The tag that is named. Without one, those that are compatible with the newest release; or its tag, if there is a tag
    /// already.
    Usual,
    /// Those that fit, of which the newest is locked.
    Requirement(Requirement),
    /// One tag, even if a range of versions is declared that allows it.
    Exact,
}

/// Where a component comes from: of a registry with its tag.
pub(super) struct FoundVersion {
    pub origin: InstallSource,
    /// The range of versions to declare instead of the tag.
    pub range: Option<OciRange>,
}

/// Finds the tag that is meant, where none is named.
pub(super) fn find_version(
    context: &Context,
    name: &ExtensionName,
    origin: &InstallSource,
    versions: &DeclaredVersions,
    manifest: &Manifest,
) -> Result<FoundVersion, Error> {
    let InstallSource::Newest(repository) = origin else {
        return Ok(FoundVersion { origin: origin.clone(), range: None });
    };
    let declared = manifest.extensions.get(name).map(|existing| &existing.source);
    let same = declared.filter(|declared| declared.repository() == Some(repository));
    if let (DeclaredVersions::Usual, Some(ComponentSource::Range(range))) = (versions, same) {
        return Err(EditError::IsRange { name: name.clone(), range: range.to_string() }.into());
    }
    let requirement = match versions {
        DeclaredVersions::Requirement(requirement) => requirement.clone(),
        DeclaredVersions::Usual | DeclaredVersions::Exact => Requirement::any(),
    };
    let registry = registries::source_selector(context, &manifest.registries)?;
    let wanted = OciRange { repository: repository.clone(), requirement };
    let reference = context.block_on(newest_tag(context, &registry, name, &wanted))?;
    let range = match versions {
        DeclaredVersions::Requirement(_) => Some(wanted),
        DeclaredVersions::Usual if same.is_none() => Requirement::compatible_with(reference.revision())
            .map(|requirement| OciRange { repository: repository.clone(), requirement }),
        DeclaredVersions::Usual | DeclaredVersions::Exact => None,
    };
    Ok(FoundVersion { origin: InstallSource::Registry(reference), range })
}

/// The declared range that an install replaces: it does not allow the tag that was named.
pub(super) fn lost_range<'a>(
    existing: Option<&'a Extension>,
    origin: &InstallSource,
    versions: &DeclaredVersions,
) -> Option<&'a OciRange> {
    match (origin, versions) {
        (InstallSource::Registry(reference), DeclaredVersions::Usual) => {
            range_of(existing, reference).filter(|range| !allows(range, reference))
        }
        _ => None,
    }
}

/// What is written of a component of a registry; none if what is declared stays.
pub(super) fn written_source(
    existing: Option<&Extension>,
    origin: &InstallSource,
    range: Option<&OciRange>,
    versions: &DeclaredVersions,
) -> Option<WrittenSource> {
    let InstallSource::Registry(reference) = origin else { return None };
    if let Some(OciRange { repository, requirement }) = range {
        let (repository, requirement) = (repository.to_string(), requirement.to_string());
        return Some(WrittenSource::Range { repository, requirement });
    }
    let is_allowed = || range_of(existing, reference).is_some_and(|range| allows(range, reference));
    let stays = *versions == DeclaredVersions::Usual && is_allowed();
    (!stays).then(|| WrittenSource::Oci { reference: reference.to_string(), revision: reference.revision().to_owned() })
}

/// The range of versions that an extension is declared with, if it comes from the same repository.
fn range_of<'a>(existing: Option<&'a Extension>, reference: &OciReference) -> Option<&'a OciRange> {
    match &existing?.source {
        ComponentSource::Range(range) => (range.repository == *reference.without_revision()).then_some(range),
        _ => None,
    }
}

/// Whether a range of versions can stay where a reference is locked: not if that is pinned to a digest.
fn allows(range: &OciRange, reference: &OciReference) -> bool {
    range.has(reference) && reference.provenance().is_none()
}
