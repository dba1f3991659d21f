//! `lock` and `sync`: what they resolve, plan, do and leave.

mod check;
mod lock;
pub mod noop_check;
mod ownership;
mod plans;
mod sync_command;
mod versions;
