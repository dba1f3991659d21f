//! The one test binary. `support` is the sealed sandbox and the registry that misbehaves on demand; each other
//! module tells the stories of one subject, with the real program.

#![allow(clippy::disallowed_methods, reason = "the bans are the program's")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test prints figures and stops where it is surprised")]

mod status;
mod support;

mod bundles;
mod call;
mod check;
mod code;
mod compiling;
mod components;
mod crashes;
mod credentials;
mod crowd;
mod demo;
mod doctor;
mod downloads;
mod editing;
mod faults;
mod figures;
mod formats;
mod fuzz_seeds;
mod gc;
mod generations;
mod glance;
mod grants;
mod graph;
mod hostile;
mod install;
mod instructions;
mod integrity;
mod invalid_files;
mod load;
mod lock;
mod machine;
mod manners;
mod merges;
mod named_files;
mod other_users;
mod output;
mod ownership;
mod picture;
mod places;
mod plans;
mod policies;
mod power;
mod protected;
mod push;
mod readme;
mod real_registry;
mod registries;
mod schemas;
mod shells;
mod sources;
mod sync;
mod values;
mod verify;
mod versions;
mod words;
