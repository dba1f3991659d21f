//! What a run says while it goes on. `ops` emits events; `cli` turns them into lines, bars or nothing.

use std::time::Duration;

use crate::model::digest::Digest;
use crate::model::name::ExtensionName;
use crate::model::plan::{Plan, StepId};
use crate::model::report::warning::Warning;

/// Something that happened just now.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another process works on the same store.
    Waiting {
        holder: &'a str,
    },
    /// Tags are about to be asked for.
    Resolving {
        extensions: usize,
    },
    /// A tag was resolved.
    Resolved {
        name: &'a ExtensionName,
        reference: &'a str,
        provenance: Digest,
    },
    /// Tags of a repository are no versions, so that none of them can be chosen.
    PassedOver {
        name: &'a ExtensionName,
        tags: &'a [&'a str],
    },
    /// A plan begins to run.
    Started {
        plan: &'a Plan,
    },
    StepStarted {
        plan: &'a Plan,
        step: StepId,
    },
    /// Bytes of a fetch arrived.
    Received {
        step: StepId,
        bytes: u64,
    },
    /// A fetch starts over.
    Restarted {
        step: StepId,
    },
    StepDone {
        plan: &'a Plan,
        step: StepId,
        elapsed: Duration,
    },
    StepFailed {
        plan: &'a Plan,
        step: StepId,
        message: &'a str,
    },
    /// No step runs any more.
    Ended,
    /// A host was sent a request.
    Requested {
        /// The method and the URL, without its query.
        request: &'a str,
        /// The status and the protocol, or why there is none.
        outcome: &'a str,
    },
    /// Files of the store are about to be looked at.
    Checking {
        files: usize,
    },
    /// One of them was.
    Checked,
    /// A request failed and is sent again after a while.
    Retrying {
        host: &'a str,
        why: &'a str,
        wait: Duration,
        /// Which try again it is, from 1, and how many there are.
        number: usize,
        of: usize,
    },
    /// Something that the person should know and that stops nothing.
    Warning(&'a Warning),
}

/// Whoever listens. Called from several threads.
pub trait Observer: Send + Sync {
    fn notice(&self, event: &Event<'_>);
}

/// Listens to nothing.
pub struct NoObserver;

impl Observer for NoObserver {
    fn notice(&self, _: &Event<'_>) {}
}
