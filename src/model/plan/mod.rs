//! The plan: everything that a run will do, as a graph, decided before anything is done.
//!
//! `Fetch → Verify → Compile → Activate → Prune`, or `Compile → Rollback`, or `Narrow → Prune`. Nodes are keyed by digest, so two names of one component share
//! them, and each carries its reason. `--dry-run` prints the very plan that `ops::sync::apply` runs; apply makes no choices.

pub(crate) mod display;
pub mod generation;
pub mod generation_problem;
pub mod inventory;
pub mod narrowing;
pub mod schedule;
pub mod set_change;
pub mod step;

use crate::model::plan::generation::ProfileHold;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::model::plan::step::{BlobDescriptor, BlobRole, FetchSource, Step, StepKind, StepReason};

use super::digest::Digest;
use super::engine_key::{EngineKey, Metering};
use super::lock::{Lock, LockEntry, LockedSource};
use super::name::ExtensionName;
use generation::{ActiveExtension, Generation};
use inventory::{Inventory, StoredState};

/// How many generations of a profile are kept.
pub const KEPT_GENERATIONS: usize = 10;

/// A graph of steps; an edge leads from a step to one that needs it done.
#[derive(Debug, Default)]
pub struct Plan {
    graph: DiGraph<Step, ()>,
}

/// The place of a step in its plan.
pub type StepId = NodeIndex;

/// A component that resolution found and that has to be looked at before it can be locked.
#[derive(Debug, Clone)]
pub struct ResolvedComponent {
    pub name: ExtensionName,
    pub component: Digest,
    pub size: u64,
    pub origin: FetchSource,
}

/// What an extension of a generation or a lock needs.
#[derive(Debug, Clone)]
pub struct ExtensionNeeds {
    pub name: ExtensionName,
    pub origin: FetchSource,
    pub blobs: Vec<BlobDescriptor>,
    /// How it is compiled, if it is live.
    pub metering: Option<Metering>,
}

impl ExtensionNeeds {
    /// What an extension of a lock needs, whether it is live or not.
    pub fn of_entry(name: &ExtensionName, entry: &LockEntry) -> Self {
        let component = BlobDescriptor { digest: entry.component, role: BlobRole::Component { size: entry.size } };
        let origin = match &entry.source {
            LockedSource::Path(path) => FetchSource::Path(path.clone()),
            LockedSource::Oci { reference, .. } => FetchSource::Registry(reference.clone()),
        };
        let documents =
            entry.source.manifest_digests().map(|digest| BlobDescriptor { digest, role: BlobRole::Manifest });
        Self { name: name.clone(), origin, blobs: documents.chain([component]).collect(), metering: None }
    }
}

/// What a rollback changes besides the code cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackChange {
    /// The generation is active already, and held or not as it should be.
    Nothing,
    Activate(ProfileHold),
}

impl Plan {
    /// What `lock` does: fetch and verify the candidates that the store lacks.
    pub fn for_lock(candidates: &[ResolvedComponent], inventory: &Inventory) -> Self {
        let mut builder = Builder::new(inventory);
        for candidate in candidates {
            let blob =
                BlobDescriptor { digest: candidate.component, role: BlobRole::Component { size: candidate.size } };
            builder.blob(blob, &candidate.origin, &candidate.name);
        }
        builder.plan
    }

    /// What `sync` does to make `target`, which `lock` pins, the live generation.
    pub fn for_sync(target: &Generation, lock: &Lock, inventory: &Inventory) -> Self {
        let mut builder = Builder::new(inventory);
        let mut last = BTreeSet::new();
        for extension in &target.extensions {
            let Some(entry) = lock.entries.get(&extension.name) else { continue };
            let component = BlobDescriptor { digest: entry.component, role: BlobRole::Component { size: entry.size } };
            let origin = match &entry.source {
                LockedSource::Path(path) => FetchSource::Path(path.clone()),
                LockedSource::Oci { reference, provenance, manifest } => {
                    let origin = FetchSource::Registry(reference.clone());
                    if manifest.is_some() {
                        let index = BlobDescriptor { digest: *provenance, role: BlobRole::Index };
                        last.extend(builder.blob(index, &origin, &extension.name));
                    }
                    let digest = manifest.unwrap_or(*provenance);
                    last.extend(builder.blob(
                        BlobDescriptor { digest, role: BlobRole::Manifest },
                        &origin,
                        &extension.name,
                    ));
                    origin
                }
            };
            let verified = builder.blob(component, &origin, &extension.name);
            last.extend(verified);
            let metering = extension.metering();
            last.extend(builder.compile(entry.component, entry.size, metering, verified, &extension.name));
        }
        builder.activate(target, &last);
        builder.plan
    }

