//! Where the host finds everything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::clock::Clock;
use crate::ops::context::UserPaths;
use crate::store::paths::StorePaths;

use super::record::Echo;

/// Where the host finds everything. The library reads no environment: the program fills it in.
#[derive(Clone)]
pub struct DaemonEnvironment {
    pub paths: StorePaths,
    pub user: UserPaths,
    pub clock: Clock,
    /// The environment variables that may be granted, and those that say where the display is.
    pub variables: BTreeMap<String, String>,
    /// The session bus, as in `DBUS_SESSION_BUS_ADDRESS`.
    pub bus: String,
    /// This program, which the process that holds the clipboard is started from.
    pub program: PathBuf,
    /// Is given what the host says in its log.
    pub echo: Echo,
}
