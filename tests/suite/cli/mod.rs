//! The commands as people and scripts use them.

mod completions_and_man;
mod demo;
mod output;
mod readme;
mod readme_picture;
mod transcripts;
mod warnings;
