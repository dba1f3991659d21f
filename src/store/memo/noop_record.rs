//! Records of a no-op: how everything looked when a command had nothing to do, so that the next one sees in a moment that it has
//! nothing to do either. A cache; whatever is wrong with a record, the command does its work.
//!
//! A record is a line of JSON and the digests of files of the store, 32 bytes each. Of every file it knows inode, size, mode,
//! owner and both times, as one hash, and it is only made once all of them were left alone for a while: a change within the
//! grain of a file system's clock would not show.

use std::io::Read as _;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, EngineKeys};
use crate::model::report::sync::SetSummary;
use crate::store::owner;
use crate::store::paths::StorePaths;
use crate::store::trusted_files::open_trusted;
use crate::store::write::{self, Durability};

use super::fingerprint::Fingerprint;

/// How much older than the start of the command each file's last change must be. File systems count in up to two seconds.
const LEFT_ALONE: Duration = Duration::from_millis(2_100);

/// What a command with nothing to do has looked at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NoopRecord {
    /// The hash of all that was read: files, options, versions.
    pub inputs: String,
    /// Other files, links followed.
    pub paths: Vec<PathBuf>,
    /// A folder that may be absent.
    pub folder: Option<PathBuf>,
    pub engines: EngineKeys,
    #[serde(skip)]
    pub blobs: Vec<Digest>,
    #[serde(skip)]
    pub unmetered: Vec<Digest>,
    #[serde(skip)]
    pub metered: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    seen: NoopRecord,
    /// How many digests of each kind follow.
    counts: [usize; 3],
    looks: String,
    answer: SetSummary,
}

const VERSION: u32 = 2;

/// The answer of the record of this name, if it was made from the same inputs and every file looks as it did then.
pub fn read(paths: &StorePaths, name: &str, inputs: impl FnOnce(&EngineKeys) -> Option<String>) -> Option<SetSummary> {
    let (mut file, metadata) = open_trusted(&paths.noop_record(name)).ok()??;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.read_to_end(&mut bytes).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let Header { version, mut seen, counts, looks, answer } = serde_json::from_slice(&bytes[..end]).ok()?;
    let mut digests = bytes[end + 1..].chunks_exact(32).map(|bytes| <[u8; 32]>::try_from(bytes).map(Digest::new));
    for (list, count) in [&mut seen.blobs, &mut seen.unmetered, &mut seen.metered].into_iter().zip(counts) {
        *list =
            digests.by_ref().take(count).collect::<Result<_, _>>().ok().filter(|list: &Vec<_>| list.len() == count)?;
    }
    let same = version == VERSION && inputs(&seen.engines)? == seen.inputs && seen.looks(paths, None)? == looks;
    same.then_some(answer)
}

/// Makes a record of a command that started then, if all files had been left alone for long enough. A failure costs only time.
pub fn put(paths: &StorePaths, name: &str, seen: NoopRecord, answer: SetSummary, started: SystemTime) {
    // Without the guard nobody has looked yet whose store it is.
    if owner::check_store_owner(paths).is_err() {
        return;
    }
    let Some(before) = started.checked_sub(LEFT_ALONE) else { return };
    let Some(looks) = seen.looks(paths, Some(before)) else { return };
    let digests = [&seen.blobs, &seen.unmetered, &seen.metered];
    let counts = digests.map(Vec::len);
    let body: Vec<u8> = digests.into_iter().flatten().flat_map(|digest| *digest.as_bytes()).collect();
    let Ok(mut header) = serde_json::to_vec(&Header { version: VERSION, seen, counts, looks, answer }) else { return };
    header.push(b'\n');
    let _ = write::replace(&paths.noop_record(name), &[&header, &body], Durability::Disposable);
}

impl NoopRecord {
    /// How all files look, as one hash; none if one is not there, or was changed after `before`.
    fn looks(&self, paths: &StorePaths, before: Option<SystemTime>) -> Option<String> {
        let mut hasher = blake3::Hasher::new();
        for path in &self.paths {
            hasher.update(&fingerprint_if_older(&rustix::fs::stat(path).ok()?, before)?);
        }
        if let Some(folder) = &self.folder {
            match rustix::fs::stat(folder) {
                Ok(stat) => hasher.update(&fingerprint_if_older(&stat, before)?),
                Err(Errno::NOENT) => hasher.update(b"absent"),
                Err(_) => return None,
            };
        }
        let code = |engine: &Option<EngineKey>| engine.as_ref().map(|engine| paths.code_folder(engine));
        let stored = [
            (Some(paths.blobs()), &self.blobs),
            (code(&self.engines.unmetered), &self.unmetered),
            (code(&self.engines.metered), &self.metered),
        ];
        for (folder, digests) in stored.into_iter().filter(|(_, digests)| !digests.is_empty()) {
            for looks in looks_in(&folder?, digests, before)? {
                hasher.update(looks.as_bytes());
            }
        }
        Some(hasher.finalize().to_hex().to_string())
    }
}

/// How many files one thread looks at before it takes more.
const CHUNK: usize = 1_024;

/// How the files of a folder that are named by these digests look, a hash for each chunk of them.
fn looks_in(folder: &Path, digests: &[Digest], before: Option<SystemTime>) -> Option<Vec<blake3::Hash>> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty()).ok()?;
    let chunks: Vec<&[Digest]> = digests.chunks(CHUNK).collect();
    let looks: Vec<OnceLock<blake3::Hash>> = chunks.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Relaxed);
            let (Some(chunk), Some(looks)) = (chunks.get(at), looks.get(at)) else { return };
            let Some(found) = looks_of(&folder, chunk, before) else { return };
            let _ = looks.set(found);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(chunks.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    looks.into_iter().map(OnceLock::into_inner).collect()
}

fn looks_of(folder: &OwnedFd, digests: &[Digest], before: Option<SystemTime>) -> Option<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    for digest in digests {
        let stat = rustix::fs::statat(folder, digest.hex(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        hasher.update(&fingerprint_if_older(&stat, before)?);
    }
    Some(hasher.finalize())
}

/// How a file looks; none if it was changed after `before`.
fn fingerprint_if_older(stat: &Stat, before: Option<SystemTime>) -> Option<[u8; 72]> {
    let look = Fingerprint::from(stat);
    let left_alone = before.is_none_or(|before| look.changed() < before);
    left_alone.then(|| look.bytes())
}
