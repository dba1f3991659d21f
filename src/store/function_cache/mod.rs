//! The function cache: compiled functions of one engine, in packs, `functions/<engine key>/<mac>.pack`.
//!
//! A run appends what it compiles to new packs, and gives each its name once it is full or the run ends; what has an index is
//! never changed.
//! Nothing is fsynced: what is torn, cut or flipped is not found, and its pack is removed. Several processes may do all of
//! this at once. What a pack is made of is in `pack`; functions are found by the BLAKE3 of the compiler's own
//! keys.

pub(crate) mod eviction;
pub(crate) mod open_packs;
pub(crate) mod pack;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::model::digest::Digest;
use crate::model::engine_key::EngineKey;
use crate::model::function_cache::{CompiledFunctions, FunctionCounts};

use super::error::Error;
use super::key::MachineKey;
use super::paths::StorePaths;
use super::write::{self, Durability};
use eviction::{PackFile, list, trim};
use open_packs::{OpenPack, OpenPacks};
use pack::{FunctionKey, Pack, PackEntry, PackIndex, PackMac};

/// How many packs are open at a time; those that were used last.
const MAX_PACKS: usize = 64;

/// How many functions are known at a time, so that very small ones do not take all memory.
const MAX_FUNCTIONS: usize = 1 << 20;

/// A pack is full with this part of the bound of the cache, so that what is dropped at a time is not too much.
const PARTS: u64 = 8;

/// Of a component that was compiled before, so many in a hundred functions must be missing for the new ones to be kept: the
/// compiler's keys differ a little from run to run, and would add some for ever.
const ENOUGH_NEW: u64 = 10;

/// The functions of one engine, for as long as a process compiles.
#[derive(Debug)]
pub struct FunctionCache {
    paths: StorePaths,
    folder: PathBuf,
    /// How many bytes the caches of all engines may have.
    bound: u64,
    mac: PackMac,
    /// What was there when it was opened.
    packs: Vec<SealedPack>,
    index: RwLock<HashMap<FunctionKey, FunctionLocation>>,
    /// The components that were compiled with what is in the packs.
    known: HashSet<Digest>,
    open_packs: Mutex<OpenPacks>,
    /// Whether some functions found no room.
    is_short: AtomicBool,
}

/// The compiling of one component, whose functions are kept or dropped together.
#[derive(Debug)]
pub struct CompilationSession {
    cache: Arc<FunctionCache>,
    component: Digest,
    found: AtomicU64,
    missing: AtomicU64,
    /// What was asked for, each once, and whether it was there.
    asked: Mutex<HashMap<FunctionKey, bool>>,
    made: Mutex<Vec<(Arc<Pack>, PackEntry)>>,
    /// How many bytes were put.
    size: AtomicU64,
}

/// A pack that has its name.
#[derive(Debug)]
struct SealedPack {
    path: PathBuf,
    size: u64,
    pack: Arc<Pack>,
}

/// Where a function is.
#[derive(Debug, Clone)]
struct FunctionLocation {
    pack: Arc<Pack>,
    offset: u64,
    length: u32,
}

impl FunctionCache {
    /// Opens what was kept for an engine. What cannot be believed is removed. The caches of all engines together are to
    /// have at most `bound` bytes.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read or made.
    pub fn open(paths: &StorePaths, key: &MachineKey, engine: &EngineKey, bound: u64) -> Result<Arc<Self>, Error> {
        let folder = paths.functions_of(engine);
        write::create_folder(&folder)?;
        write::sweep(&folder)?;
        let mac = PackMac::new(key, engine);
        let mut found = list(&folder)?;
        found.sort_by_key(|pack| std::cmp::Reverse(pack.used));
        let (mut packs, mut index, mut known) = (Vec::new(), HashMap::new(), HashSet::new());
        for PackFile { path, .. } in found.into_iter().take(MAX_PACKS) {
            let (pack, PackIndex { entries, components }, size) = match Pack::open(&path, &mac) {
                Ok(Some(opened)) => opened,
                Ok(None) => {
                    write::remove(&path)?;
                    continue;
                }
                // It may be whole.
                Err(_) => continue,
            };
            if index.len() + entries.len() > MAX_FUNCTIONS {
                break;
            }
            let pack = Arc::new(pack);
            index.reserve(entries.len());
            for PackEntry { name, offset, length } in entries {
                index.insert(name, FunctionLocation { pack: Arc::clone(&pack), offset, length });
            }
            known.extend(components);
            packs.push(SealedPack { path, size, pack });
        }
        let (index, open, paths) = (RwLock::new(index), Mutex::default(), paths.clone());
        let is_short = AtomicBool::new(false);
        Ok(Arc::new(Self { paths, folder, bound, mac, packs, index, known, open_packs: open, is_short }))
    }

