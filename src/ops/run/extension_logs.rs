//! What extensions print: kept in a file for each, and read again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::host::backends::{Caller, LogBackend, LogSource};
use crate::model::name::{ExtensionName, ProfileName};
use crate::ops::error::Error;
use crate::store::paths::StorePaths;
use crate::store::{generations, logs};

/// The logs of the store, each opened when its extension first writes.
pub struct LogFiles {
    paths: StorePaths,
    open: Mutex<HashMap<String, Option<Arc<logs::LogFile>>>>,
}

impl LogFiles {
    pub fn new(paths: &StorePaths) -> Self {
        Self { paths: paths.clone(), open: Mutex::default() }
    }
}

impl LogBackend for LogFiles {
    fn line(&self, caller: &Caller, source: LogSource, text: &str) {
        let log = {
            let mut open = self.open.lock();
            let log = open.entry(caller.extension.to_string()).or_insert_with(|| {
                // Where there can be no log, the extension runs without one.
                let name: ExtensionName = caller.extension.parse().ok()?;
                logs::LogFile::open(&self.paths, &name).ok().map(Arc::new)
            });
            log.clone()
        };
        if let Some(log) = log {
            log.line(&source.to_string(), text);
        }
    }
}

/// What an extension has printed, the oldest line first; nothing if it is live and has printed nothing.
///
/// # Errors
/// [`ProfileError::NoExtension`](crate::ops::error::profile::ProfileError::NoExtension) if it has printed nothing and
/// is not live either, [`Error::Store`] if its log cannot be read.
pub fn log(paths: &StorePaths, profile: &ProfileName, name: &ExtensionName) -> Result<String, Error> {
    if let Some(text) = logs::read(paths, name)? {
        return Ok(text);
    }
    let extensions =
        generations::active_generation(paths, profile)?.map(|(_, live)| live.extensions).unwrap_or_default();
    if extensions.iter().any(|extension| extension.name == *name) {
        return Ok(String::new());
    }
    Err(Error::not_active(name, profile, &extensions))
}
