//! What a sync makes live, and the last look before it does: is each component what the lock says that it is?
//!
//! A lock is a file that people merge and edit. That its digests were fetched does not make it true.

use std::collections::BTreeSet;

use super::context::Interrupt;
use super::error::Error;
use super::permission::check_types;
use crate::engine::config::engine;
use crate::engine::inspect::read_interface;
use crate::model::engine_key::Metering;
use crate::model::generation::{Generation, LiveExtension};
use crate::model::lock::{Lock, LockEntry, LockedSource};
use crate::registry::artifact::{self, Artifact};
use crate::store::blobs::Blobs;

/// A generation to activate, and the lock that it was described from.
pub(super) struct Target {
    pub generation: Generation,
    pub lock: Lock,
    /// The extensions of the live generation, which were confirmed before.
    pub confirmed: Vec<LiveExtension>,
}

impl Target {
    /// Holds every extension that is not live already against its bytes: the documents lead from the provenance to the
    /// component, and the component imports and exports what the lock says, with types that this host has.
    ///
    /// # Errors
    /// [`Error::NotAsLocked`] for the first that is something else, [`Error::Interrupted`] if that was wanted first.
    pub fn confirm(&self, blobs: &Blobs, interrupt: &Interrupt) -> Result<(), Error> {
        let engine = engine(Metering::Unmetered)?;
        for extension in &self.generation.extensions {
            if interrupt.is_set() {
                return Err(Error::Interrupted);
            }
            let same = |live: &LiveExtension| {
                (&live.name, &live.provenance, &live.component, live.size, &live.imports)
                    == (
                        &extension.name,
                        &extension.provenance,
                        &extension.component,
                        extension.size,
                        &extension.imports,
                    )
            };
            if let Some(entry) = self.lock.entries.get(&extension.name).filter(|_| !self.confirmed.iter().any(same)) {
                let bytes = confirm(entry, blobs).map_err(|what| match what {
                    Fault::Differs(what) => Error::NotAsLocked { name: extension.name.clone(), what },
                    Fault::Error(error) => error,
                })?;
                check_types(&engine, extension.name.as_str(), &bytes)?;
            }
        }
        Ok(())
    }
}

enum Fault {
    Differs(String),
    Error(Error),
}

/// Gives the component's bytes.
fn confirm(entry: &LockEntry, blobs: &Blobs) -> Result<Vec<u8>, Fault> {
    let read = |digest| blobs.read(digest).map_err(|error| Fault::Error(error.into()));
    if let LockedSource::Oci { provenance, manifest, .. } = &entry.source {
        let artifact = |digest| artifact::read(&read(digest)?).map_err(|refusal| Fault::Differs(refusal.to_string()));
        if let Some(manifest) = manifest {
            let found = artifact(*provenance)?;
            if found != (Artifact::Index { manifest: *manifest }) {
                return Err(Fault::Differs(format!(
                    "its provenance does not lead to the manifest {}",
                    manifest.short()
                )));
            }
        }
        let expected = Artifact::Component { digest: entry.component, size: entry.size };
        if artifact(manifest.unwrap_or(*provenance))? != expected {
            let component = entry.component.short();
            return Err(Fault::Differs(format!("its provenance does not lead to the component {component}")));
        }
    }
    let bytes = read(entry.component)?;
    if bytes.len() as u64 != entry.size {
        return Err(Fault::Differs(format!("its component has {} bytes", bytes.len())));
    }
    let interface = read_interface(&bytes).map_err(|error| Fault::Differs(error.to_string()))?;
    compare("imports", &entry.imports, &interface.imports)?;
    compare("exports", &entry.exports, &interface.exports)?;
    Ok(bytes)
}

fn compare(what: &str, locked: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<(), Fault> {
    match found.symmetric_difference(locked).next() {
        None => Ok(()),
        Some(name) if found.contains(name) => Err(Fault::Differs(format!("it {what} `{name}` too"))),
        Some(name) => Err(Fault::Differs(format!("it {what} no `{name}`"))),
    }
}
