//! The commands as people and scripts use them.

mod demo;
mod output;
mod readme_picture;
mod readme;
mod completions_and_man;
mod transcripts;
