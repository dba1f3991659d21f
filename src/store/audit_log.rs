//! The files of the audit log, `audit/1.jsonl` and so on. Several processes may add to them: each record is one write under a
//! lock. A file that has grown large is followed by the next; of old ones, some are kept.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use parking_lot::Mutex;

use crate::model::audit::{AuditAction, AuditRecord, ChainEnd, ChainProblem};

use super::error::Error;
use super::paths::StorePaths;
use super::trusted_files::{entries, open_trusted};
use super::write;

/// How large a file grows before the next begins, in bytes.
const MAX_FILE: u64 = 8 << 20;

/// How many files are kept.
const KEPT_FILES: u64 = 16;

/// Far more than a file that this program wrote can have, in bytes.
const READ: u64 = 64 << 20;

/// The audit log of this machine, open for more.
pub struct AuditLog {
    paths: StorePaths,
    open: Mutex<Option<OpenFile>>,
}

/// The file that records are added to.
struct OpenFile {
    number: u64,
    file: File,
    /// As this process left it, in bytes.
    size: u64,
    end: ChainEnd,
}

/// A file of the log that was read.
#[derive(Debug)]
pub struct AuditFile {
    pub number: u64,
    /// Each line with its number, from 1: its record, or what is wrong with it.
    pub lines: Vec<(usize, Result<AuditRecord, ChainProblem>)>,
}

impl AuditLog {
    pub fn new(paths: &StorePaths) -> Self {
        Self { paths: paths.clone(), open: Mutex::default() }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`Error`] if it could not be written; then nothing is.
    pub fn record(&self, timestamp_ms: u64, agent_id: Option<String>, action: AuditAction) -> Result<(), Error> {
        let mut open = self.open.lock();
        loop {
            let current = match open.as_mut() {
                Some(current) => current,
                None => open.insert(OpenFile::open_last(&self.paths)?),
            };
            let path = self.paths.audit_file(current.number);
            current.file.lock().map_err(Error::io("lock", &path))?;
            let written = current.append(&self.paths, timestamp_ms, agent_id.clone(), action.clone());
            let _ = current.file.unlock();
            match written {
                Ok(Appended::Written) => return Ok(()),
                // Another process has begun the next file, or this one has become too large.
                Ok(Appended::Outdated) => *open = None,
                Err(error) => {
                    *open = None;
                    return Err(error);
                }
            }
        }
    }
}

enum Appended {
    Written,
    Outdated,
}

impl OpenFile {
    /// Opens the newest file, or the next if that is full.
    fn open_last(paths: &StorePaths) -> Result<Self, Error> {
        let numbers = numbers(paths)?;
        let last = numbers.last().copied().unwrap_or(1);
        let file = write::open_appended(&paths.audit_file(last))?;
        Ok(Self { number: last, file, size: u64::MAX, end: ChainEnd::default() })
    }

    /// Adds a record. The file is locked.
    fn append(
        &mut self,
        paths: &StorePaths,
        timestamp_ms: u64,
        agent_id: Option<String>,
        action: AuditAction,
    ) -> Result<Appended, Error> {
        let path = paths.audit_file(self.number);
        let size = self.file.metadata().map_err(Error::io("look at", &path))?.len();
        if paths.audit_file(self.number + 1).symlink_metadata().is_ok() {
            return Ok(Appended::Outdated);
        }
        if size != self.size {
            // Another process has added records, or the end was cut.
            self.read_end(paths, timestamp_ms)?;
        }
        if self.size >= MAX_FILE {
            self.begin_next(paths)?;
            return Ok(Appended::Outdated);
        }
        self.write(paths, timestamp_ms, agent_id, action)?;
        Ok(Appended::Written)
    }

    fn write(
        &mut self,
        paths: &StorePaths,
        timestamp_ms: u64,
        agent_id: Option<String>,
        action: AuditAction,
    ) -> Result<(), Error> {
        let path = paths.audit_file(self.number);
        let line = self.end.line(timestamp_ms, agent_id, action);
        let bytes = format!("{line}\n");
        if let Err(source) = self.file.write_all(bytes.as_bytes()) {
            // What was written of it would be a cut end.
            let _ = write::truncate_to(&self.file, &path, self.size);
            return Err(Error::io("write to", &path)(source));
        }
        self.size += bytes.len() as u64;
        self.end = ChainEnd::after(line.as_bytes(), self.end.sequence + 1);
        Ok(())
    }

