//! How a file looks from outside: everything about it that changes when it does, so that what was found out about it need
//! not be found out again.
//!
//! Contents are not among it. A change within the grain of a file system's clock does not show: whoever relies on a look
//! must see that the file was left alone for a while.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

/// Device, inode, size, mode, owner, and the times of the last change of contents and of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u64; 9]);

impl Fingerprint {
    /// As numbers of 8 bytes, little-endian.
    pub fn bytes(&self) -> [u8; 72] {
        let mut bytes = [0; 72];
        for (bytes, number) in bytes.chunks_exact_mut(8).zip(self.0) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// When anything of the file last changed.
    pub fn changed(&self) -> SystemTime {
        let [.., seconds, nanoseconds] = self.0;
        // A time before 1970 is as good as 1970.
        let seconds = i64::from_ne_bytes(seconds.to_ne_bytes()).max(0).unsigned_abs();
        UNIX_EPOCH + Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0))
    }
}

impl From<&Stat> for Fingerprint {
    fn from(stat: &Stat) -> Self {
        Self([
            stat.st_dev,
            stat.st_ino,
            stat.st_size as u64,
            u64::from(stat.st_mode),
            u64::from(stat.st_uid),
            stat.st_mtime as u64,
            stat.st_mtime_nsec,
            stat.st_ctime as u64,
            stat.st_ctime_nsec,
        ])
    }
}

impl From<&Metadata> for Fingerprint {
    fn from(metadata: &Metadata) -> Self {
        Self([
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            u64::from(metadata.mode()),
            u64::from(metadata.uid()),
            metadata.mtime() as u64,
            metadata.mtime_nsec() as u64,
            metadata.ctime() as u64,
            metadata.ctime_nsec() as u64,
        ])
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_a_clock_never_showed_are_times_too() {
        let changed = |seconds: i64| Fingerprint([0, 0, 0, 0, 0, 0, 0, seconds as u64, 5]).changed();
        assert_eq!(changed(-1), UNIX_EPOCH + Duration::from_nanos(5));
        assert_eq!(changed(7), UNIX_EPOCH + Duration::new(7, 5));
    }
}
