//! Registries: what is asked of them, what they answer, and who gets which credential.

mod credentials;
mod downloads;
mod faults;
mod interoperability;
pub mod login;
mod push;
mod real_registry;
mod sources;
