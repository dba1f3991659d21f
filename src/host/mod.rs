//! Running extensions: what a component may import, and making running code of compiled code.
//!
//! The only room with `unsafe`, one function in [`load`]. Nothing here reads the store or the network.

pub mod grants;
pub mod load;
