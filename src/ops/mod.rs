//! The verbs. Each takes a [`context::Context`] and plain options, and gives a report or an [`error::Error`].
//!
//! `manifest → resolution → lock → (with inventory) plan → apply → report`: [`lock`] makes the lock, [`sync`] plans
//! and applies, [`diff`] and [`init`] are small. async and compute meet in [`apply`] alone. [`install`] changes a manifest
//! and then does the same, and [`upgrade`](mod@upgrade) a lock; `change` is what makes both all or nothing. [`outdated`](mod@outdated), [`status`](mod@status),
//! [`graph`](mod@graph) and [`doctor`](mod@doctor) only tell.
//!
//! What is live is run from [`live`], which loads it into the host: [`call`] calls one function, and [`list`] only looks.
//! `compiler` hands components to the process that [`worker`] is. [`gc`] throws away. [`export`](mod@export) and
//! [`import`](mod@import) carry a whole set to a machine without a network. [`glance`] tells in a moment that
//! nothing is to be done. `permission` holds what extensions want against what they may, for all of them. [`push`]
//! publishes, and [`registry`] is about how registries let us in.

mod advice;
pub mod apply;
pub mod call;
pub mod change;
mod compiler;
mod compiler_process;
mod confine;
pub mod consent;
pub mod context;
pub mod diff;
pub mod doctor;
pub mod error;
pub mod examined;
pub mod export;
mod files;
pub mod folders;
mod frames;
pub mod gc;
pub mod generations;
pub mod glance;
pub mod graph;
pub mod import;
pub mod init;
pub mod install;
mod links;
pub mod list;
pub mod live;
pub mod lock;
pub mod outdated;
pub mod pages;
mod permission;
pub mod project;
pub mod push;
mod readers;
pub mod registry;
mod registry_advice;
pub mod rollback;
mod roots;
pub mod secrets;
pub mod status;
pub mod sync;
mod target;
mod trial;
mod undo;
pub mod upgrade;
pub mod verify;
pub mod wit;
pub mod worker;
