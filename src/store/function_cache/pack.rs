//! Packs: files of compiled functions of one engine, with an index behind them.
//!
//! Every function has a MAC of its own and so has the index, so what is torn, cut or flipped is noticed. What has an index is
//! never changed. Which packs there are, and for how long, is for [`function_cache`](crate::store::function_cache).
//!
//! ```text
//! functions   each: the function, then its MAC
//! index       each: name (32 bytes), offset (8), length without MAC (4)
//! components  each: the digest of a component that was compiled with these functions (32)
//! footer      how many entries (8), how many components (8), the MAC of index and components (32), MAGIC (8)
//! ```
//!
//! Numbers are little-endian. Tags are BLAKE3, keyed with what is derived from this machine's key.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::model::digest::{Digest, hex};
use crate::model::engine_key::EngineKey;
use crate::store::error::Error;
use crate::store::key::MachineKey;
use crate::store::trusted_files::open_trusted;

const MAGIC: &[u8; 8] = b"sesamef1";
const CONTEXT: &str = "sesame 2026-11-22 function cache";
const MAC_BYTES: usize = 32;
const NAME: usize = 32;
const ENTRY: usize = NAME + 8 + 4;
const FOOTER: u64 = 8 + 8 + MAC_BYTES as u64 + 8;

/// What a function is found by.
pub(crate) type FunctionKey = [u8; NAME];

/// Where a function is in its pack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackEntry {
    pub name: FunctionKey,
    pub offset: u64,
    /// In bytes, without the MAC.
    pub length: u32,
}

/// Makes the MACs of a pack.
#[derive(Debug)]
pub(crate) struct PackMac(blake3::Hasher);

/// An open pack, also one under way.
#[derive(Debug)]
pub(crate) struct Pack {
    file: File,
    used: AtomicBool,
    damaged: AtomicBool,
}

/// What is in a pack.
#[derive(Debug)]
pub(crate) struct PackIndex {
    pub entries: Vec<PackEntry>,
    pub components: Vec<Digest>,
}

impl Pack {
    /// A pack under way, in an empty file.
    pub fn new(file: File) -> Self {
        Self { file, used: AtomicBool::new(false), damaged: AtomicBool::new(false) }
    }

