//! What a person names: one revision, or a repository whose newest is meant.

use std::str::FromStr;

use super::error::ReferenceError;
use super::{OciReference, OciRepository};

/// A reference, or only its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceOrRepository {
    Revision(OciReference),
    Repository(OciRepository),
}

impl FromStr for ReferenceOrRepository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        match text.parse() {
            Err(ReferenceError::NoRevision(_)) if !text.ends_with(':') && !text.contains('@') => {
                text.parse().map(Self::Repository)
            }
            reference => reference.map(Self::Revision),
        }
    }
}
