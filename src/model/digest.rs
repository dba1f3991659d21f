//! SHA-256 digests in the form of the OCI image specification: `sha256:` and 64 lower-case hexadecimal digits.
//!
//! A [`Digest`] in hand is well-formed, so it may go into a URL or a path. It says nothing of bytes until
//! they were hashed and compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::text::shorten;

/// A SHA-256 digest. `Display` gives `sha256:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    #[error("there is none; a digest is `sha256:` and 64 hexadecimal digits")]
    Empty,
    #[error("`{0}` names no algorithm; a digest is `sha256:` and 64 hexadecimal digits")]
    NoAlgorithm(String),
    #[error("`{0}` is not supported, only sha256 is")]
    Algorithm(String),
    #[error("it has {0} hexadecimal digits, a whole one has 64; copy all of them")]
    Length(usize),
    #[error("it contains upper-case letters; write them in lower case")]
    UpperCase,
    #[error("it contains '{0}', which is not a hexadecimal digit")]
    NotHex(char),
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// A digest from its 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 64 lower-case digits without the algorithm: the name of a blob's file.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The first 12 digits, for people. Never parsed again.
    pub fn short(&self) -> String {
        hex(&self.0[..6])
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Hashes a stream of bytes into a [`Digest`].
#[derive(Default, Clone)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)] as char).collect()
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        if text.is_empty() {
            return Err(DigestError::Empty);
        }
        let Some((algorithm, digits)) = text.split_once(':') else {
            return Err(DigestError::NoAlgorithm(shorten(text).into_owned()));
        };
        if algorithm != "sha256" {
            return Err(DigestError::Algorithm(shorten(algorithm).into_owned()));
        }
        if let Some(other) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(DigestError::NotHex(other));
        }
        if digits.len() != 64 {
            return Err(DigestError::Length(digits.len()));
        }
        if digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(DigestError::UpperCase);
        }
        let nibble = |b: u8| if b.is_ascii_digit() { b - b'0' } else { b - b'a' + 10 };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_is_written_as_it_is_read() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(EMPTY.parse::<Digest>().unwrap(), Digest::of(b""));
    }

    #[test]
    fn each_fault_has_its_own_message() {
        let fault = |text: &str| text.parse::<Digest>().unwrap_err();
        assert_eq!(fault("e3b0"), DigestError::NoAlgorithm("e3b0".into()));
        assert_eq!(fault("sha512:00"), DigestError::Algorithm("sha512".into()));
        assert_eq!(
            fault("sha256:e3b0c442").to_string(),
            "it has 8 hexadecimal digits, a whole one has 64; copy all of them"
        );
        assert_eq!(fault(&EMPTY.replace("e3b0", "E3B0")), DigestError::UpperCase);
        assert_eq!(fault("sha256:../../etc"), DigestError::NotHex('.'));
    }
}
