//! Small backends for development: what a guest asks of the desktop is printed on standard error, one line each.

use std::sync::Arc;

use async_trait::async_trait;

use sesame::host::backends::{Backends, Caller, ClipboardWrite, IpcPublish, LogBackend, LogSource, Notification};
use sesame::model::text::{count, escape};
use sesame::ops::run::extension_logs::LogFiles;
use sesame::ops::run::secrets::SecretsFile;

use super::output::{Output, Verbosity};

/// Backends that print. `log` says whether what an extension logs is printed, and where it is kept besides.
pub fn console_backends(output: &Output, secrets: Option<Arc<SecretsFile>>, log: Option<Option<LogFiles>>) -> Backends {
    let printed = Arc::new(Printed(output.clone()));
    Backends {
        secret_read: secrets.clone().map(|secrets| secrets as _),
        secret_write: secrets.map(|secrets| secrets as _),
        ipc_publish: Some(printed.clone()),
        clipboard_write: Some(printed.clone()),
        notification: Some(printed),
        log: log.map(|kept| Arc::new(ConsoleLog { output: output.clone(), kept }) as _),
    }
}

/// Prints what would be done.
struct Printed(Output);

impl Printed {
    fn print(&self, what: &str, caller: &Caller, text: &str) {
        self.0.say(Verbosity::Quiet, &format!("{what} from {}: {text}\n", escape(&caller.extension)));
    }
}

#[async_trait]
impl ClipboardWrite for Printed {
    async fn write(&self, caller: &Caller, text: &str) -> Result<(), String> {
        self.print("clipboard", caller, &escape(text));
        Ok(())
    }
}

#[async_trait]
impl Notification for Printed {
    async fn show(&self, caller: &Caller, title: &str, body: &str) -> Result<(), String> {
        self.print("notification", caller, &format!("{}: {}", escape(title), escape(body)));
        Ok(())
    }
}

#[async_trait]
impl IpcPublish for Printed {
    async fn publish(&self, caller: &Caller, topic: &str, payload: &[u8]) -> Result<(), String> {
        let shown = match std::str::from_utf8(payload) {
            Ok(text) => escape(text).into_owned(),
            Err(_) => count(payload.len(), "byte"),
        };
        self.print("message", caller, &format!("{}: {shown}", escape(topic)));
        Ok(())
    }
}

/// Shows what an extension logs, and keeps it if it has a log.
struct ConsoleLog {
    output: Output,
    kept: Option<LogFiles>,
}

impl LogBackend for ConsoleLog {
    fn line(&self, caller: &Caller, source: LogSource, text: &str) {
        if let Some(kept) = &self.kept {
            kept.line(caller, source, text);
        }
        self.output.say(Verbosity::Normal, &format!("{source:<6}  {text}\n"));
    }
}
