//! What the commands that only report found, as data.

pub mod doctor;
pub mod generations;
pub mod graph;
pub mod outdated;
pub mod profiles;
pub mod status;
pub mod tags;
pub mod why;
