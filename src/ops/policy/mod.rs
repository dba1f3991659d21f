//! What extensions may do: grants, limits and sources against the machine's policy, and which folders are never given.

pub(crate) mod checks;
pub mod folder_checks;
pub mod preopen_rules;
pub mod preopens;
pub(crate) mod protected_paths;
pub(crate) mod registries;
