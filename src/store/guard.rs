//! One writer at a time: the advisory lock on a store. The kernel frees it when its process ends.

use std::fs::{self, File, TryLockError};
use std::time::Duration;

use super::paths::StorePaths;
use super::{Error, write};

/// The right to change a store, until it is dropped.
pub struct Guard(#[expect(dead_code, reason = "the lock is on the open file")] File);

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
) -> Result<Guard, Error> {
    let path = paths.guard();
    let file = write::open_guard(&path)?;
    let mut wait = Some(wait);
    let mut other = String::new();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        if let Some(wait) = wait.take() {
            other = fs::read_to_string(&path)
                .ok()
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| "another process".into());
            wait(&other);
        }
        if interrupted() {
            return Err(Error::Interrupted { holder: other });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    write::sign_guard(&file, holder);
    Ok(Guard(file))
}
