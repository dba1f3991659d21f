//! Reports about what is declared, locked, stored and active. Nothing here changes anything but `generations delete`.

pub(crate) mod annotations;
pub mod doctor;
pub mod generations;
pub mod graph;
pub mod list;
pub(crate) mod machine_checks;
pub mod outdated;
pub mod profiles;
pub mod status;
pub mod tags;
pub mod why;
