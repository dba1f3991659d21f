//! The one test binary. `support` is the sealed sandbox and the registry that misbehaves on demand; each other
//! module tells the stories of one subject, with the real program.

#![allow(clippy::disallowed_methods, reason = "the bans are the program's")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test prints figures and stops where it is surprised")]
#![allow(clippy::too_many_lines, reason = "a story is told in one go")]

mod support;

mod bundles;
mod cli;
mod code;
mod compiler;
mod daemon;
mod edit;
mod formats;
mod host;
mod measurements;
mod policy;
mod query;
mod registry;
mod store;
mod sync;
