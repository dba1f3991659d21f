//! The place on the disk for what is fetched. Verifies nothing.

use crate::model::digest::Digest;
use crate::model::plan::StepId;
use crate::model::report::event::Event;
use crate::ops::context::Context;
use crate::registry::source::{Sink, SinkClosed};
use crate::store;
use crate::store::blobs::Staging;

/// Passes what is fetched on to its place on the disk.
pub(super) struct StagingSink<'a> {
    pub staging: Staging,
    pub context: &'a Context,
    pub step: StepId,
    /// Why the last write failed.
    pub fault: Option<store::Error>,
}

impl StagingSink<'_> {
    /// Takes the whole of a blob, whatever is there.
    pub fn replace(&mut self, bytes: &[u8]) -> Result<(), SinkClosed> {
        if self.size() > 0 {
            self.restart()?;
        }
        self.write(bytes)
    }
}

impl Sink for StagingSink<'_> {
    fn size(&self) -> u64 {
        self.staging.size()
    }

    fn digest(&self) -> Digest {
        self.staging.digest()
    }

    fn restart(&mut self) -> Result<(), SinkClosed> {
        self.context.observer.notice(&Event::Restarted { step: self.step });
        self.staging.restart().map_err(|fault| {
            self.fault = Some(fault);
            SinkClosed
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkClosed> {
        self.staging.write(bytes).map_err(|fault| {
            self.fault = Some(fault);
            SinkClosed
        })?;
        self.context.observer.notice(&Event::Received { step: self.step, bytes: bytes.len() as u64 });
        Ok(())
    }
}
