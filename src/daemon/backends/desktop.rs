//! What all backends use, and how each of them does its work: on the host's own runtime, within a bounded time.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::daemon::bus::link::BusLink;
use crate::daemon::record::Recorder;

use super::clipboard::process_link::Clipboard;
use super::health::{BackendHealth, BackendProblem};

/// How long a service of the desktop may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all backends need.
#[derive(Clone)]
pub(in crate::daemon) struct Desktop {
    pub runtime: Handle,
    pub link: BusLink,
    pub recorder: Arc<Recorder>,
    pub health: Arc<BackendHealth>,
    pub clipboard: Arc<Clipboard>,
}

impl Desktop {
    /// Does something on the host's own runtime, within [`PATIENCE`], and notes whether `backend` could be used.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        backend: &'static str,
        work: impl Future<Output = Result<T, BackendProblem>> + Send + 'static,
    ) -> Result<T, String> {
        // Not dropped when the time is up: half a message on the bus would be the end of the connection.
        let result = match tokio::time::timeout(PATIENCE, self.runtime.spawn(work)).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(BackendProblem::new("the host failed to ask it")),
            Err(_) => Err(BackendProblem::new(format!("it did not answer within {} s", PATIENCE.as_secs()))),
        };
        self.health.note(backend, result.as_ref().err());
        result.map_err(|problem| problem.message)
    }
}
