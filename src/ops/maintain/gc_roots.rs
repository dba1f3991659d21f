//! What is needed on this machine: all generations of all profiles, and the locks of the manifests that made them.
//!
//! What cannot be read may need anything, so it is an error and never nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::digest::Digest;
use crate::model::lock::{Lock, LockEntry};
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::ProfileName;
use crate::model::plan::ExtensionNeeds;
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::model::plan::generation_problem::GenerationProblem;
use crate::model::plan::step::{BlobDescriptor, BlobRole, FetchSource};
use crate::model::report::maintain::verify::FindingKind;
use crate::ops::error::Error;
use crate::ops::project::Project;
use crate::registry::artifact::{self, Artifact};
use crate::store::blobs::Blobs;
use crate::store::paths::StorePaths;
use crate::store::{self, generations, owner};

/// Everything that something is needed for.
#[derive(Default)]
pub(crate) struct GcRoots {
    pub generations: Vec<GcRoot>,
    /// By the path of the manifest.
    pub locks: BTreeMap<ManifestPath, Lock>,
}

/// A generation, and whether it is live.
pub(crate) struct GcRoot {
    pub generation: Generation,
    is_active: bool,
}

/// Something that is there and cannot be read.
pub(crate) struct UnreadableRoot {
    pub kind: FindingKind,
    pub path: PathBuf,
    /// Whether it says what is live.
    pub is_live: bool,
    pub error: Error,
}

impl GcRoots {
    /// Reads all generations, and the locks that are still there.
    ///
    /// # Errors
    /// [`Error`] if one is there and cannot be read.
    pub fn read(paths: &StorePaths) -> Result<Self, Error> {
        let (roots, unread) = Self::read_all(paths)?;
        unread.into_iter().next().map_or(Ok(roots), |unread| Err(unread.error))
    }

    /// The same, with what cannot be read beside it.
    ///
    /// # Errors
    /// [`Error::Store`] if the folders cannot be read.
    pub fn read_all(paths: &StorePaths) -> Result<(Self, Vec<UnreadableRoot>), Error> {
        owner::check_store_owner(paths)?;
        let mut roots = Self { generations: Vec::new(), locks: BTreeMap::new() };
        let mut unread = Vec::new();
        for profile in generations::profiles(paths)? {
            unread.extend(roots.read_profile(paths, &profile)?);
        }
        let manifests: BTreeSet<ManifestPath> =
            roots.generations.iter().map(|root| root.generation.manifest.clone()).collect();
        for manifest in manifests {
            let project = Project::of_generation(&manifest);
            match project.read_lock() {
                Ok(Some(lock)) => drop(roots.locks.insert(manifest, lock)),
                Ok(None) => {}
                Err(error) => {
                    unread.push(UnreadableRoot {
                        kind: FindingKind::Lock,
                        path: project.lock_path(),
                        is_live: false,
                        error,
                    });
                }
            }
        }
        Ok((roots, unread))
    }

    /// Adds the generations of a profile; gives those that cannot be read.
    fn read_profile(&mut self, paths: &StorePaths, profile: &ProfileName) -> Result<Vec<UnreadableRoot>, Error> {
        let mut unread = Vec::new();
        let numbers = generations::numbers(paths, profile)?;
        let current = generations::current(paths, profile);
        for number in numbers.iter().copied() {
            match generations::read(paths, profile, number) {
                Ok(generation) => {
                    let is_live = matches!(current, Ok(Some(live)) if live == number);
                    self.generations.push(GcRoot { generation, is_active: is_live });
                }
                // Another run has removed it meanwhile.
                Err(_) if paths.generation(profile, number).symlink_metadata().is_err() => {}
                Err(error) => {
                    // Where it cannot be told what is live, it may be this.
                    let is_live = !matches!(current, Ok(live) if live != Some(number));
                    let error = match error {
                        store::Error::BadGeneration { path, source } if is_live => {
                            store::Error::UnknownActive { path, source }
                        }
                        error => error,
                    };
                    let path = paths.generation(profile, number);
                    unread.push(UnreadableRoot { kind: FindingKind::Generation, path, is_live, error: error.into() });
                }
            }
        }
        let path = paths.current(profile);
        let error = match current {
            Ok(Some(live)) if !numbers.contains(&live) => {
                let source = GenerationProblem::NoGeneration { number: live };
                Some(store::Error::UnknownActive { path: path.clone(), source })
            }
            Ok(None) => generations::active_generation(paths, profile).err(),
            Ok(Some(_)) => None,
            Err(error) => Some(error),
        };
        let kind = FindingKind::Generation;
        unread.extend(error.map(|error| UnreadableRoot { kind, path, is_live: true, error: error.into() }));
        Ok(unread)
    }

