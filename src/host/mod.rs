//! Running extensions: what a component may import, and instances that keep to their limits.
//!
//! The only room with `unsafe`, one function in [`load`]. Nothing here reads the store or the network.

pub mod backends;
pub mod extension;
pub mod functions;
pub mod grants;
pub mod limits;
pub mod linker;
pub mod load;
mod output;
pub mod state;
pub mod stop;
mod ticker;
pub mod values;
