//! The store: what it holds whatever happens to it.

mod concurrency;
mod crashes;
mod gc;
mod generations;
pub mod integrity;
mod power_loss;
mod profiles;
mod purge;
pub mod unusable_locations;
mod verify;
