//! One writer at a time: the advisory lock on a store. The kernel frees it when its process ends.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::error::Error;
use super::paths::StorePaths;
use super::{generations, write};

/// How long one look at the lock is apart from the next.
const ROUND: Duration = Duration::from_millis(20);

/// How many rounds somebody may hold the lock without having signed.
const ROUNDS_TO_NAME_HOLDER: u32 = 10;

/// The most that is read of the name of who holds it, in bytes.
const MAX_HOLDER: u64 = 1 << 10;

/// The right to change a store, until it is dropped.
pub struct StoreLock(#[expect(dead_code, reason = "the lock is on the open file")] File);

/// Waits until no other process changes the store.
///
/// `holder` says who we are, for those who wait for us. `wait` is called once, with the name of whom we wait for.
///
/// # Errors
/// [`Error::Interrupted`] if `interrupted` turns true while waiting.
pub fn acquire(
    paths: &StorePaths,
    holder: &str,
    interrupted: impl Fn() -> bool,
    wait: impl FnOnce(&str),
) -> Result<StoreLock, Error> {
    let path = paths.store_lock();
    let mut file = write::open_lock_file(&path)?;
    let mut wait = Some(wait);
    let mut other = "another process".to_owned();
    for round in 0_u32.. {
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => break,
            // A `purge` has removed it meanwhile.
            Ok(()) => file = write::open_lock_file(&path)?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        // Whoever holds it signs a moment after it was locked.
        let signed = read_holder(&file).ok().filter(|text| !text.is_empty());
        if signed.is_some() || round >= ROUNDS_TO_NAME_HOLDER {
            other = signed.unwrap_or(other);
            if let Some(wait) = wait.take() {
                wait(&other);
            }
        }
        if interrupted() {
            return Err(Error::Interrupted { holder: other });
        }
        std::thread::sleep(ROUND);
    }
    write::sign_lock_file(&file, holder);
    sweep(paths);
    Ok(StoreLock(file))
}

/// Whether a file is still the one at a path.
fn is_at(file: &File, path: &Path) -> bool {
    let own = file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    own.is_some() && own == path.symlink_metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Who has signed the lock file.
fn read_holder(mut file: &File) -> std::io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.take(MAX_HOLDER).read_to_string(&mut text)?;
    Ok(text)
}

/// Removes what processes that were killed have left, but for what is among blobs, compiled code and functions, which are many. That something stays
/// costs only room.
fn sweep(paths: &StorePaths) {
    generations::sweep_unfinished(paths);
    let profiles = generations::profiles(paths).unwrap_or_default();
    let profiles = profiles.iter().flat_map(|profile| [paths.profile(profile), paths.generations(profile)]);
    for folder in profiles.chain([paths.noop_records(), paths.cache.clone(), paths.state.clone()]) {
        let _ = write::sweep(&folder);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_process_that_has_waited_signs_with_its_own_name_alone() {
        let top = tempfile::tempdir().unwrap();
        let folder = || top.path().to_owned();
        let paths = StorePaths { data: folder(), cache: folder(), state: folder() };
        let first = acquire(&paths, "the first", || false, |_| {}).unwrap();
        let (said, heard) = mpsc::channel();
        let _second = std::thread::scope(|scope| {
            let wait = move |holder: &str| said.send(holder.to_owned()).unwrap();
            let paths = &paths;
            let second = scope.spawn(move || acquire(paths, "the second", || false, wait));
            assert_eq!(heard.recv().unwrap(), "the first");
            drop(first);
            second.join().unwrap().unwrap()
        });
        assert_eq!(read_holder(&write::open_lock_file(&paths.store_lock()).unwrap()).unwrap(), "the second");
    }
}