    /// What `rollback` does to make a generation of before live again, which needs no network.
    pub fn for_rollback(number: u64, change: RollbackChange, target: &Generation, inventory: &Inventory) -> Self {
        let mut builder = Builder::new(inventory);
        let mut compiled = BTreeSet::new();
        for extension in &target.extensions {
            let ActiveExtension { name, component, size, .. } = extension;
            compiled.extend(builder.compile(*component, *size, extension.metering(), None, name));
        }
        let hold = match change {
            RollbackChange::Nothing => return builder.plan,
            RollbackChange::Activate(hold) => hold,
        };
        let extensions = target.extensions.iter().map(|extension| extension.name.clone()).collect();
        let kind = StepKind::Rollback { profile: target.profile.clone(), generation: number, hold };
        let rollback = builder.plan.graph.add_node(Step { kind, extensions, reason: StepReason::Requested });
        for id in compiled {
            builder.plan.graph.add_edge(id, rollback, ());
        }
        builder.plan
    }

    /// What a refused sync does: makes `target`, a part of what is active, the active generation.
    pub fn for_narrowing(target: &Generation, inventory: &Inventory) -> Self {
        let mut builder = Builder::new(inventory);
        let generation = builder.next_generation();
        builder.replace_active(
            StepKind::Narrow { profile: target.profile.clone(), generation },
            StepReason::Undeclared,
            target,
        );
        builder.plan
    }

    /// What gets what extensions need: fetch it by its digest, and compile what is live.
    pub fn for_needs(needs: &[ExtensionNeeds], inventory: &Inventory) -> Self {
        let mut builder = Builder::new(inventory);
        for ExtensionNeeds { name, origin, blobs, metering } in needs {
            for blob in blobs {
                let verified = builder.blob(*blob, origin, name);
                if let (BlobRole::Component { size }, Some(metering)) = (blob.role, metering) {
                    builder.compile(blob.digest, size, *metering, verified, name);
                }
            }
        }
        builder.plan
    }

    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// The steps in an order in which each comes after what it needs.
    pub fn steps(&self) -> impl Iterator<Item = (StepId, &Step)> {
        self.graph.node_indices().map(|id| (id, &self.graph[id]))
    }

    pub fn step(&self, id: StepId) -> &Step {
        &self.graph[id]
    }

    /// The steps that need `id` done.
    pub fn dependents(&self, id: StepId) -> impl Iterator<Item = StepId> {
        self.graph.edges(id).map(|edge| edge.target())
    }

    /// How many steps `id` needs done.
    pub fn prerequisites(&self, id: StepId) -> usize {
        self.graph.neighbors_directed(id, petgraph::Direction::Incoming).count()
    }
}

/// Adds each step once. A step is added after what it needs, so indices are a topological order.
struct Builder<'a> {
    plan: Plan,
    inventory: &'a Inventory,
    verified: BTreeMap<Digest, StepId>,
    compiled: BTreeMap<(Digest, EngineKey), StepId>,
}

impl<'a> Builder<'a> {
    fn new(inventory: &'a Inventory) -> Self {
        Self { plan: Plan::default(), inventory, verified: BTreeMap::new(), compiled: BTreeMap::new() }
    }

