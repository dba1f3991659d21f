//! `sesame bundle …`: a whole set, out of this machine and into another.

pub mod import;
