//! `tags`: which tags a repository has, which of them the manifest allows, and which is locked.

use std::cmp::Reverse;

use crate::model::lock::{Lock, LockedSource};
use crate::model::manifest::{ComponentSource, Manifest};
use crate::model::name::ExtensionName;
use crate::model::reference::OciRepository;
use crate::model::report::query::tags::{ListedTag, TagsReport};
use crate::model::version::{Requirement, version};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;
use crate::ops::policy::registries;

/// Whose tags are listed.
#[derive(Debug, Clone)]
pub enum TaggedSource {
    Repository(OciRepository),
    /// The repository that the manifest declares for an extension.
    Extension(ExtensionName),
}

/// Lists the tags of a repository.
///
/// # Errors
/// Those of the registry; [`ProjectError::NotFromRegistry`] for an extension that is made from a file.
pub fn tags(context: &Context, source: &TaggedSource) -> Result<TagsReport, Error> {
    let manifest = context.project.read_manifest_or_empty()?;
    let repository = match source {
        TaggedSource::Repository(repository) => repository.clone(),
        TaggedSource::Extension(name) => declared(context, &manifest, name)?,
    };
    let registry = registries::source_selector(context, &manifest.registries)?;
    let mut tags = context.block_on(async { Ok(registry.tags(&repository).await?.to_vec()) })?;
    tags.sort_by_cached_key(|tag| (version(tag).is_none(), Reverse(version(tag)), tag.clone()));
    tags.dedup();
    let newest = Requirement::any().highest(tags.iter()).map(str::to_owned);
    let lock = context.project.read_lock().ok().flatten().unwrap_or_default();
    let listed = |tag: String| ListedTag {
        is_version: version(&tag).is_some(),
        fits: fitting(&manifest, &repository, &tag),
        locked: locked(&lock, &repository, &tag),
        tag,
    };
    Ok(TagsReport { tags: tags.into_iter().map(listed).collect(), newest, repository: repository.to_string() })
}

fn declared(context: &Context, manifest: &Manifest, name: &ExtensionName) -> Result<OciRepository, Error> {
    let Some(extension) = manifest.extensions.get(name) else {
        return Err(Error::no_extension(name, context.project.shown_manifest(), manifest.extensions.keys()));
    };
    let repository = extension.source.repository().cloned();
    repository
        .ok_or_else(|| ProjectError::NotFromRegistry { name: name.clone(), path: extension.source.to_string() }.into())
}

/// The extensions whose declaration allows a tag.
fn fitting(manifest: &Manifest, repository: &OciRepository, tag: &str) -> Vec<ExtensionName> {
    let allows = |source: &ComponentSource| match source {
        ComponentSource::Oci(reference) => reference.without_revision() == repository && reference.revision() == tag,
        ComponentSource::Range(range) => range.repository == *repository && range.requirement.fits(tag),
        ComponentSource::Path(_) => false,
    };
    let fitting = manifest.extensions.iter().filter(|(_, extension)| allows(&extension.source));
    fitting.map(|(name, _)| name.clone()).collect()
}

/// The extensions that are locked to a tag.
fn locked(lock: &Lock, repository: &OciRepository, tag: &str) -> Vec<ExtensionName> {
    let is_locked = |source: &LockedSource| match source {
        LockedSource::Oci { reference, .. } => {
            reference.without_revision() == repository && reference.revision() == tag
        }
        LockedSource::Path(_) => false,
    };
    lock.entries.iter().filter(|(_, entry)| is_locked(&entry.source)).map(|(name, _)| name.clone()).collect()
}
