//! `why`: who asked for an extension or a grant: the line of the manifest, the entry of the lock, and the generation that brought
//! it. Makes no request and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::grants::capabilities;
use crate::model::capability::grant::Grant;
use crate::model::capability::{Capability, Scope};
use crate::model::lock::{Lock, LockEntry};
use crate::model::manifest::places::grant_place;
use crate::model::manifest::{EntryForm, Extension, Manifest};
use crate::model::name::{ExtensionName, ProfileName};
use crate::model::plan::generation::{ActiveExtension, Generation};
use crate::model::report::query::why::{
    ActiveReason, DeclaredReason, ExtensionReasons, GrantReasons, LockedReason, WhyReport,
};
use crate::model::text::nearest;
use crate::ops::error::Error;
use crate::ops::project::{DROP_INS, MANIFEST, Project};
use crate::store::generations;
use crate::store::paths::StorePaths;

/// What is asked about.
#[derive(Debug, Clone)]
pub enum WhyQuestion {
    Extension(ExtensionName),
    Capability(Capability),
}

/// Finds out why an extension, or a grant of a capability, is there.
///
/// # Errors
/// [`ProfileError::NoExtension`](crate::ops::error::profile::ProfileError::NoExtension) if an extension is neither declared nor locked nor active, [`Error`] if manifest, lock or the active
/// set cannot be read.
pub fn why(
    paths: &StorePaths,
    project: &Project,
    profile: &ProfileName,
    question: &WhyQuestion,
) -> Result<WhyReport, Error> {
    let manifest = project.read_manifest_or_empty()?;
    let lock = project.read_lock()?.unwrap_or_default();
    let history = History::read(paths, profile)?;
    let files = project.read_committed()?;
    let sources = Sources { project, manifest: &manifest, lock: &lock, history: &history, files };
    let active = history.active().into_iter().flat_map(|set| &set.extensions).map(|extension| &extension.name);
    let known: BTreeSet<&ExtensionName> = manifest.extensions.keys().chain(lock.entries.keys()).chain(active).collect();
    let extensions = match question {
        WhyQuestion::Extension(name) if known.contains(name) => vec![sources.reasons(name, None)],
        WhyQuestion::Extension(name) => {
            let capability = nearest(name.as_str(), Capability::ALL.map(Capability::as_str));
            let capability: Option<ExtensionName> = capability.and_then(|capability| capability.parse().ok());
            // A capability that is mistyped is taken for a name.
            let known = known.into_iter().chain(&capability);
            return Err(Error::no_extension(name, project.shown_manifest(), known));
        }
        WhyQuestion::Capability(capability) => {
            let reasons = known.into_iter().map(|name| sources.reasons(name, Some(*capability)));
            reasons.filter(|reasons| !reasons.grants.is_empty()).collect()
        }
    };
    Ok(WhyReport { profile: profile.clone(), extensions })
}

/// The active generation of a profile and those before it, the newest first; what cannot be read ends it.
struct History {
    generations: Vec<(u64, Generation)>,
    /// Whether there may have been others before.
    is_cut: bool,
}

impl History {
    fn read(paths: &StorePaths, profile: &ProfileName) -> Result<Self, Error> {
        let Some(active) = generations::active_generation(paths, profile)? else {
            return Ok(Self { generations: Vec::new(), is_cut: false });
        };
        let numbers = generations::numbers(paths, profile)?;
        // One that was removed may not have had it.
        let earlier = (1..active.0).rev().take_while(|number| numbers.contains(number));
        let readable = earlier.map_while(|number| Some((number, generations::read(paths, profile, number).ok()?)));
        let generations: Vec<(u64, Generation)> = std::iter::once(active.clone()).chain(readable).collect();
        let is_cut = generations.last().is_some_and(|(number, _)| *number > 1);
        Ok(Self { generations, is_cut })
    }