    /// What every extension needs, by the manifest that wants it. What is live also needs its code.
    pub fn needs(&self) -> BTreeMap<ManifestPath, Vec<ExtensionNeeds>> {
        let mut needs: BTreeMap<ManifestPath, Vec<ExtensionNeeds>> = BTreeMap::new();
        for (manifest, lock) in &self.locks {
            let locked = lock.entries.iter().map(|(name, entry)| ExtensionNeeds::of_entry(name, entry));
            needs.entry(manifest.clone()).or_default().extend(locked);
        }
        for GcRoot { generation, is_active: is_live } in &self.generations {
            for extension in &generation.extensions {
                let component =
                    BlobDescriptor { digest: extension.component, role: BlobRole::Component { size: extension.size } };
                let documents = extension.provenance.map(|digest| BlobDescriptor { digest, role: BlobRole::Manifest });
                let origin = match (&extension.reference, &extension.path) {
                    (Some(reference), _) => FetchSource::Registry(reference.clone()),
                    (None, path) => FetchSource::Path(path.clone().unwrap_or_default()),
                };
                let need = ExtensionNeeds {
                    name: extension.name.clone(),
                    origin,
                    blobs: documents.into_iter().chain([component]).collect(),
                    metering: is_live.then(|| extension.metering()),
                };
                needs.entry(generation.manifest.clone()).or_default().push(need);
            }
        }
        needs
    }

    /// The components that are needed.
    pub fn components(&self) -> BTreeSet<Digest> {
        let locked = self.entries().map(|entry| entry.component);
        self.extensions().map(|extension| extension.component).chain(locked).collect()
    }

    /// The blobs that are needed: components, and the documents that lead to them.
    pub fn blobs(&self, blobs: &Blobs) -> BTreeSet<Digest> {
        let mut needed = self.components();
        needed.extend(self.entries().flat_map(|entry| entry.source.manifest_digests()));
        for provenance in self.extensions().filter_map(|extension| extension.provenance) {
            // A generation does not say what is between an index and its component; the index does.
            if needed.insert(provenance)
                && let Ok(bytes) = blobs.read(provenance)
                && let Ok(Artifact::Index { manifest }) = artifact::read(&bytes)
            {
                needed.insert(manifest);
            }
        }
        needed
    }

    fn extensions(&self) -> impl Iterator<Item = &ActiveExtension> {
        self.generations.iter().flat_map(|root| &root.generation.extensions)
    }

    fn entries(&self) -> impl Iterator<Item = &LockEntry> {
        self.locks.values().flat_map(|lock| lock.entries.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::test_machine::{TestMachine, check_cases, told};

    #[test]
    fn what_generations_and_locks_name_is_needed() {
        check_cases("gc_roots", describe);
    }

    /// What is needed for whom, and what cannot be read, a line each.
    fn describe(machine: &TestMachine) -> String {
        let (roots, unreadable) = GcRoots::read_all(&machine.context.paths).unwrap();
        assert_eq!(GcRoots::read(&machine.context.paths).is_err(), !unreadable.is_empty());
        let mut text = String::new();
        for (manifest, needs) in roots.needs() {
            for need in needs {
                let blobs: Vec<String> = need.blobs.iter().map(|blob| blob.digest.short()).collect();
                let code = need.metering.map_or("", |_| ", and its code");
                text.push_str(&format!("{manifest}: {} needs {}{code}\n", need.name, blobs.join(" ")));
            }
        }
        for UnreadableRoot { path, is_live, error, .. } in unreadable {
            let active = if is_live { ", which may be active" } else { "" };
            text.push_str(&format!("unreadable: {}{active}: {}\n", path.display(), told(&error)));
        }
        text
    }
}
