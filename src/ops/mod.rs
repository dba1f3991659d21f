//! The verbs. Each takes a [`context::Context`] and plain options, and gives a report or an [`error::Error`].
//!
//! `manifest → resolution → lock → (with inventory) plan → apply → report`: [`sync::lock`] makes the lock, [`sync`] plans, and
//! [`sync::apply`] runs the plan; async and compute meet there alone. [`edit`] changes a manifest or a lock and then does the
//! same, all or nothing. [`query`] only reports, [`run`] calls what is active, [`maintain`] looks after the store, [`bundle`]
//! carries a set to a machine without a network, [`publish`] is for authors. [`policy`] decides what extensions may do, for
//! all of them; [`project`] reads the files of a project.

pub mod bundle;
pub mod context;
pub mod edit;
pub mod error;
pub mod maintain;
pub mod policy;
pub mod project;
pub mod publish;
pub mod query;
pub mod run;
pub mod sync;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the bans are the program's")]
pub(crate) mod test_machine;
