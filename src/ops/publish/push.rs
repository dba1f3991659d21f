//! `push`: publishes a component's file, to a registry or into an OCI layout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::compiler::client::Compiler;
use crate::engine::metadata;
use crate::model::bounds::MAX_OCI_MANIFEST;
use crate::model::digest::Digest;
use crate::model::reference::destination::Destination;
use crate::model::report::registry::PushReport;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::registries;
use crate::ops::project::files::{read_component, read_file};
use crate::registry::Error as Registry;
use crate::registry::layout::fault::LayoutFault;
use crate::registry::layout::{self, MARKER};
use crate::registry::publish::package::{ComponentArtifact, ExistingTag};
use crate::registry::publish::push::Pushed;
use crate::store::write;

/// What to publish, and where.
#[derive(Debug, Clone)]
pub struct PushOptions {
    pub file: PathBuf,
    pub destination: Destination,
    /// Of the manifest. They go before what the component says of itself.
    pub annotations: BTreeMap<String, String>,
    /// What to do with a tag that names something else.
    pub existing_tag: ExistingTag,
}

/// Publishes a component.
///
/// # Errors
/// [`ProjectError::UnusableFile`](crate::ops::error::project::ProjectError::UnusableFile) if it is none;
/// [`Error::Registry`] if it cannot be published there.
pub fn push(context: &Context, push: &PushOptions) -> Result<PushReport, Error> {
    let bytes = read_component(&push.file)?;
    let compiler = Compiler::new(&context.compiler, &context.paths);
    let inspection = context
        .block_on(async { Ok(compiler.inspect(bytes.clone()).await?) })
        .map_err(|error| error.of_file(&push.file))?;
    let interface = inspection.interface;
    let mut annotations = metadata::annotations(&bytes);
    annotations.extend(push.annotations.clone());
    let (component, size) = (Digest::of(&bytes), bytes.len() as u64);
    let title = push.file.file_name().unwrap_or_default().to_string_lossy();
    let package = ComponentArtifact::new(bytes, &title, &interface.imports, &interface.exports, &annotations);
    let unchanged = match &push.destination.layout {
        Some(folder) => !write_layout(folder, push, &package)?,
        None => {
            let manifest = context.project.read_manifest_or_empty()?;
            let registry = registries::source_selector(context, &manifest.registries)?;
            let sent = registry.push(&push.destination.reference, &package, push.existing_tag);
            context.block_on(async { Ok(sent.await?) })? == Pushed::AlreadyPresent
        }
    };
    let provenance = package.digest();
    Ok(PushReport {
        reference: format!("{}@{provenance}", push.destination.reference),
        layout: push.destination.layout.as_ref().map(|folder| folder.display().to_string()),
        provenance,
        component,
        size,
        unchanged,
    })
}

/// Adds a package to a layout, which is made where there is none: the index that names the blobs comes last. Whether
/// anything was to do.
fn write_layout(folder: &Path, push: &PushOptions, package: &ComponentArtifact) -> Result<bool, Error> {
    let path = folder.join("index.json");
    let index = read_file(&path, MAX_OCI_MANIFEST)?;
    let index =
        layout::add_to_index(folder, index.as_deref(), &push.destination.reference, package, push.existing_tag)?;
    let marker = folder.join("oci-layout");
    let marked = read_file(&marker, MAX_OCI_MANIFEST)?;
    marked.as_ref().map_or(Ok(()), |bytes| layout::check_marker(folder, bytes))?;
    if marked.is_none() && !write::user_files::is_empty_or_absent(folder)? {
        return Err(Registry::NotALayout { path: folder.to_owned(), source: LayoutFault::OtherFiles }.into());
    }
    let Some(index) = index else { return Ok(false) };
    let blobs = folder.join("blobs").join("sha256");
    write::user_files::create_user_folder(folder)?;
    // The marker comes first: with it, what an interrupted push has left is a layout, and can be gone on with.
    if marked.is_none() {
        write::user_files::put_user_file(&marker, MARKER.as_bytes())?;
    }
    write::user_files::create_user_folder(&blobs)?;
    for blob in package.blobs().into_iter().chain([&package.manifest]) {
        write::user_files::put_user_file(&blobs.join(Digest::of(blob).hex()), blob)?;
    }
    write::user_files::put_user_file(&path, &index)?;
    Ok(true)
}
