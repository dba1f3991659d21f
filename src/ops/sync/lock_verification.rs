//! What a sync makes live, and the last look before it does: is each component what the lock says that it is?
//!
//! A lock is a file that people merge and edit. That its digests were fetched does not make it true.

use std::collections::{BTreeMap, BTreeSet};

use crate::compiler::inspection::Inspection;
use crate::model::digest::Digest;
use crate::model::lock::{Lock, LockEntry, LockedSource};
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::ops::context::Interrupt;
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
            let name = &extension.name;
            let found = inspections.get(&entry.component).ok_or(Error::Bug("a component was not examined"))?;
            if let Some(source) = mismatch(entry, blobs, found)? {
                return Err(LockError::NotAsLocked { name: name.clone(), source }.into());
            }
            if let Some(source) = found.unlinkable.clone() {
                return Err(PolicyError::Link { name: name.to_string(), source }.into());
            }
        }
        Ok(())
    }
}

/// The first difference between an entry of the lock and what there is.
fn mismatch(entry: &LockEntry, blobs: &Blobs, found: &Inspection) -> Result<Option<LockMismatch>, Error> {
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
            Ok(_) => return Ok(Some(LockMismatch::Component { locked: entry.component })),
        }
    }
    if found.size != entry.size {
        return Ok(Some(LockMismatch::Size { locked: entry.size, found: found.size }));
    }
    let imports = compare(Direction::Import, &entry.imports, &found.interface.imports);
    Ok(imports.or_else(|| compare(Direction::Export, &entry.exports, &found.interface.exports)))
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
