//! The connection to the session bus that there is at the moment. It may be lost, and come back.

use std::sync::Arc;

use parking_lot::RwLock;
use zbus::Connection;

/// Shared by all that use the bus.
#[derive(Clone)]
pub(in crate::daemon) struct BusLink(Arc<Link>);

struct Link {
    address: String,
    connection: RwLock<Option<Connection>>,
}

impl BusLink {
    /// Not connected yet.
    pub(in crate::daemon) fn new(address: &str) -> Self {
        Self(Arc::new(Link { address: address.to_owned(), connection: RwLock::new(None) }))
    }

    pub(in crate::daemon) fn address(&self) -> &str {
        &self.0.address
    }

    pub(in crate::daemon) fn set(&self, connection: Option<Connection>) {
        *self.0.connection.write() = connection;
    }

    /// # Errors
    /// A message for people, if there is none.
    pub(in crate::daemon) fn get(&self) -> Result<Connection, String> {
        self.0.connection.read().clone().ok_or_else(|| "the host is not connected to the session bus".to_owned())
    }
}

/// A text without NUL, which D-Bus cannot carry: the bus closes the connection of a program that sends one.
pub(in crate::daemon) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
