//! What the host writes down: the audit log, and its own log for people.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Clock;
use crate::host::backends::Caller;
use crate::host::observer::{CallEnd, CallObserver, EndedCall};
use crate::model::audit::{ActivatedExtension, AuditAction, AuditedCall, agent_id};
use crate::model::fault::line;
use crate::store::audit_log::AuditLog;
use crate::store::logs::LogFile;
use crate::store::paths::StorePaths;

use super::serving::{ServedSet, Serving};
use call_counts::CallCounter;

mod call_counts;

/// Is given what is written to the host's log, as it is written.
pub type Echo = Arc<dyn Fn(&str) + Send + Sync>;

/// Writes things down.
pub(in crate::daemon) struct Recorder {
    audit: AuditLog,
    /// None where it cannot be written.
    log: Option<LogFile>,
    clock: Clock,
    echo: Echo,
    /// What the person should know at once.
    notices: UnboundedSender<String>,
    pub(in crate::daemon) counts: CallCounter,
}

impl Recorder {
    pub(in crate::daemon) fn new(
        paths: &StorePaths,
        clock: Clock,
        echo: Echo,
        notices: UnboundedSender<String>,
    ) -> Self {
        let log = LogFile::of_host(paths).ok();
        Self { audit: AuditLog::new(paths), log, clock, echo, notices, counts: CallCounter::default() }
    }

    /// Says something in the host's log.
    pub(in crate::daemon) fn say(&self, text: &str) {
        if let Some(log) = &self.log {
            log.line("host", text);
        }
        (self.echo)(text);
    }

    /// Adds a record of what an extension does to the audit log.
    ///
    /// # Errors
    /// A message for the guest. What cannot be recorded must not be done.
    pub(in crate::daemon) fn audit_call(
        &self,
        caller: &Caller,
        action: impl FnOnce(AuditedCall) -> AuditAction,
    ) -> Result<(), String> {
        let by =
            AuditedCall { extension: caller.extension.to_string(), component: caller.component, call: caller.call };
        self.audit(Some(&caller.extension), action(by))
    }

    /// Adds a record.
    fn audit(&self, extension: Option<&str>, action: AuditAction) -> Result<(), String> {
        self.audit.record(self.clock.now_ms(), extension.map(agent_id), action).map_err(|error| {
            self.say(&format!("the audit log cannot be written: {}", line(&error)));
            "the host cannot record it in its audit log".to_owned()
        })
    }

    /// A call was refused, or ended because of what was withdrawn.
    pub(in crate::daemon) fn refused(&self, extension: &str, function: &str, reason: &str) {
        self.counts.refused(extension);
        let action = AuditAction::ExtensionCallRefused {
            extension: shown(extension),
            function: shown(function),
            reason: reason.to_owned(),
        };
        // It is refused, whether that can be recorded or not.
        let _ = self.audit(Some(extension), action);
    }

    /// Something else is served from now on.
    pub(in crate::daemon) fn serves(&self, before: Option<&Serving>, now: &Serving) {
        let served = match now {
            Serving::Set(served) => served,
            Serving::Refusing(fault) => {
                if !matches!(before, Some(Serving::Refusing(before)) if before == fault) {
                    self.warn(&[format!("every call is refused: {}", fault.line())]);
                }
                return;
            }
        };
        let number = |serving: &Serving| serving.set().and_then(|served| served.set.number());
        if before.and_then(number) != served.set.number() {
            self.activated(served);
        }
        let mut problems = Vec::new();
        for (name, loaded) in &served.extensions {
            let Err(refused) = loaded else { continue };
            let known = before.and_then(Serving::set).and_then(|before| before.extensions.get(name));
            if !matches!(known, Some(Err(known)) if known == refused) {
                problems.push(format!("`{name}` is refused: {}", refused.line()));
            }
        }
        self.warn(&problems);
    }

    /// Says what is refused in the log, and in one notification.
    fn warn(&self, problems: &[String]) {
        for problem in problems {
            self.say(problem);
        }
        if !problems.is_empty() {
            // It fails only while the host ends.
            let _ = self.notices.send(problems.join("\n"));
        }
    }

    /// A set is served from now on.
    fn activated(&self, served: &ServedSet) {
        let Some(generation) = served.set.number() else { return };
        let active = served.set.extensions().iter();
        let extensions = active
            .map(|active| ActivatedExtension { name: active.name.clone(), component: active.component })
            .collect();
        let profile = served.set.profile().clone();
        self.say(&format!("serving generation {generation} of profile {profile}"));
        let _ = self.audit(None, AuditAction::ExtensionsActivated { profile, generation, extensions });
    }
}

impl CallObserver for Recorder {
    fn began(&self, caller: &Caller, function: Option<&str>) {
        self.counts.began(caller, function);
    }

    fn ended(&self, caller: &Caller, function: Option<&str>, call: &EndedCall) {
        self.counts.ended(caller, function, call);
        if let CallEnd::Stopped(stop) = &call.outcome {
            let function = function.unwrap_or_default().to_owned();
            let reason = stop.to_string();
            // It has been stopped, whether that can be recorded or not.
            let _ = self.audit_call(caller, |by| AuditAction::ExtensionStopped { by, function, reason });
        }
    }
}

/// A name that a caller made up, no longer than names are.
fn shown(name: &str) -> String {
    name.chars().take(200).collect()
}
