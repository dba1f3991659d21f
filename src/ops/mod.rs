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
