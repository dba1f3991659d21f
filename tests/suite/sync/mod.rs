//! `lock` and `sync`: what they resolve, plan, do and leave.

mod dry_run;
mod lock;
mod noop_check;
mod ownership;
mod plans;
mod sync_command;
mod versions;