    /// Finds the last whole record. What stands behind it is moved to another file, and that is recorded.
    fn read_end(&mut self, paths: &StorePaths, timestamp_ms: u64) -> Result<(), Error> {
        let bytes = read(paths, self.number)?;
        let (mut end, mut whole, mut at) = (None, 0, 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            at += line.len();
            if let Some(line) = line.strip_suffix(b"\n")
                && let Ok(record) = serde_json::from_slice::<AuditRecord>(line)
            {
                end = Some(ChainEnd::after(line, record.sequence));
                whole = at;
            }
        }
        self.end = match end {
            Some(end) => end,
            None => end_of(paths, self.number - 1)?,
        };
        self.size = bytes.len() as u64;
        if whole < bytes.len() {
            let tail = &bytes[whole..];
            let aside = paths.audit_tail(self.number, whole as u64);
            write::replace(&aside, &[tail], write::Durability::Synced)?;
            write::truncate_to(&self.file, &paths.audit_file(self.number), whole as u64)?;
            self.size = whole as u64;
            let file = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let action = AuditAction::AuditTailMoved { file, bytes: tail.len() as u64 };
            self.write(paths, timestamp_ms, None, action)?;
        }
        Ok(())
    }

    /// Creates the next file, and removes the oldest.
    fn begin_next(&self, paths: &StorePaths) -> Result<(), Error> {
        write::open_appended(&paths.audit_file(self.number + 1))?;
        for old in numbers(paths)?.into_iter().filter(|old| old + KEPT_FILES <= self.number + 1) {
            write::remove(&paths.audit_file(old))?;
        }
        Ok(())
    }
}

/// Reads the whole log, the oldest record first, and checks that each line follows the one before.
///
/// # Errors
/// [`Error`] if a file cannot be read.
pub fn read_all(paths: &StorePaths) -> Result<Vec<AuditFile>, Error> {
    let mut files = Vec::new();
    let mut end: Option<ChainEnd> = None;
    for number in numbers(paths)? {
        let bytes = read(paths, number)?;
        let mut lines = Vec::new();
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let whole = line.strip_suffix(b"\n").unwrap_or(line);
            let parsed = serde_json::from_slice::<AuditRecord>(whole).ok();
            // Of the oldest file that is kept, it is not known what came before.
            let first = || match &parsed {
                Some(record) if number > 1 => {
                    ChainEnd { sequence: record.sequence - 1, hash: record.prev_hash.clone() }
                }
                _ => ChainEnd::default(),
            };
            let checked = end.clone().unwrap_or_else(first).check(whole);
            if let Some(record) = &parsed {
                end = Some(ChainEnd::after(whole, record.sequence));
            }
            lines.push((at + 1, checked));
        }
        files.push(AuditFile { number, lines });
    }
    Ok(files)
}

/// The end of a file that is followed by another.
fn end_of(paths: &StorePaths, number: u64) -> Result<ChainEnd, Error> {
    let bytes = if number == 0 { Vec::new() } else { read(paths, number)? };
    let lines = bytes.split(|byte| *byte == b'\n').rev();
    let last = lines.filter_map(|line| Some((line, serde_json::from_slice::<AuditRecord>(line).ok()?))).next();
    Ok(last.map_or_else(ChainEnd::default, |(line, record)| ChainEnd::after(line, record.sequence)))
}

fn read(paths: &StorePaths, number: u64) -> Result<Vec<u8>, Error> {
    let path = paths.audit_file(number);
    let mut bytes = Vec::new();
    if let Some((file, _)) = open_trusted(&path)? {
        file.take(READ).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    }
    Ok(bytes)
}

