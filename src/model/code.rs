//! Compiled code whose tag was checked: the one thing that may be turned into running code.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open file of code that this machine compiled itself and that is unchanged since.
///
/// Only `store::cwasm` makes one, after it has checked the tag of this very file (invariant 3); `host` relies on that.
#[derive(Debug)]
pub struct AuthenticCode(OwnedFd);

impl AuthenticCode {
    /// For `store::cwasm` alone.
    pub(crate) fn checked(file: OwnedFd) -> Self {
        Self(file)
    }

    /// The file. Code files are replaced and never changed in place, so what was checked is what it holds.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
