//! The store: what it holds whatever happens to it.

pub mod bad_places;
mod crashes;
mod crowd;
mod gc;
mod generations;
pub mod integrity;
mod power;
mod verify;