/// The numbers of the files, ascending.
fn numbers(paths: &StorePaths) -> Result<Vec<u64>, Error> {
    let named = |path: PathBuf| path.file_name()?.to_str()?.strip_suffix(".jsonl")?.parse::<u64>().ok();
    let mut numbers: Vec<u64> = entries(&paths.audit())?
        .into_iter()
        .filter_map(|entry| named(entry.path()))
        .filter(|number| *number > 0)
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test damages files")]
mod tests {
    use super::*;

    fn paths(folder: &tempfile::TempDir) -> StorePaths {
        let path = |name: &str| folder.path().join(name);
        StorePaths { data: path("data"), cache: path("cache"), state: path("state") }
    }

    fn set(log: &AuditLog, name: &str) {
        log.record(7, None, AuditAction::SecretSet { name: name.to_owned() }).unwrap();
    }

    /// The names in the log, and what is wrong with it.
    fn all(paths: &StorePaths) -> (Vec<String>, Vec<(u64, usize, ChainProblem)>) {
        let (mut names, mut problems) = (Vec::new(), Vec::new());
        for file in read_all(paths).unwrap() {
            for (line, record) in file.lines {
                match record.map(|record| record.action) {
                    Ok(AuditAction::SecretSet { name }) => names.push(name),
                    Ok(other) => names.push(format!("{other:?}")),
                    Err(problem) => problems.push((file.number, line, problem)),
                }
            }
        }
        (names, problems)
    }

    #[test]
    fn many_writers_make_one_chain() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(&folder);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let paths = &paths;
                scope.spawn(move || {
                    let log = AuditLog::new(paths);
                    for number in 0..50 {
                        set(&log, &format!("{writer}-{number}"));
                    }
                });
            }
        });
        let (names, problems) = all(&paths);
        assert_eq!((names.len(), problems), (200, Vec::new()));
    }

    #[test]
    fn a_cut_end_is_moved_aside_and_recorded_and_the_chain_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(&folder);
        set(&AuditLog::new(&paths), "a");
        let file = paths.audit_file(1);
        let whole = std::fs::read(&file).unwrap();
        for cut in [&b"{\"sequ"[..], b"not JSON\n{\"sequence\":2", b"\n", b"\xff\n"] {
            std::fs::write(&file, [&whole, cut].concat()).unwrap();
            let log = AuditLog::new(&paths);
            set(&log, "b");
            set(&log, "c");
            let (names, problems) = all(&paths);
            assert_eq!(problems, Vec::new());
            let [a, moved, b, c] = names.as_slice() else { panic!("{names:?}") };
            assert!(moved.contains(&format!("bytes: {}", cut.len())), "{moved}");
            assert_eq!([a, b, c], ["a", "b", "c"]);
            assert_eq!(std::fs::read(paths.audit_tail(1, whole.len() as u64)).unwrap(), cut);
        }
    }

    #[test]
    fn what_was_changed_or_removed_shows_at_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(&folder);
        let log = AuditLog::new(&paths);
        for name in ["a", "b", "c", "d"] {
            set(&log, name);
        }
        let file = paths.audit_file(1);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("\"b\"", "\"B\"")).unwrap();
        assert_eq!(all(&paths).1, [(1, 3, ChainProblem::BrokenChain)]);
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(&file, [lines[0], lines[2], lines[3], ""].join("\n")).unwrap();
        assert_eq!(all(&paths).1, [(1, 2, ChainProblem::BrokenChain)]);
        std::fs::write(&file, text.replacen("\"sequence\":1,", "\"sequence\":2,", 1)).unwrap();
        assert_eq!(all(&paths).1[0], (1, 1, ChainProblem::Sequence { found: 2, expected: 1 }));
    }

    #[test]
    fn full_files_are_followed_by_others_in_the_same_chain_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(&folder);
        let log = AuditLog::new(&paths);
        let long = "x".repeat(1 << 20);
        for number in 0..(8 * (KEPT_FILES + 2)) {
            set(&log, &format!("{number}-{long}"));
        }
        let (names, problems) = all(&paths);
        assert_eq!(problems, Vec::new());
        assert!(names.len() < 8 * 18 && names.last().unwrap().starts_with("143-"), "{}", names.len());
        let numbers = numbers(&paths).unwrap();
        assert!(numbers.len() as u64 <= KEPT_FILES && numbers[0] > 1, "{numbers:?}");
    }
}
