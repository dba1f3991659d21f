//! The connection to the session bus that there is at the moment. It may be lost, and come back.

use std::sync::Arc;

use parking_lot::RwLock;
use zbus::Connection;

/// Shared by all that use the bus.
#[derive(Clone, Default)]
pub(in crate::daemon) struct BusLink(Arc<RwLock<Option<Connection>>>);

impl BusLink {
    pub(in crate::daemon) fn set(&self, connection: Option<Connection>) {
        *self.0.write() = connection;
    }

    /// # Errors
    /// A message for people, if there is none.
    pub(in crate::daemon) fn get(&self) -> Result<Connection, String> {
        self.0.read().clone().ok_or_else(|| "the host is not connected to the session bus".to_owned())
    }
}