    /// Begins to compile a component.
    pub fn compilation(self: &Arc<Self>, component: Digest) -> Arc<CompilationSession> {
        Arc::new(CompilationSession {
            cache: Arc::clone(self),
            component,
            found: AtomicU64::default(),
            missing: AtomicU64::default(),
            asked: Mutex::default(),
            made: Mutex::default(),
            size: AtomicU64::default(),
        })
    }

    /// Files what was compiled, together with old packs that are not larger, and keeps to the bound.
    ///
    /// # Errors
    /// [`Error::Io`] why that could not be done, or why nothing was kept. Nothing but time is lost.
    pub fn close(&self) -> Result<(), Error> {
        for SealedPack { path, pack, .. } in self.packs.iter().filter(|sealed| sealed.pack.was_used()) {
            write::mark_used(pack.file(), path)?;
        }
        let damaged = || self.packs.iter().filter(|sealed| sealed.pack.is_damaged());
        let mut open = std::mem::take(&mut *self.open_packs());
        let sealed = match open.fault.take() {
            Some(fault) => Err(fault),
            None => {
                damaged().for_each(|old| self.salvage(old, &mut open));
                self.seal_all(open.drain())
            }
        };
        damaged().try_for_each(|old| write::remove(&old.path))?;
        sealed.and_then(|()| trim(&self.paths, self.bound))
    }

    /// Files the packs under way; the last of them together with old packs that are not larger.
    fn seal_all(&self, mut packs: Vec<OpenPack>) -> Result<(), Error> {
        let taken_in = packs.last_mut().map_or(Ok(Vec::new()), |last| self.merge_packs(last))?;
        packs.into_iter().try_for_each(|fresh| self.seal(fresh))?;
        taken_in.into_iter().try_for_each(write::remove)
    }

    /// Copies what is whole of a damaged pack.
    fn salvage(&self, old: &SealedPack, open: &mut OpenPacks) {
        let Ok(Some((_, PackIndex { entries, components }, _))) = Pack::open(&old.path, &self.mac) else { return };
        let mut made = Vec::new();
        for entry in entries {
            let Some(function) = old.pack.read(&self.mac, &entry) else { continue };
            let room = Pack::stored_size(entry.length);
            let Some((pack, offset)) = open.reserve(&self.folder, room, u64::MAX, None) else { return };
            let entry = PackEntry { offset, ..entry };
            if pack.write(&self.mac, &entry, &function).is_ok() {
                made.push((pack, entry));
            }
        }
        open.keep(&components, &made);
    }

    /// Whether something that was kept turned out to be damaged.
    pub fn was_damaged(&self) -> bool {
        self.packs.iter().any(|sealed| sealed.pack.is_damaged())
    }

    /// How many bytes are kept of one component at most, if a component was compiled that has more.
    pub fn exceeded_bound(&self) -> Option<u64> {
        self.is_short.load(Relaxed).then(|| self.max_component())
    }

    /// Copies the functions of old packs that are not much larger than the new one, so that packs grow fewer and larger. What
    /// is copied counts as used.
    fn merge_packs(&self, fresh: &mut OpenPack) -> Result<Vec<&Path>, Error> {
        let mut taken = Vec::new();
        let mut smaller: Vec<&SealedPack> = self.packs.iter().filter(|sealed| !sealed.pack.is_damaged()).collect();
        smaller.sort_by_key(|sealed| sealed.size);
        let mut names: HashSet<FunctionKey> = fresh.kept.iter().map(|entry| entry.name).collect();
        for old in smaller {
            if old.size > 2 * fresh.size || old.size + fresh.size > self.bound / PARTS {
                break;
            }
            let Ok(Some((_, PackIndex { entries, components }, _))) = Pack::open(&old.path, &self.mac) else {
                continue;
            };
            let mut is_whole = true;
            for entry in entries.into_iter().filter(|entry| names.insert(entry.name)) {
                let copied = old.pack.copy(&entry, &fresh.pack, fresh.size);
                let copied = copied.map_err(Error::io("write", fresh.unfinished.path()))?;
                is_whole &= copied.is_some();
                fresh.size += copied.as_ref().map_or(0, |copied| Pack::stored_size(copied.length));
                fresh.kept.extend(copied);
            }
            fresh.components.extend(components);
            taken.extend(is_whole.then_some(old.path.as_path()));
        }
        Ok(taken)
    }

