//! Changes to the files of a project and, with them, to the active set: both are made, or neither.

pub mod consent;
pub mod grants;
pub mod init;
pub mod install;
pub mod install_source;
pub mod manifest_files;
pub mod profiles;
pub mod remove;
pub mod transaction;
pub(crate) mod undo;
pub mod upgrade;