    /// Opens a pack, with its index and its size in bytes; none if it cannot be believed.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened.
    pub fn open(path: &Path, mac: &PackMac) -> Result<Option<(Self, PackIndex, u64)>, Error> {
        match open_trusted(path) {
            Ok(opened) => Ok(opened.and_then(|(file, metadata)| Self::open_index(file, metadata.size(), mac))),
            Err(Error::Untrusted { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open_index(file: File, size: u64, mac: &PackMac) -> Option<(Self, PackIndex, u64)> {
        let mut footer = [0; FOOTER as usize];
        let end = size.checked_sub(FOOTER)?;
        file.read_exact_at(&mut footer, end).ok()?;
        let number = |at: usize| Some(u64::from_le_bytes(footer.get(at..at + 8)?.try_into().ok()?));
        let (entries, components) = (number(0)?, number(8)?);
        let length = entries.checked_mul(ENTRY as u64)?.checked_add(components.checked_mul(32)?)?;
        let start = end.checked_sub(length)?;
        if footer[16 + MAC_BYTES..] != *MAGIC {
            return None;
        }
        let mut tail = vec![0; usize::try_from(length).ok()?];
        file.read_exact_at(&mut tail, start).ok()?;
        if mac.of_index(entries, &tail) != *<&[u8; MAC_BYTES]>::try_from(&footer[16..16 + MAC_BYTES]).ok()? {
            return None;
        }
        let (index, digests) = tail.split_at(usize::try_from(entries).ok()? * ENTRY);
        let entries =
            index.chunks_exact(ENTRY).map(|bytes| PackEntry::read(bytes, start)).collect::<Option<Vec<_>>>()?;
        let digest = |bytes: &[u8]| Some(Digest::new(bytes.try_into().ok()?));
        let components = digests.chunks_exact(32).filter_map(digest).collect();
        Some((Self::new(file), PackIndex { entries, components }, size))
    }

    /// How many bytes a function of this length takes, with its MAC.
    pub fn stored_size(length: u32) -> u64 {
        u64::from(length) + MAC_BYTES as u64
    }

    /// A function, if it is whole.
    pub fn read(&self, mac: &PackMac, entry: &PackEntry) -> Option<Vec<u8>> {
        let mut bytes = vec![0; entry.length as usize + MAC_BYTES];
        let read = self.file.read_exact_at(&mut bytes, entry.offset);
        let expected = bytes.split_off(entry.length as usize);
        let whole = read.is_ok() && mac.of_function(&entry.name, &bytes) == *expected;
        let note = if whole { &self.used } else { &self.damaged };
        note.store(true, Relaxed);
        whole.then_some(bytes)
    }

    /// Writes a function to where there is room for it.
    pub fn write(&self, mac: &PackMac, entry: &PackEntry, function: &[u8]) -> io::Result<()> {
        let bytes = [function, mac.of_function(&entry.name, function).as_bytes()].concat();
        self.file.write_all_at(&bytes, entry.offset)
    }

    /// Copies a function to another pack, as it is; says where it is there, or nothing if it cannot be read.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn copy(&self, entry: &PackEntry, to: &Self, offset: u64) -> io::Result<Option<PackEntry>> {
        let mut bytes = vec![0; entry.length as usize + MAC_BYTES];
        if self.file.read_exact_at(&mut bytes, entry.offset).is_err() {
            return Ok(None);
        }
        to.file.write_all_at(&bytes, offset)?;
        Ok(Some(PackEntry { offset, ..*entry }))
    }

    /// Writes the index behind functions of `size` bytes, and says how the pack is called.
    pub fn finish(&self, mac: &PackMac, index: &PackIndex, size: u64) -> io::Result<String> {
        let mut tail = Vec::with_capacity(index.entries.len() * ENTRY);
        for entry in &index.entries {
            tail.extend_from_slice(&entry.name);
            tail.extend_from_slice(&entry.offset.to_le_bytes());
            tail.extend_from_slice(&entry.length.to_le_bytes());
        }
        index.components.iter().for_each(|component| tail.extend_from_slice(component.as_bytes()));
        let index_mac = mac.of_index(index.entries.len() as u64, &tail);
        tail.extend_from_slice(&(index.entries.len() as u64).to_le_bytes());
        tail.extend_from_slice(&(index.components.len() as u64).to_le_bytes());
        tail.extend_from_slice(index_mac.as_bytes());
        tail.extend_from_slice(MAGIC);
        self.file.write_all_at(&tail, size)?;
        Ok(format!("{}.pack", hex(&index_mac.as_bytes()[..16])))
    }

    /// Whether every function of it is whole.
    pub fn is_whole(&self, mac: &PackMac, index: &PackIndex) -> bool {
        index.entries.iter().all(|entry| self.read(mac, entry).is_some())
    }

    /// Whether a function of it was used since it was opened.
    pub fn was_used(&self) -> bool {
        self.used.load(Relaxed)
    }

    /// Whether a function of it was found damaged.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Relaxed)
    }

    pub fn file(&self) -> &File {
        &self.file
    }
}

impl PackEntry {
    /// Of a pack whose functions end at `end`.
    fn read(bytes: &[u8], end: u64) -> Option<Self> {
        let (name, rest) = bytes.split_first_chunk::<NAME>()?;
        let (offset, length) = rest.split_first_chunk::<8>()?;
        let (offset, length) = (u64::from_le_bytes(*offset), u32::from_le_bytes(length.try_into().ok()?));
        (offset.checked_add(Pack::stored_size(length))? <= end).then_some(Self { name: *name, offset, length })
    }
}

impl PackMac {
    pub fn new(key: &MachineKey, engine: &EngineKey) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(CONTEXT, &key.0));
        hasher.update(engine.as_str().as_bytes());
        Self(hasher)
    }

    fn of_function(&self, name: &FunctionKey, function: &[u8]) -> blake3::Hash {
        self.0.clone().update(b"function").update(name).update(function).finalize()
    }

    fn of_index(&self, entries: u64, tail: &[u8]) -> blake3::Hash {
        self.0.clone().update(b"index").update(&entries.to_le_bytes()).update(tail).finalize()
    }
}
