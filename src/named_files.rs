//! The one opener of files that people name: in a manifest, a drop-in, a policy or a bundle, on the command line, in the
//! environment. Such a file may be anything, so nothing that blocks, has an effect when it is opened, or never ends is
//! read, and nothing is read past its limit.
//!
//! The store's own files have an opener of their own, which also checks whose they are: `store::trusted_files`. Nothing here
//! writes.

#![expect(clippy::disallowed_methods, reason = "this is the opener that the bans point to")]

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{OFlags, fstatfs};

/// File systems of the kernel, whose regular files are none that a person keeps: reading one may block for ever or change
/// something. From `linux/magic.h`; configfs has its number in `fs/configfs/mount.c`.
const KERNEL: [u32; 15] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x6367_7270, // cgroup2
    0x6265_6570, // configfs
    0xde5e_81e4, // efivarfs
    0x6165_676c, // pstore
    0xcafe_4a11, // bpf
    0x4249_4e4d, // binfmt_misc
    0x0027_e0eb, // cgroup
    0x6573_5543, // fusectl
    0x4341_5d53, // smackfs
];

/// Opens a regular file for reading; none if there is no such name. A link is followed.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if it is not a regular file on a disk, [`ErrorKind::NotFound`] if a link on the way leads
/// nowhere, and those of the system.
pub(crate) fn open(path: &Path) -> io::Result<Option<File>> {
    // Looked at before, since opening alone does something to some devices.
    match fs::metadata(path) {
        Ok(metadata) => check_kind(&metadata)?,
        Err(error) => return absent(path, error).map(|()| None),
    }
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Ok(file) => file,
        Err(error) => return absent(path, error).map(|()| None),
    };
    // And again, since something else may have its name by now.
    check_kind(&file.metadata()?)?;
    let system = fstatfs(&file)?.f_type;
    if KERNEL.contains(&(system as u32)) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is a file of the kernel, not one on a disk"));
    }
    Ok(Some(file))
}

/// The first `limit` bytes of a file, or all of them; none if there is no such name.
///
/// # Errors
/// As [`open`].
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// All bytes of a file that has at most `most`; none if there is no such name.
///
/// # Errors
/// As [`open`], and [`ErrorKind::FileTooLarge`].
pub(crate) fn read_whole(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let bytes = read(path, most.saturating_add(1))?;
    match bytes {
        Some(bytes) if bytes.len() as u64 > most => {
            Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes")))
        }
        bytes => Ok(bytes),
    }
}

fn check_kind(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"))
}

/// Whether an error means that there is no such name. A link that leads nowhere is a name: what it leads to is meant to be
/// there.
///
/// # Errors
/// [`ErrorKind::NotFound`] naming such a link, or the error itself if it means something else.
pub(crate) fn absent(path: &Path, error: io::Error) -> io::Result<()> {
    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
        return Err(error);
    }
    // Up to what is there, each part may be a link.
    for part in path.ancestors().take_while(|part| fs::metadata(part).is_err()) {
        if let Ok(target) = fs::read_link(part) {
            let link = if part == path { "it".to_owned() } else { part.display().to_string() };
            let why = format!("{link} is a link to {}, which does not exist", target.display());
            return Err(io::Error::new(ErrorKind::NotFound, why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn refusal(path: &Path) -> String {
        open(path).unwrap_err().to_string()
    }

    #[test]
    fn only_regular_files_on_a_disk_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        symlink("/proc/self/status", at("status")).unwrap();
        for name in ["fifo", "socket", "zero", "."] {
            assert_eq!(refusal(&at(name)), "it is not a regular file", "{name}");
        }
        for path in [at("status"), "/proc/version".into(), "/sys/kernel/uevent_seqnum".into()] {
            assert_eq!(refusal(&path), "it is a file of the kernel, not one on a disk", "{}", path.display());
        }
        drop(socket);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_the_same_as_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(open(&at("nothing")).unwrap().is_none() && open(&at("nothing/below")).unwrap().is_none());
        symlink("gone", at("link")).unwrap();
        assert_eq!(refusal(&at("link")), "it is a link to gone, which does not exist");
        let above = format!("{} is a link to gone, which does not exist", at("link").display());
        assert_eq!(refusal(&at("link/policy.toml")), above);
        symlink("loop", at("loop")).unwrap();
        assert!(open(&at("loop")).is_err());
    }

    #[test]
    fn nothing_is_read_past_its_limit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "12345").unwrap();
        assert_eq!(read(file.path(), 3).unwrap().unwrap(), b"123");
        assert_eq!(read_whole(file.path(), 5).unwrap().unwrap(), b"12345");
        let error = read_whole(file.path(), 4).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::FileTooLarge, "it has more than 4 bytes"));
        assert_eq!(read_whole(Path::new("/nowhere/at/all"), 4).unwrap(), None);
    }
}
