//! The packs that a run is writing: which has room, whose functions are in it, and which of them are kept.
//!
//! A pack that is full is given away only once every component whose functions are in it has ended, so that none loses what
//! it put there to one that ended sooner. Never reads what is filed already: that is for the module above.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::model::digest::Digest;
use crate::store::error::Error;
use crate::store::write::{self, Unfinished};

use super::pack::{Pack, PackEntry};

/// How many bytes are left free on the disk, and after how many new ones that is looked at: compiled code goes first.
const LEAVE: u64 = 256 << 20;
const LOOK: u64 = 4 << 20;

/// The packs under way; functions go into the last.
#[derive(Debug, Default)]
pub(crate) struct OpenPacks {
    packs: Vec<OpenPack>,
    /// Why nothing is kept any more.
    pub fault: Option<Error>,
}

/// A pack under way.
#[derive(Debug)]
pub(crate) struct OpenPack {
    pub pack: Arc<Pack>,
    pub unfinished: Unfinished,
    /// How many bytes have a place in it.
    pub size: u64,
    /// The functions that are kept of it.
    pub kept: Vec<PackEntry>,
    /// The components that functions were kept of.
    pub components: BTreeSet<Digest>,
    /// The components under way that have functions in it.
    writers: BTreeSet<Digest>,
}

impl OpenPacks {
    /// A place for so many bytes, in a pack that has less than `full`, which is not given away before the writer ends. None
    /// once a disk is full or fails.
    pub fn reserve(
        &mut self,
        folder: &Path,
        bytes: u64,
        full: u64,
        writer: Option<Digest>,
    ) -> Option<(Arc<Pack>, u64)> {
        if self.fault.is_some() {
            return None;
        }
        let place = self.place(folder, bytes, full, writer);
        place.map_err(|fault| self.fault = Some(fault)).ok()
    }

    fn place(
        &mut self,
        folder: &Path,
        bytes: u64,
        full: u64,
        writer: Option<Digest>,
    ) -> Result<(Arc<Pack>, u64), Error> {
        let open = self.packs.last().filter(|fresh| fresh.size < full);
        if open.is_none_or(|fresh| fresh.size / LOOK != (fresh.size + bytes) / LOOK) {
            write::leave_room(folder, LEAVE)?;
        }
        // What is taken out goes back: nothing can fail with it.
        let mut fresh = match self.packs.pop_if(|fresh| fresh.size < full) {
            Some(fresh) => fresh,
            None => OpenPack::begin(folder)?,
        };
        let offset = fresh.size;
        fresh.size += bytes;
        fresh.writers.extend(writer);
        let pack = Arc::clone(&fresh.pack);
        self.packs.push(fresh);
        Ok((pack, offset))
    }

    /// Keeps these functions, of these components.
    pub fn keep(&mut self, components: &[Digest], made: &[(Arc<Pack>, PackEntry)]) {
        for fresh in &mut self.packs {
            let before = fresh.kept.len();
            fresh.kept.extend(made.iter().filter(|(pack, _)| Arc::ptr_eq(pack, &fresh.pack)).map(|(_, entry)| *entry));
            if fresh.kept.len() > before {
                fresh.components.extend(components);
            }
        }
    }

    /// A component has ended: gives the packs of at least `full` bytes that nobody writes any more, if something of them is
    /// kept.
    pub fn end(&mut self, component: Digest, full: u64) -> Vec<OpenPack> {
        for fresh in &mut self.packs {
            fresh.writers.remove(&component);
        }
        let done = self.packs.extract_if(.., |fresh| fresh.size >= full && fresh.writers.is_empty());
        done.filter(|fresh| !fresh.kept.is_empty()).collect()
    }

    /// All packs that something is kept of, for the end of the run.
    pub fn drain(&mut self) -> Vec<OpenPack> {
        self.packs.drain(..).filter(|fresh| !fresh.kept.is_empty()).collect()
    }
}

impl OpenPack {
    fn begin(folder: &Path) -> Result<Self, Error> {
        let unfinished = write::begin(folder)?;
        let pack = Arc::new(Pack::new(unfinished.open()?));
        Ok(Self { pack, unfinished, size: 0, kept: Vec::new(), components: BTreeSet::new(), writers: BTreeSet::new() })
    }
}
