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
use crate::ops::error::lock::LockError;
use crate::ops::error::policy::PolicyError;
use crate::registry::artifact::{self, Artifact};
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
            confirm(entry, blobs, found).map_err(|what| match what {
                VerificationFault::Differs(what) => Error::Lock(LockError::NotAsLocked { name: name.clone(), what }),
                VerificationFault::Error(error) => error,
            })?;
            if let Some(source) = found.unlinkable.clone() {
                return Err(PolicyError::Link { name: name.to_string(), source }.into());
            }
        }
        Ok(())
    }
}

enum VerificationFault {
    Differs(String),
    Error(Error),
}

fn confirm(entry: &LockEntry, blobs: &Blobs, found: &Inspection) -> Result<(), VerificationFault> {
    let read = |digest| blobs.read(digest).map_err(|error| VerificationFault::Error(error.into()));
    if let LockedSource::Oci { provenance, manifest, .. } = &entry.source {
        let artifact =
            |digest| artifact::read(&read(digest)?).map_err(|refusal| VerificationFault::Differs(refusal.to_string()));
        if let Some(manifest) = manifest {
            let found = artifact(*provenance)?;
            if found != (Artifact::Index { manifest: *manifest }) {
                return Err(VerificationFault::Differs(format!(
                    "its provenance does not lead to the manifest {}",
                    manifest.short()
                )));
            }
        }
        let expected = Artifact::Component { digest: entry.component, size: entry.size };
        if artifact(manifest.unwrap_or(*provenance))? != expected {
            let component = entry.component.short();
            return Err(VerificationFault::Differs(format!(
                "its provenance does not lead to the component {component}"
            )));
        }
    }
    if found.size != entry.size {
        return Err(VerificationFault::Differs(format!("its component has {} bytes", found.size)));
    }
    compare("imports", &entry.imports, &found.interface.imports)?;
    compare("exports", &entry.exports, &found.interface.exports)
}

fn compare(what: &str, locked: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<(), VerificationFault> {
    match found.symmetric_difference(locked).next() {
        None => Ok(()),
        Some(name) if found.contains(name) => Err(VerificationFault::Differs(format!("it {what} `{name}` too"))),
        Some(name) => Err(VerificationFault::Differs(format!("it {what} no `{name}`"))),
    }
}
