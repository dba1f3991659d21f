//! A whole set in one file or folder, out of this machine and into another without a network.

pub mod bundled_set;
pub mod export;
pub mod import;
