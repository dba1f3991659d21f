//! What the host serves at one moment: the active set with every extension of it loaded, or the reason why nothing runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::daemon::refusal::{Withdrawal, whole_fault};
use crate::host::extension::Extension;
use crate::model::capability::without_grants;
use crate::model::fault::Fault;
use crate::model::manifest::Limits;
use crate::model::name::ExtensionName;
use crate::ops::run::active::ActiveSet;

pub(in crate::daemon) mod reload;
pub(in crate::daemon) mod watch;

/// What is served until something changes. What runs keeps what it was begun with.
pub(in crate::daemon) enum Serving {
    Set(Arc<ServedSet>),
    /// The active set or a policy cannot be read: nothing is known of what may run.
    Refusing(Fault),
}

/// An active set whose extensions were loaded.
pub(in crate::daemon) struct ServedSet {
    pub set: ActiveSet,
    /// Each, or why it cannot be run.
    pub extensions: BTreeMap<ExtensionName, Result<Extension, Fault>>,
}

impl ServedSet {
    /// Loads every extension of a set.
    pub(in crate::daemon) fn load(set: ActiveSet) -> Self {
        let loaded = set.extensions().iter().map(|active| {
            let loaded = set.load(&active.name).map_err(|error| whole_fault(&error));
            (active.name.clone(), loaded)
        });
        let extensions = loaded.collect();
        Self { set, extensions }
    }
}

impl Serving {
    /// Whether a call that was begun with `extension` may go on, and why not.
    pub(in crate::daemon) fn withdrawal(&self, name: &ExtensionName, extension: &Extension) -> Option<Withdrawal> {
        let Self::Set(served) = self else { return Some(Withdrawal::Refusing) };
        let Some(Ok(now)) = served.extensions.get(name) else { return Some(Withdrawal::Extension) };
        let (before, now) = (extension.settings(), now.settings());
        let lost = without_grants(&before.capabilities, &now.capabilities);
        let narrowed = !lost.is_empty() || exceeds(&before.limits, &now.limits);
        narrowed.then_some(Withdrawal::Narrowed)
    }

    /// The set, if there is one.
    pub(in crate::daemon) fn set(&self) -> Option<&ServedSet> {
        match self {
            Self::Set(served) => Some(served),
            Self::Refusing(_) => None,
        }
    }
}

/// Whether some limits allow more than others.
fn exceeds(limits: &Limits, others: &Limits) -> bool {
    let fuel = |limits: &Limits| limits.max_fuel.unwrap_or(u64::MAX);
    limits.memory_mib() > others.memory_mib() || limits.time_ms() > others.time_ms() || fuel(limits) > fuel(others)
}

/// Shared by everything that serves calls.
pub(in crate::daemon) type SharedServing = Arc<Serving>;
