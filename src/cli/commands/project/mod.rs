//! The commands about the project: manifest and lock.

pub mod outdated;
