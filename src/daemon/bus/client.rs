//! Asks the host that runs in another process, which the bus starts if it has to.

use std::time::Duration;

use serde::de::DeserializeOwned;
use zbus::connection::Builder;
use zbus::{Connection, DBusError as _, Error};

use crate::daemon::error::DaemonError;
use crate::daemon::names::{BUS_NAME, INTERFACE, OBJECT_PATH};
use crate::host::values::Syntax;
use crate::model::report::host::{BackendReport, CallAnswer, HostStatusReport};
use crate::ops::context::Interrupt;
use crate::ops::run::call::CallOptions;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Calls a function of an extension in the host. `address` is that of the session bus. Starts a runtime of its own, so it must
/// not be called from async code.
///
/// # Errors
/// [`DaemonError::NotEnabled`] if there is no host and the bus cannot start one. Why the call itself failed is an answer.
pub fn call(
    address: &str,
    extension: &str,
    call: &CallOptions,
    interrupt: &Interrupt,
) -> Result<CallAnswer, DaemonError> {
    let syntax = match call.syntax {
        Syntax::Wave => "wave",
        Syntax::Json | Syntax::StrictJson => "json",
    };
    let arguments = (extension, call.function.as_str(), call.arguments.as_slice(), syntax);
    ask(address, "CallWithReport", &arguments, interrupt)
}

/// How the host does.
///
/// # Errors
/// As [`call`].
pub fn status(address: &str, interrupt: &Interrupt) -> Result<HostStatusReport, DaemonError> {
    ask(address, "Status", &(), interrupt)
}

/// Has the host try each backend.
///
/// # Errors
/// As [`call`].
pub fn test(address: &str, interrupt: &Interrupt) -> Result<Vec<BackendReport>, DaemonError> {
    ask(address, "Test", &(), interrupt)
}

/// Calls a method of the host whose answer is JSON.
fn ask<T: DeserializeOwned>(
    address: &str,
    method: &'static str,
    arguments: &(impl serde::Serialize + zbus::zvariant::DynamicType + Sync),
    interrupt: &Interrupt,
) -> Result<T, DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DaemonError::Thread)?;
    let answer = runtime.block_on(async {
        tokio::select! {
            biased;
            () = interrupt.wait() => Err(DaemonError::Verb(crate::ops::error::Error::Interrupted)),
            answer = send(address, method, arguments) => answer,
        }
    });
    runtime.shutdown_background();
    serde_json::from_str(&answer?).map_err(DaemonError::Answer)
}

async fn send(
    address: &str,
    method: &'static str,
    arguments: &(impl serde::Serialize + zbus::zvariant::DynamicType + Sync),
) -> Result<String, DaemonError> {
    let connection = connect(address).await?;
    let reply = connection.call_method(Some(BUS_NAME), OBJECT_PATH, Some(INTERFACE), method, arguments).await;
    let reply = reply.map_err(why_unanswered)?;
    reply.body().deserialize().map_err(DaemonError::Refused)
}

/// Connects to the bus, within a bounded time.
pub(in crate::daemon) async fn connect(address: &str) -> Result<Connection, DaemonError> {
    match tokio::time::timeout(CONNECT, Builder::address(address).build()).await {
        Ok(connection) => connection.map_err(|source| DaemonError::Bus { address: address.to_owned(), source }),
        Err(_) => Err(DaemonError::BusSilent { address: address.to_owned(), waited: CONNECT }),
    }
}

/// What an error of the bus means. dbus-daemon and dbus-broker say it in different words.
fn why_unanswered(error: Error) -> DaemonError {
    let (name, text) = match &error {
        Error::MethodError(name, text, _) => (name.to_string(), text.clone()),
        Error::FDO(error) => (error.name().to_string(), error.description().map(str::to_owned)),
        Error::InputOutput(_) => return DaemonError::Died,
        _ => return DaemonError::Refused(error),
    };
    match name.strip_prefix("org.freedesktop.DBus.Error.").unwrap_or_default() {
        "ServiceUnknown" => DaemonError::NotEnabled,
        "NoReply" | "Disconnected" => DaemonError::Died,
        // dbus-broker says the first of these whenever it could not start the host.
        "NameHasNoOwner" | "TimedOut" => DaemonError::NotStarted(text.unwrap_or(name)),
        spawn if spawn.starts_with("Spawn.") => DaemonError::NotStarted(text.unwrap_or(name)),
        _ => DaemonError::Refused(error),
    }
}
