//! The one test binary. `support` is the sealed sandbox and the registry that misbehaves on demand; each other
//! module tells the stories of one subject, with the real program.

mod support;

mod check;
mod demo;
mod integrity;
mod invalid_files;
mod layers;
mod load;
mod lock;
mod output;
mod ownership;
mod plans;
mod real_registry;
mod schemas;
mod sources;
mod sync;