    /// The step after which the blob is in the store; none if it is there already.
    fn blob(&mut self, blob: BlobDescriptor, origin: &FetchSource, name: &ExtensionName) -> Option<StepId> {
        let reason = match self.inventory.blobs.get(&blob.digest) {
            Some(StoredState::Good) => return None,
            Some(StoredState::Damaged(problem)) => StepReason::Damaged { problem: problem.clone() },
            None => StepReason::NotInStore,
        };
        if let Some(verify) = self.verified.get(&blob.digest).copied() {
            let fetch = self.plan.graph.neighbors_directed(verify, petgraph::Direction::Incoming).next();
            for id in fetch.into_iter().chain([verify]) {
                self.share(id, name);
            }
            return Some(verify);
        }
        let fetch = self.add(StepKind::Fetch { blob, origin: origin.clone() }, name, reason.clone());
        let verify = self.add(StepKind::Verify { blob }, name, reason);
        self.plan.graph.add_edge(fetch, verify, ());
        self.verified.insert(blob.digest, verify);
        Some(verify)
    }

    fn compile(
        &mut self,
        component: Digest,
        size: u64,
        metering: Metering,
        verified: Option<StepId>,
        name: &ExtensionName,
    ) -> Option<StepId> {
        let engine = self.inventory.engines.get(metering)?.clone();
        let key = (component, engine.clone());
        let reason = match self.inventory.code.get(&key) {
            Some(StoredState::Good) => return None,
            Some(StoredState::Damaged(problem)) => StepReason::CodeDamaged { problem: problem.clone() },
            None if self.is_otherwise_metered(component, metering) => StepReason::MeteringChanged,
            None if self.inventory.other_code.contains(&component) => StepReason::EngineChanged,
            None => StepReason::NotCompiled,
        };
        if let Some(id) = self.compiled.get(&key).copied() {
            self.share(id, name);
            return Some(id);
        }
        let id = self.add(StepKind::Compile { component, size, engine, metering }, name, reason);
        if let Some(verified) = verified {
            self.plan.graph.add_edge(verified, id, ());
        }
        self.compiled.insert(key, id);
        Some(id)
    }

    /// Whether a component is active with fuel metering and declared without, or the reverse.
    fn is_otherwise_metered(&self, component: Digest, metering: Metering) -> bool {
        let active = self.inventory.active.iter().flat_map(|(_, active)| &active.extensions);
        let mut same = active.filter(|extension| extension.component == component).peekable();
        same.peek().is_some() && same.all(|extension| extension.metering() != metering)
    }

    fn activate(&mut self, target: &Generation, after: &BTreeSet<StepId>) {
        let reason = match &self.inventory.active {
            Some((_, live)) if live.same_set(target) => return,
            Some(_) => StepReason::SetChanged,
            None => StepReason::FirstGeneration,
        };
        let kind = StepKind::Activate { profile: target.profile.clone(), generation: self.next_generation() };
        let activate = self.replace_active(kind, reason, target);
        for id in after {
            self.plan.graph.add_edge(*id, activate, ());
        }
    }

    fn next_generation(&self) -> u64 {
        self.inventory.generations.last().map_or(1, |last| last + 1)
    }

    /// The step that makes a new generation active, and the one that removes those that are too old then.
    fn replace_active(&mut self, kind: StepKind, reason: StepReason, target: &Generation) -> StepId {
        let names = target.extensions.iter().map(|extension| extension.name.clone()).collect();
        let activate = self.plan.graph.add_node(Step { kind, extensions: names, reason });
        let live = self.inventory.active.as_ref().map(|(number, _)| *number);
        let surplus = (self.inventory.generations.len() + 1).saturating_sub(KEPT_GENERATIONS);
        let old: Vec<u64> =
            self.inventory.generations.iter().copied().filter(|number| Some(*number) != live).take(surplus).collect();
        if !old.is_empty() {
            let kind = StepKind::Prune { profile: target.profile.clone(), generations: old };
            let prune = self.plan.graph.add_node(Step { kind, extensions: Vec::new(), reason: StepReason::Superseded });
            self.plan.graph.add_edge(activate, prune, ());
        }
        activate
    }

    fn add(&mut self, kind: StepKind, name: &ExtensionName, reason: StepReason) -> StepId {
        self.plan.graph.add_node(Step { kind, extensions: vec![name.clone()], reason })
    }

    fn share(&mut self, id: StepId, name: &ExtensionName) {
        let names = &mut self.plan.graph[id].extensions;
        if let Err(at) = names.binary_search(name) {
            names.insert(at, name.clone());
        }
    }
}
