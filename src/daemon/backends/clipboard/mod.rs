//! `clipboard-write`.

pub(in crate::daemon) mod process_link;

use async_trait::async_trait;

use crate::host::backends::{Caller, ClipboardWrite};
use crate::model::audit::AuditAction;

use super::clipboard_process::MAX_TEXT;
use super::desktop::Desktop;
use super::health::CLIPBOARD;

/// The clipboard, for extensions.
pub(super) struct ClipboardCapability(Desktop);

impl ClipboardCapability {
    pub(super) fn new(desktop: &Desktop) -> Self {
        Self(desktop.clone())
    }
}

#[async_trait]
impl ClipboardWrite for ClipboardCapability {
    async fn write(&self, caller: &Caller, text: &str) -> Result<(), String> {
        if text.len() > MAX_TEXT {
            return Err(format!("the text has {} bytes; at most {MAX_TEXT} fit into the clipboard", text.len()));
        }
        let bytes = text.len() as u64;
        self.0.recorder.audit_call(caller, |by| AuditAction::ExtensionClipboardWritten { by, bytes })?;
        let (clipboard, link) = (self.0.clipboard.clone(), self.0.link.clone());
        let (text, is_secret) = (text.to_owned(), caller.has_read_secret);
        self.0.run(CLIPBOARD, async move { clipboard.set(&link, &text, is_secret).await }).await
    }
}
