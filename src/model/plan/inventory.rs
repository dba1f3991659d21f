//! What this machine holds of what is wanted. `store::integrity::scan` makes it; the plan is what it lacks.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, EngineKeys};
use crate::model::fault::file_problem::FileProblem;

use super::generation::Generation;

/// The state of the store, as far as one plan needs it. What is absent from a map is absent from the disk.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    pub blobs: BTreeMap<Digest, StoredState>,
    pub code: BTreeMap<(Digest, EngineKey), StoredState>,
    /// Components with code of another engine.
    pub other_code: BTreeSet<Digest>,
    /// The engines of this machine that the wanted extensions need.
    pub engines: EngineKeys,
    /// The live generation and its number.
    pub active: Option<(u64, Generation)>,
    /// The numbers of all generations of the profile.
    pub generations: BTreeSet<u64>,
}

/// Something that the store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredState {
    /// Checked: it is what its name says.
    Good,
    /// It must not be used, and why.
    Damaged(FileProblem),
}
