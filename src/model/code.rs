//! Compiled code whose tag was checked: the one thing that may be turned into running code.

/// Bytes of a cwasm that this machine compiled itself and that are unchanged since.
///
/// Only `store::cwasm` makes one, after it has checked the tag (invariant 3); `host` relies on that.
pub struct AuthenticCode(Vec<u8>);

impl AuthenticCode {
    /// For `store::cwasm` alone.
    pub(crate) fn checked(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
