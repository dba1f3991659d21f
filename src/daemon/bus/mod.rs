//! The session bus: what others may ask of the host, and how the command line asks.
//!
//! | file | owns |
//! |---|---|
//! | `interface` | methods, signals and errors |
//! | `server` | the connection, the name, and what happens when either is lost |
//! | `link` | the connection that there is at the moment |
//! | `client` | calls of a host that runs in another process |
//! | `systemd` | what is asked of systemd |

pub mod client;
pub(super) mod interface;
pub(super) mod link;
pub(super) mod server;
pub(super) mod systemd;
