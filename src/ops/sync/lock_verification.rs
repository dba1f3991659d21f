//! What a sync makes live, and the last look before it does: is each component what the lock says that it is?
//!
//! A lock is a file that people merge and edit. That its digests were fetched does not make it true.

use std::collections::{BTreeMap, BTreeSet};

use crate::compiler::client::Compiler;
use crate::compiler::inspection::Inspection;
use crate::model::digest::Digest;
use crate::model::fault::Fault;
use crate::model::lock::{Lock, LockEntry, LockedSource};
use crate::model::name::ExtensionName;
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::model::plan::inventory::{Inventory, StoredState};
use crate::model::plan::step::{Step, StepKind};
use crate::ops::context::{Context, Interrupt};
use crate::ops::error::Error;
use crate::ops::error::lock::{Direction, LockError, LockMismatch};
use crate::ops::error::policy::PolicyError;
use crate::registry::artifact::{self, Artifact, ArtifactRefusal};
use crate::store::blobs::Blobs;

/// A generation to activate, and the lock that it was described from.
pub(crate) struct SyncTarget {
    pub generation: Generation,
    pub lock: Lock,
    /// The extensions of the live generation, which were confirmed before.
    pub confirmed: Vec<ActiveExtension>,
}

impl SyncTarget {
    /// The extensions that are not live already, which are still to be held against their bytes.
    pub fn unconfirmed(&self) -> impl Iterator<Item = (&ActiveExtension, &LockEntry)> {
        self.generation.extensions.iter().filter_map(|extension| {
            let same = |live: &ActiveExtension| {
                (&live.name, &live.provenance, &live.component, live.size, &live.imports)
                    == (
                        &extension.name,
                        &extension.provenance,
                        &extension.component,
                        extension.size,
                        &extension.imports,
                    )
            };
            let entry = self.lock.entries.get(&extension.name).filter(|_| !self.confirmed.iter().any(same))?;
            Some((extension, entry))
        })
    }

    /// Holds them against what was found out about their components: the documents lead from the provenance to the
    /// component, and the component imports and exports what the lock says, with types that this host has.
    ///
    /// # Errors
    /// [`LockError::NotAsLocked`] for the first that is something else, [`Error::Interrupted`] if that was wanted first.
    pub fn verify(
        &self,
        blobs: &Blobs,
        inspections: &BTreeMap<Digest, Inspection>,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        for (extension, entry) in self.unconfirmed() {
            if interrupt.is_set() {
                return Err(Error::Interrupted);
            }
            let found = inspections.get(&entry.component).ok_or(Error::Bug("a component was not examined"))?;
            check_documents(&extension.name, entry, blobs)?;
            check_component(&extension.name, entry, found)?;
        }
        Ok(())
    }

    /// Holds against their bytes those that the store has already; what has to be fetched is held against them later.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_held(&self, context: &Context, inventory: &Inventory) -> Result<(), Error> {
        if self.unconfirmed().next().is_none() {
            return Ok(());
        }
        let blobs = Blobs::new(&context.paths);
        let is_held = |digest: &Digest| inventory.blobs.get(digest) == Some(&StoredState::Good);
        let compiler = Compiler::new(&context.compiler, &context.paths);
        context.block_on(async {
            for (ActiveExtension { name, .. }, entry) in self.unconfirmed() {
                if entry.source.manifest_digests().all(|digest| is_held(&digest)) {
                    check_documents(name, entry, &blobs)?;
                }
                if is_held(&entry.component) {
                    let found = compiler.inspect(blobs.read(entry.component)?).await;
                    check_component(name, entry, &found.map_err(|error| Error::from(error).of_extension(name))?)?;
                }
            }
            compiler.end().await;
            Ok(())
        })
    }

    /// Why a blob could not be fetched, if the lock is wrong about it and not the source: the documents before it, which are in
    /// the store by now, do not lead to it.
    pub fn lock_fault(&self, step: &Step, blobs: &Blobs) -> Option<Fault> {
        let (StepKind::Fetch { blob, .. } | StepKind::Verify { blob }) = &step.kind else { return None };
        let entries = step.extensions.iter().filter_map(|name| Some((name, self.lock.entries.get(name)?)));
        let leads_to_blob = |entry: &LockEntry| {
            entry.component == blob.digest || entry.source.manifest_digests().any(|digest| digest == blob.digest)
        };
        let mut of_blob = entries.filter(|(_, entry)| leads_to_blob(entry));
        of_blob.find_map(|(name, entry)| match check_documents(name, entry, blobs) {
            Err(error @ Error::Lock(_)) => Some(error.fault()),
            _ => None,
        })
    }
}

/// Checks that the documents of an entry of the lock lead from its provenance to its component.
fn check_documents(name: &ExtensionName, entry: &LockEntry, blobs: &Blobs) -> Result<(), Error> {
    as_locked(name, document_mismatch(entry, blobs)?)
}

/// Checks that a component is what its entry of the lock says, and can be linked with this host.
fn check_component(name: &ExtensionName, entry: &LockEntry, found: &Inspection) -> Result<(), Error> {
    as_locked(name, component_mismatch(entry, found))?;
    match found.unlinkable.clone() {
        Some(source) => Err(PolicyError::Link { name: name.to_string(), source }.into()),
        None => Ok(()),
    }
}

fn as_locked(name: &ExtensionName, mismatch: Option<LockMismatch>) -> Result<(), Error> {
    mismatch.map_or(Ok(()), |source| Err(LockError::NotAsLocked { name: name.clone(), source }.into()))
}

fn document_mismatch(entry: &LockEntry, blobs: &Blobs) -> Result<Option<LockMismatch>, Error> {
    if let LockedSource::Oci { provenance, manifest, .. } = &entry.source {
        let artifact =
            |digest| -> Result<Result<Artifact, ArtifactRefusal>, Error> { Ok(artifact::read(&blobs.read(digest)?)) };
        if let Some(manifest) = manifest {
            match artifact(*provenance)? {
                Err(refusal) => return Ok(Some(refusal.into())),
                Ok(found) if found == (Artifact::Index { manifest: *manifest }) => {}
                Ok(_) => return Ok(Some(LockMismatch::Manifest { locked: *manifest })),
            }
        }
        match artifact(manifest.unwrap_or(*provenance))? {
            Err(refusal) => return Ok(Some(refusal.into())),
            Ok(found) if found == (Artifact::Component { digest: entry.component, size: entry.size }) => {}
            Ok(Artifact::Component { digest, size: found }) if digest == entry.component => {
                return Ok(Some(LockMismatch::Size { locked: entry.size, found }));
            }
            Ok(_) => return Ok(Some(LockMismatch::Component { locked: entry.component })),
        }
    }
    Ok(None)
}

fn component_mismatch(entry: &LockEntry, found: &Inspection) -> Option<LockMismatch> {
    if found.size != entry.size {
        return Some(LockMismatch::Size { locked: entry.size, found: found.size });
    }
    let imports = compare(Direction::Import, &entry.imports, &found.interface.imports);
    imports.or_else(|| compare(Direction::Export, &entry.exports, &found.interface.exports))
}

fn compare(direction: Direction, locked: &BTreeSet<String>, found: &BTreeSet<String>) -> Option<LockMismatch> {
    let interface = found.symmetric_difference(locked).next()?;
    let is_more = found.contains(interface);
    let interface = interface.clone();
    Some(if is_more {
        LockMismatch::More { direction, interface }
    } else {
        LockMismatch::Less { direction, interface }
    })
}
