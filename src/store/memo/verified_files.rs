//! What was checked before, and how the file looked then, so that an unchanged file is not hashed again.
//!
//! A record is believed only while inode, size, mode, owner and both times are the same, and only if the file's last
//! change was well before it was checked: a change within the clock's grain would not show. The records are a
//! cache; losing them costs only time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use crate::clock::Clock;
use crate::store::owner;
use crate::store::paths::StorePaths;
use crate::store::trusted_files::open_trusted;
use crate::store::write::{self, Durability};

use super::fingerprint::Fingerprint;

/// How much older than its check a file's last change must be.
const GRAIN: Duration = Duration::from_millis(50);

const HEADER: &str = "sesame verified 2\n";

/// The records, by the path of the file, as text.
pub(crate) struct VerifiedFiles {
    known: BTreeMap<String, String>,
    changed: bool,
    clock: Clock,
}

impl VerifiedFiles {
    /// Reads the records; without any that can be trusted there are none.
    pub(crate) fn read(paths: &StorePaths, clock: Clock) -> Self {
        let mut text = String::new();
        let read = match open_trusted(&paths.verified()) {
            Ok(Some((mut file, _))) => file.read_to_string(&mut text).is_ok(),
            _ => false,
        };
        let lines = text.strip_prefix(HEADER).filter(|_| read).unwrap_or_default().lines();
        let known =
            lines.filter_map(|line| line.split_once('\t')).map(|(stat, path)| (path.to_owned(), stat.to_owned()));
        Self { known: known.collect(), changed: false, clock }
    }

    /// Whether the file was checked before and is unchanged since.
    pub(crate) fn holds(&self, path: &Path, key: &str, metadata: &Metadata) -> bool {
        let name = name(path, key);
        self.known.get(&name).is_some_and(|known| *known == Fingerprint::from(metadata).to_string())
    }

    /// Notes that the file, which had this metadata before it was read, was found good.
    pub(crate) fn record(&mut self, path: &Path, key: &str, metadata: &Metadata) {
        let look = Fingerprint::from(metadata);
        if self.clock.now().duration_since(look.changed()).is_ok_and(|age| age > GRAIN) {
            self.known.insert(name(path, key), look.to_string());
            self.changed = true;
        }
    }

    /// Writes the records of files that are still there, if any were made. A failure costs only time.
    pub(crate) fn write(mut self, paths: &StorePaths) {
        // Without the guard nobody has looked yet whose store it is.
        if !self.changed || owner::check_store_owner(paths).is_err() {
            return;
        }
        self.known.retain(|name, _| path_of(name).symlink_metadata().is_ok());
        let mut text = HEADER.to_owned();
        for (name, look) in self.known.iter().filter(|(name, _)| !name.contains('\n')) {
            let _ = writeln!(text, "{look}\t{name}");
        }
        let _ = write::replace(&paths.verified(), &[text.as_bytes()], Durability::Disposable);
    }
}

/// What a record is filed under: the path, and for compiled code also what its tag was checked with.
fn name(path: &Path, key: &str) -> String {
    format!("{key}{}", path.display())
}

/// The path in such a name; paths of the store are absolute.
fn path_of(name: &str) -> &Path {
    Path::new(&name[name.find('/').unwrap_or(name.len())..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_within_the_clocks_grain_is_not_noted() {
        let mut verified = VerifiedFiles { known: BTreeMap::new(), changed: false, clock: Clock::SYSTEM };
        let file = tempfile::NamedTempFile::new().unwrap();
        let (path, metadata) = (file.path(), file.as_file().metadata().unwrap());
        verified.record(path, "", &metadata);
        assert!(!verified.holds(path, "", &metadata));
        verified.clock = Clock::of_tests(GRAIN * 2, 1.0);
        verified.record(path, "", &metadata);
        assert!(verified.holds(path, "", &metadata));
        assert!(!verified.holds(path, "another key ", &metadata));
    }
}
