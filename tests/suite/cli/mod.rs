//! The commands as people and scripts use them.

mod add_and_remove;
mod demo;
mod doctor;
mod graph;
mod install;
mod output;
mod picture;
mod readme;
mod shells;
mod status;
mod transcripts;
