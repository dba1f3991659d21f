//! The verbs. Each takes a [`context::Context`] and plain options, and gives a report or an [`error::Error`].
//!
//! `manifest → resolution → lock → (with inventory) plan → apply → report`: [`lock`] makes the lock, [`sync`] plans
//! and applies, [`diff`] and [`init`] are small. async and compute meet in [`apply`] alone.

mod advice;
pub mod apply;
pub mod context;
pub mod diff;
pub mod error;
pub mod init;
pub mod load;
pub mod lock;
pub mod project;
pub mod sync;
mod target;
