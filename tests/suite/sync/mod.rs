//! `lock` and `sync`: what they resolve, plan, do and leave.

mod dry_run;
mod lock;
mod narrowing;
mod noop_check;
mod other_names;
mod ownership;
mod plans;
mod sync_command;
mod versions;
