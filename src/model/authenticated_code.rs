//! Compiled code with the MAC that tells whether this machine made it.
//!
//! The MAC is BLAKE3, keyed with this machine's key, over engine key, component digest, length and bytes (invariant 3: only this machine's code runs).
//! `store::code::cwasm` opens such code; `host::load` alone checks the MAC, on the very bytes that it runs.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open file of code that has not been checked yet.
#[derive(Debug)]
pub struct AuthenticatedCode {
    file: OwnedFd,
    length: usize,
    mac: Mac,
}

/// What the MAC of the bytes must be.
#[derive(Debug, Clone)]
pub struct Mac {
    /// Has seen everything that the MAC covers, but the bytes.
    hasher: blake3::Hasher,
    expected: [u8; Mac::LENGTH],
}

impl AuthenticatedCode {
    /// For `store::code::cwasm` alone. `length` is that of the code at the beginning of the file, in bytes.
    pub(crate) fn new(file: OwnedFd, length: usize, mac: Mac) -> Self {
        Self { file, length, mac }
    }

    /// The file. Code files are replaced and never changed in place, so what is checked is what it goes on holding.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The length of the code in bytes; the MAC stands behind it.
    pub fn length(&self) -> usize {
        self.length
    }

    pub fn mac(&self) -> &Mac {
        &self.mac
    }
}

impl Mac {
    /// The length of a MAC in bytes.
    pub const LENGTH: usize = 32;

    /// Bytes in which hashing on several threads is worth it.
    pub const PARALLEL_FROM: usize = 1 << 20;

    pub(crate) fn new(hasher: blake3::Hasher, expected: [u8; Self::LENGTH]) -> Self {
        Self { hasher, expected }
    }

    /// Whether these are the bytes that it was made of.
    pub fn matches(&self, code: &[u8]) -> bool {
        Self::expected_mac(self.hasher.clone(), code) == blake3::Hash::from(self.expected)
    }

    /// The MAC of code, by a hasher that has seen everything else that it covers.
    pub(crate) fn expected_mac(mut hasher: blake3::Hasher, code: &[u8]) -> blake3::Hash {
        if code.len() < Self::PARALLEL_FROM {
            hasher.update(code);
        } else {
            hasher.update_rayon(code);
        }
        hasher.finalize()
    }
}