    /// Writes the index of a new pack and gives it its name.
    fn seal(&self, fresh: OpenPack) -> Result<(), Error> {
        let OpenPack { pack, unfinished, size, kept, components, .. } = fresh;
        let index = PackIndex { entries: kept, components: components.into_iter().collect() };
        let finished = pack.finish(&self.mac, &index, size);
        let name = finished.map_err(Error::io("write", unfinished.path()))?;
        unfinished.finish(&self.folder.join(name), Durability::Disposable)
    }

    fn get(&self, name: &FunctionKey) -> Option<Vec<u8>> {
        let index = self.index.read();
        let FunctionLocation { pack, offset, length } = index.get(name)?.clone();
        drop(index);
        pack.read(&self.mac, &PackEntry { name: *name, offset, length })
    }

    /// Appends a function of a component to a pack under way; none if that failed once.
    fn put(&self, component: Digest, name: FunctionKey, function: &[u8]) -> Option<(Arc<Pack>, PackEntry)> {
        let length = u32::try_from(function.len()).ok()?;
        let room = Pack::stored_size(length);
        let (pack, offset) = self.open_packs().reserve(&self.folder, room, self.max_pack(), Some(component))?;
        let entry = PackEntry { name, offset, length };
        if let Err(error) = pack.write(&self.mac, &entry, function) {
            self.open_packs().fault.get_or_insert(Error::io("write", &self.folder)(error));
            return None;
        }
        let mut index = self.index.write();
        if index.len() < MAX_FUNCTIONS {
            index.insert(name, FunctionLocation { pack: Arc::clone(&pack), offset, length });
        }
        Some((pack, entry))
    }

    fn open_packs(&self) -> MutexGuard<'_, OpenPacks> {
        self.open_packs.lock()
    }

    /// How many bytes a full pack has.
    fn max_pack(&self) -> u64 {
        self.bound / PARTS
    }

    /// The most bytes that are kept of one component.
    fn max_component(&self) -> u64 {
        2 * self.max_pack()
    }

    /// A component has ended, of which these functions are kept. Files the packs that are full.
    fn commit(&self, component: Digest, made: &[(Arc<Pack>, PackEntry)]) {
        let mut open = self.open_packs();
        open.keep(&[component], made);
        let full = open.end(component, self.max_pack());
        if open.fault.is_none() && !full.is_empty() {
            let sealed = full.into_iter().try_for_each(|fresh| self.seal(fresh));
            open.fault = sealed.and_then(|()| trim(&self.paths, self.bound)).err();
        }
    }
}

impl CompilationSession {
    /// The component was compiled: keeps what was new, and says how much was. What is in a component more than once counts
    /// once.
    pub fn end(&self) -> FunctionCounts {
        let made = std::mem::take(&mut *self.made.lock());
        let all = FunctionCounts { found: self.found.load(Relaxed), compiled: self.missing.load(Relaxed) };
        let is_noise = self.cache.known.contains(&self.component) && all.percent() >= 100 - ENOUGH_NEW;
        let is_kept = !is_noise || self.cache.was_damaged();
        self.cache.commit(self.component, if is_kept { &made } else { &[] });
        let asked = self.asked.lock();
        let found = asked.values().filter(|found| **found).count();
        FunctionCounts { found: found as u64, compiled: (asked.len() - found) as u64 }
    }
}

/// What was not ended, because the component cannot be compiled, keeps nothing, and keeps no pack waiting.
impl Drop for CompilationSession {
    fn drop(&mut self) {
        self.cache.commit(self.component, &[]);
    }
}

impl CompiledFunctions for CompilationSession {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let name: FunctionKey = blake3::hash(key).into();
        let function = self.cache.get(&name);
        let count = if function.is_some() { &self.found } else { &self.missing };
        count.fetch_add(1, Relaxed);
        self.asked.lock().entry(name).or_insert(function.is_some());
        function
    }

    fn put(&self, key: &[u8], function: &[u8]) {
        let (length, most) = (function.len() as u64, self.cache.max_component());
        let room = |size: u64| Some(size + length).filter(|size| *size <= most);
        if self.size.try_update(Relaxed, Relaxed, room).is_err() {
            self.cache.is_short.store(true, Relaxed);
            return;
        }
        if let Some(entry) = self.cache.put(self.component, blake3::hash(key).into(), function) {
            self.made.lock().push(entry);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests damage files")]
mod tests;
