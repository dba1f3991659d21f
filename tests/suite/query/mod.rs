//! The commands that only report.

mod agreement;
mod doctor;
mod graph;
mod status;
mod tags;
mod why;
