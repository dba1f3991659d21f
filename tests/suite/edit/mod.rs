//! Changes to a project and the active set.

mod add_and_remove;
pub mod install;
mod grants;
mod upgrade;
