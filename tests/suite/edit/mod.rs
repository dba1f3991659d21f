//! Changes to a project and the active set.

mod add_and_remove;
mod grants;
pub mod install;
mod upgrade;
