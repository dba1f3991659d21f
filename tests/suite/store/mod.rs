//! The store: what it holds whatever happens to it.

pub mod unusable_locations;
mod crashes;
mod concurrency;
mod gc;
mod generations;
pub mod integrity;
mod power_loss;
mod verify;
