//! The host's connection to the session bus: serves first, then takes the name, and connects again when the bus comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::watch;
use zbus::Connection;
use zbus::connection::Builder;
use zbus::fdo::{DBusProxy, RequestNameFlags};
use zbus::object_server::SignalEmitter;
use zbus::proxy::CacheProperties;

use crate::daemon::error::DaemonError;
use crate::daemon::names::{BUS_NAME, OBJECT_PATH};
use crate::daemon::service::Service;
use crate::ops::context::Interrupt;

use super::client::connect;
use super::interface::Extensions;
use super::link::BusLink;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the host waits for a bus that was lost, before it ends: then the session has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// Why a connection is of no more use.
enum Ended {
    Interrupted,
    BusLost,
}

/// What the host serves on the bus, made anew for each connection.
pub(in crate::daemon) struct BusServer<F> {
    pub link: BusLink,
    pub service: Arc<Service>,
    /// Makes the object.
    pub object: F,
    /// Called whenever the host has its name.
    pub ready: Box<dyn Fn() + Send + Sync>,
}

impl<F: Fn() -> Extensions + Send + Sync> BusServer<F> {
    /// Serves until it is interrupted.
    ///
    /// # Errors
    /// [`DaemonError`] if there is no bus, or another process has the name.
    pub(in crate::daemon) async fn run(&self, interrupt: &Interrupt) -> Result<(), DaemonError> {
        let mut lost: Option<Instant> = None;
        loop {
            match self.serve(interrupt).await {
                Ok(Ended::Interrupted) => return Ok(()),
                Ok(Ended::BusLost) => lost = Some(Instant::now()),
                Err(error) => match lost {
                    Some(since) if since.elapsed() < PATIENCE && error.is_of_bus() => {}
                    _ => return Err(error),
                },
            }
            self.link.set(None);
            tokio::select! {
                () = interrupt.wait() => return Ok(()),
                () = tokio::time::sleep(BETWEEN_TRIES) => {}
            }
        }
    }

    async fn serve(&self, interrupt: &Interrupt) -> Result<Ended, DaemonError> {
        let failed = |source| DaemonError::Bus { address: self.link.address().to_owned(), source };
        let connecting = Builder::address(self.link.address()).serve_at(OBJECT_PATH, (self.object)()).build();
        let connection = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(connection) => connection.map_err(failed)?,
            Err(_) => return Err(DaemonError::BusSilent { address: self.link.address().to_owned(), waited: CONNECT }),
        };
        let dbus =
            DBusProxy::builder(&connection).cache_properties(CacheProperties::No).build().await.map_err(failed)?;
        // It is read without a pause below: a stream that is not read stops every reply of its connection.
        let mut names = dbus.receive_name_lost_with_args(&[(0, BUS_NAME)]).await.map_err(failed)?;
        match connection.request_name_with_flags(BUS_NAME, RequestNameFlags::DO_NOT_QUEUE).await {
            Ok(_) => {}
            Err(zbus::Error::NameTaken) => return Err(DaemonError::NameTaken { process: owner(&dbus).await }),
            Err(error) => return Err(failed(error)),
        }
        self.link.set(Some(connection.clone()));
        (self.ready)();
        let lost = async {
            // The stream ends with the connection, which is noticed by itself.
            if names.next().await.is_none() {
                std::future::pending().await
            }
        };
        let ended = tokio::select! {
            () = interrupt.wait() => Ended::Interrupted,
            () = connection.closed() => Ended::BusLost,
            () = lost => return Err(DaemonError::NameLost),
            () = announce(&connection, self.service.activations()) => Ended::BusLost,
            () = follow_callers(self.link.address(), &self.service) => Ended::BusLost,
        };
        self.link.set(None);
        Ok(ended)
    }
}

/// Says on the bus which generation is active, whenever it changes. Ends only if the service does.
async fn announce(connection: &Connection, mut activations: watch::Receiver<Option<u64>>) {
    let Ok(emitter) = SignalEmitter::new(connection, OBJECT_PATH) else { return std::future::pending().await };
    activations.mark_changed();
    while activations.changed().await.is_ok() {
        let generation = *activations.borrow_and_update();
        if let Some(generation) = generation {
            // Where it cannot be said, the connection is about to be closed.
            let _ = Extensions::activated(&emitter, generation).await;
        }
    }
    std::future::pending().await
}

/// Ends the calls of programs that have left the bus. Ends when the bus does.
async fn follow_callers(address: &str, service: &Service) {
    // A connection of its own: many programs come and go on a busy bus.
    let leaving = async {
        let connection = connect(address).await.ok()?;
        let dbus = DBusProxy::builder(&connection).cache_properties(CacheProperties::No).build().await.ok()?;
        let mut changes = dbus.receive_name_owner_changed_with_args(&[(2, "")]).await.ok()?;
        while let Some(change) = changes.next().await {
            if let Ok(change) = change.args()
                && change.name().starts_with(':')
            {
                service.caller_gone(change.name());
            }
        }
        Some(())
    };
    if leaving.await.is_none() {
        // Without it, calls run to their end.
        std::future::pending().await
    }
}

/// The process that has the name.
async fn owner(dbus: &DBusProxy<'_>) -> Option<u32> {
    let name = BUS_NAME.try_into().ok()?;
    dbus.get_connection_unix_process_id(name).await.ok()
}