    fn active(&self) -> Option<&Generation> {
        self.generations.first().map(|(_, set)| set)
    }

    /// The first generation of those, without a break up to the active one, in which something holds of an extension.
    fn since(&self, name: &ExtensionName, holds: impl Fn(&ActiveExtension) -> bool) -> Option<ActiveReason> {
        let holds =
            |set: &Generation| set.extensions.iter().any(|extension| extension.name == *name && holds(extension));
        let run = self.generations.iter().take_while(|(_, set)| holds(set)).count();
        let (generation, set) = self.generations.get(run.checked_sub(1)?)?;
        let is_oldest_kept = self.is_cut && run == self.generations.len();
        Some(ActiveReason { generation: *generation, activated: set.activated, is_oldest_kept })
    }
}

/// Everything that can be a reason.
struct Sources<'a> {
    project: &'a Project,
    manifest: &'a Manifest,
    lock: &'a Lock,
    history: &'a History,
    /// The texts of the manifest and its drop-ins.
    files: BTreeMap<String, Vec<u8>>,
}

impl Sources<'_> {
    fn reasons(&self, name: &ExtensionName, only: Option<Capability>) -> ExtensionReasons {
        let declared = self.manifest.extensions.get(name);
        let locked = self.lock.entries.get(name);
        let active = self.history.active().and_then(|set| set.extensions.iter().find(|one| one.name == *name));
        ExtensionReasons {
            name: name.clone(),
            declared: declared.map(|extension| DeclaredReason {
                place: extension.declared_at.clone(),
                source: extension.source.to_string(),
            }),
            locked: locked.map(|entry| LockedReason {
                file: self.project.shown_lock(),
                source: entry.source.to_string(),
                component: entry.component,
            }),
            active: active.and_then(|active| self.history.since(name, |one| one.component == active.component)),
            grants: self.grants(name, (declared, locked, active), only),
        }
    }

    fn grants(
        &self,
        name: &ExtensionName,
        (declared, locked, active): (Option<&Extension>, Option<&LockEntry>, Option<&ActiveExtension>),
        only: Option<Capability>,
    ) -> Vec<GrantReasons> {
        let imported = locked.map(|entry| capabilities(&entry.imports)).unwrap_or_default();
        let granted = declared.into_iter().flat_map(|extension| extension.capabilities.keys());
        let in_force = active.into_iter().flat_map(|extension| extension.capabilities.keys());
        let all: BTreeSet<Capability> = imported.iter().chain(granted).chain(in_force).copied().collect();
        let asked = all.into_iter().filter(|capability| only.is_none_or(|only| only == *capability));
        let reasons = asked.map(|capability| {
            let scope = declared.and_then(|extension| extension.capabilities.get(&capability));
            let active_scope = active.and_then(|extension| extension.capabilities.get(&capability));
            GrantReasons {
                capability,
                grant: scope.map(|scope| written(capability, scope)),
                place: declared.and_then(|extension| self.place(name, extension, capability)),
                is_imported: locked.map(|_| imported.contains(&capability)),
                active_grant: active_scope
                    .filter(|active| Some(*active) != scope)
                    .map(|scope| written(capability, scope)),
                active: active_scope
                    .and_then(|scope| self.history.since(name, |one| one.capabilities.get(&capability) == Some(scope))),
            }
        });
        reasons.collect()
    }

    /// Where a grant is written.
    fn place(&self, name: &ExtensionName, extension: &Extension, capability: Capability) -> Option<String> {
        let file = match extension.form {
            EntryForm::DropIn => format!("{DROP_INS}/{name}.toml"),
            EntryForm::Short | EntryForm::Table => MANIFEST.to_owned(),
        };
        grant_place(&self.project.shown_file(&file), self.files.get(&file)?, extension.form, name, capability)
    }
}

fn written(capability: Capability, scope: &Scope) -> String {
    Grant { capability, scope: scope.clone() }.to_string()
}
