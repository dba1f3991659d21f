//! What extensions and projects may do on this machine.

pub mod grants;
mod named_files;
mod other_users;
mod protected_from_bundles;
mod protected_paths;
mod registry_rules;
