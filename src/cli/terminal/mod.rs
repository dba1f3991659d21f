//! The terminal and the process around it: what is written, asked and read there, and the environment.

pub mod consent;
pub mod environment;
pub mod guest_output;
pub mod output;
pub mod prompt;
