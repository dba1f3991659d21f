//! The commands that only report.

mod doctor;
mod graph;
mod status;
