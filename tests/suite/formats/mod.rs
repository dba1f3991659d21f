//! The files that sesame reads and writes.

mod earlier_versions;
mod fuzz_seeds;
mod invalid_files;
mod merges;
pub mod schemas;
