//! The interface of the host on the session bus. Each method hands over to the service at once, so that none waits for another.

use std::sync::Arc;

use serde_json::Value;
use zbus::interface;
use zbus::message::{Header, Message};
use zbus::names::ErrorName;
use zbus::object_server::SignalEmitter;

use crate::daemon::backends::desktop::Desktop;
use crate::daemon::backends::trial;
use crate::daemon::names::ERROR_PREFIX;
use crate::daemon::refusal::Refusal;
use crate::daemon::service::{CallRequest, Service};
use crate::daemon::status::StatusSource;
use crate::host::values::Syntax;
use crate::model::fault::{Fault, FaultKind};
use crate::model::report::host::{CallAnswer, CallFailure};
use crate::ops::run::call::CallOptions;

use super::link::without_nul;

/// The object on the bus.
pub(in crate::daemon) struct Extensions {
    pub service: Arc<Service>,
    pub status: Arc<StatusSource>,
    pub desktop: Desktop,
}

/// A failure as an error of D-Bus: its kind is in the name, its message and its hints are the text.
#[derive(Debug)]
pub(super) struct BusError {
    name: String,
    message: String,
}

#[interface(name = "io.github.scopecreep_zip.OpenSesame.Extensions1")]
impl Extensions {
    /// Calls a function of an extension. `arguments` is a JSON array, and so is what `sesame call --help` says of each type.
    #[zbus(out_args("result"))]
    async fn call(
        &self,
        extension: String,
        function: String,
        arguments: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, BusError> {
        let arguments = json_arguments(&arguments)?;
        let options = CallOptions { function, arguments, syntax: Syntax::StrictJson };
        let request = CallRequest { caller: sender(&header), extension, options };
        let report = self.service.call(request).await.map_err(|failure| BusError::new(&failure.fault))?;
        Ok(report.value.to_string())
    }

    /// The same for `sesame call`: arguments in `wave` or `json`, and an answer that has everything which it prints.
    #[zbus(out_args("answer"))]
    async fn call_with_report(
        &self,
        extension: String,
        function: String,
        arguments: Vec<String>,
        syntax: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, BusError> {
        let syntax = match syntax.as_str() {
            "wave" => Syntax::Wave,
            "json" => Syntax::Json,
            _ => return Err(BusError::from(Refusal::UnknownSyntax(syntax))),
        };
        let options = CallOptions { function, arguments, syntax };
        let request = CallRequest { caller: sender(&header), extension, options };
        let answer = match self.service.call(request).await {
            Ok(report) => CallAnswer::Returned { text: report.text.clone(), report },
            Err(failure) => CallAnswer::Failed(failure),
        };
        to_json(&answer)
    }

    /// The active extensions, their functions, and why some cannot be called: a JSON array.
    #[zbus(out_args("extensions"))]
    async fn list(&self) -> Result<String, BusError> {
        to_json(&self.status.extensions())
    }

    /// How the host does: a JSON object.
    #[zbus(out_args("status"))]
    async fn status(&self) -> Result<String, BusError> {
        to_json(&self.status.report())
    }

    /// Tries each backend once, and says how that went: a JSON array. Changes the clipboard, and shows a notification.
    #[zbus(out_args("backends"))]
    async fn test(&self) -> Result<String, BusError> {
        to_json(&trial::run(&self.desktop).await)
    }

    /// Another generation is active.
    #[zbus(signal)]
    pub(super) async fn activated(emitter: &SignalEmitter<'_>, generation: u64) -> zbus::Result<()>;

    /// An extension has published something. Every program of the session can receive it.
    #[zbus(signal)]
    pub(in crate::daemon) async fn message(
        emitter: &SignalEmitter<'_>,
        extension: &str,
        topic: &str,
        body: &[u8],
    ) -> zbus::Result<()>;
}

/// Who has sent a message.
fn sender(header: &Header<'_>) -> Option<String> {
    header.sender().map(|sender| sender.to_string())
}

/// The elements of a JSON array, each as JSON.
fn json_arguments(text: &str) -> Result<Vec<String>, Refusal> {
    if text.len() > crate::daemon::refusal::MAX_ARGUMENTS {
        return Err(Refusal::ArgumentsTooLarge { given: text.len() });
    }
    let values: Vec<Value> = serde_json::from_str(text).map_err(Refusal::NotAnArray)?;
    Ok(values.iter().map(Value::to_string).collect())
}

fn to_json(value: &impl serde::Serialize) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(|error| BusError {
        name: format!("{ERROR_PREFIX}{}", error_name(FaultKind::Bug)),
        message: format!("the answer cannot be written as JSON: {error}"),
    })
}

/// The last part of an error's name.
fn error_name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Bug => "Bug",
        FaultKind::Io => "Io",
        FaultKind::Integrity => "Integrity",
        FaultKind::Denied => "Denied",
        FaultKind::Data => "Data",
        FaultKind::Unavailable => "Unavailable",
        FaultKind::Missing => "Missing",
        FaultKind::Configuration => "Configuration",
        FaultKind::Usage => "Usage",
        FaultKind::Guest => "Guest",
        FaultKind::Interrupted => "Interrupted",
    }
}

impl BusError {
    fn new(fault: &Fault) -> Self {
        let hints = fault.hints.iter().map(|hint| format!("\nhint: {hint}"));
        Self {
            name: format!("{ERROR_PREFIX}{}", error_name(fault.kind)),
            message: fault.line() + &hints.collect::<String>(),
        }
    }
}

impl From<Refusal> for BusError {
    fn from(refusal: Refusal) -> Self {
        Self::new(&CallFailure::from(refusal).fault)
    }
}

impl zbus::DBusError for BusError {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&without_nul(&self.message))
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_str_unchecked(&self.name)
    }

    fn description(&self) -> Option<&str> {
        Some(&self.message)
    }
}
