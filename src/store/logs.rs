//! What extensions print: `logs/NAME.log`, one line each with its time. Old lines make room for new ones.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::model::name::ExtensionName;
use crate::model::text::time;

use super::error::Error;
use super::paths::StorePaths;
use super::trusted_files::open_trusted;
use super::write;

/// How large a log grows before it becomes the old one, in bytes. There is one old one.
pub const MAX_LOG: u64 = 1 << 20;

/// Far more than one that this program wrote can have, in bytes.
const READ: u64 = 64 << 20;

/// The log of one extension, open for more.
pub struct LogFile {
    path: PathBuf,
    old: PathBuf,
    open: Mutex<OpenLog>,
}

struct OpenLog {
    file: File,
    /// In bytes, as far as this process knows.
    size: u64,
}

impl LogFile {
    /// Opens the log, which is made where there is none.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written to.
    pub fn open(paths: &StorePaths, name: &ExtensionName) -> Result<Self, Error> {
        Self::open_files(paths.log(name), paths.old_log(name))
    }

    /// Opens the log of the host itself.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_host(paths: &StorePaths) -> Result<Self, Error> {
        Self::open_files(paths.host_log(), paths.old_host_log())
    }

    fn open_files(path: PathBuf, old: PathBuf) -> Result<Self, Error> {
        let open = Mutex::new(OpenLog::new(&path, &old)?);
        Ok(Self { path, old, open })
    }

    /// Adds a line. That it cannot be written stops nobody: a log is no place to fail for.
    pub fn line(&self, source: &str, text: &str) {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let line = format!("{}  {source:<6}  {text}\n", time(seconds));
        let mut open = self.open.lock();
        if open.size >= MAX_LOG
            && let Ok(new) = OpenLog::new(&self.path, &self.old)
        {
            *open = new;
        }
        open.size += line.len() as u64;
        let _ = open.file.write_all(line.as_bytes());
    }
}

impl OpenLog {
    /// Opens the file; one that has grown too large makes room first.
    fn new(path: &Path, old: &Path) -> Result<Self, Error> {
        let file = write::open_log(path, old, MAX_LOG)?;
        let size = file.metadata().map_err(Error::io("look at", path))?.len();
        Ok(Self { file, size })
    }
}

/// The lines of an extension, the oldest first; none if it never printed anything.
///
/// # Errors
/// [`Error`] if they cannot be read.
pub fn read(paths: &StorePaths, name: &ExtensionName) -> Result<Option<String>, Error> {
    read_files([paths.old_log(name), paths.log(name)])
}

/// The lines of the host itself, the oldest first; none if it never ran.
///
/// # Errors
/// [`Error`] if they cannot be read.
pub fn read_host(paths: &StorePaths) -> Result<Option<String>, Error> {
    read_files([paths.old_host_log(), paths.host_log()])
}

fn read_files(paths: [PathBuf; 2]) -> Result<Option<String>, Error> {
    let mut text: Option<String> = None;
    for path in paths {
        if let Some((file, _)) = open_trusted(&path)? {
            let mut bytes = Vec::new();
            file.take(READ).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
            text.get_or_insert_default().push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_last_lines_within_bounds() {
        let top = tempfile::tempdir().unwrap();
        let folder = || top.path().to_owned();
        let paths = StorePaths { data: folder(), cache: folder(), state: folder() };
        let name: ExtensionName = "clock".parse().unwrap();
        assert_eq!(read(&paths, &name).unwrap(), None);
        for run in 0..4 {
            let log = LogFile::open(&paths, &name).unwrap();
            for line in 0..200 {
                log.line("info", &format!("run {run} line {line} {}", "x".repeat(4096)));
                for path in [paths.log(&name), paths.old_log(&name)] {
                    assert!(std::fs::metadata(path).map_or(0, |metadata| metadata.len()) < MAX_LOG + 5000);
                }
            }
        }
        let text = read(&paths, &name).unwrap().unwrap();
        assert!(text.len() < 3 << 20, "{}", text.len());
        assert!(text.contains("  info    run 3 line 199 ") && !text.contains("run 0 "));
        assert!(text.lines().all(|line| line.len() > 4096 && &line[19..22] == "Z  "), "whole lines");
    }
}
