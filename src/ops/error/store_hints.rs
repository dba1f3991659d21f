//! What to do about each error of the store.

use std::io::ErrorKind;

use crate::model::fault::hint::Hint;
use crate::store::Error;

use super::component_hints::file_kind_hint;

/// What to do about it.
pub(super) fn store_hint(error: &Error) -> Option<Hint> {
    match error {
        Error::WrongSize { .. } => {
            Some("if sesame.lock is as it was committed, tell whoever published it; its manifest is wrong".into())
        }
        Error::Damaged { .. } => Some("`sesame verify --repair` puts it aside and fetches it again".into()),
        Error::WrongDigest { .. } => Some(
            "nothing of it was kept; a proxy or mirror between may change bytes, or the registry is damaged".into(),
        ),
        Error::NotAComponent { kind, .. } => Some(file_kind_hint(*kind)),
        Error::NoBlob { digest } => Some(format!("run `sesame sync`, which fetches {} again", digest.short()).into()),
        Error::Untrusted { path, .. } => {
            Some(format!("look who changed it; if it is yours, remove {}", path.display()).into())
        }
        Error::UnknownActive { source, .. } | Error::BadGeneration { source, .. } if source.is_other_version() => Some("update this sesame, or use the other".into()),
        Error::BadGeneration { .. } => Some(
            "`sesame verify --repair` puts it aside; `sesame generations delete N` removes it".into(),
        ),
        Error::UnknownActive { .. } => Some(
            "`sesame rollback N` makes another generation live, `sesame sync --adopt` the set of the manifest; `sesame generations` lists what there is"
                .into(),
        ),
        Error::OwnedByOther { path, owner, user: 0 } => {
            Some(format!("run it as the user {owner}, without `sudo`; root would leave in {} what that user cannot change", path.display()).into())
        }
        Error::OwnedByOther { path, .. } => Some(format!(
            "have its owner give it to you, or move {} away; $XDG_DATA_HOME, $XDG_CACHE_HOME and $XDG_STATE_HOME name other places",
            path.display()
        ).into()),
        Error::Io { source, .. } => disk(source),
        Error::Interrupted { .. } => None,
    }
}

/// What to do about a disk.
fn disk(error: &std::io::Error) -> Option<Hint> {
    let elsewhere = "for sesame's own folders, $XDG_DATA_HOME, $XDG_CACHE_HOME and $XDG_STATE_HOME name other places";
    Some(match error.kind() {
        ErrorKind::StorageFull => {
            "make room on that disk; `df -i` tells whether it is full of files, not of bytes".into()
        }
        ErrorKind::QuotaExceeded => "make room within your quota".into(),
        ErrorKind::ReadOnlyFilesystem => format!("it is mounted read-only; {elsewhere}").into(),
        ErrorKind::PermissionDenied => format!("look whose it is and what its mode is; {elsewhere}").into(),
        _ => match error.raw_os_error()? {
            libc::ENOLCK | libc::EOPNOTSUPP | libc::ENOSYS => {
                format!("that disk has no file locks, as some network disks have none; {elsewhere}").into()
            }
            libc::EMFILE => "too many files are open; `ulimit -n` allows more".into(),
            _ => return None,
        },
    })
}
