//! Errors of syncs, and those that belong to no domain.

use std::io;
use std::sync::Arc;

use sesame::engine::config::EngineError;
use sesame::engine::error::InspectError;
use sesame::model::engine_key::{EngineKey, Metering};
use sesame::model::fault::file_problem::FileProblem;
use sesame::model::plan::set_change::{GrantChanges, SetChange};
use sesame::model::plan::step::{BlobDescriptor, BlobRole, FetchSource, Step, StepKind, StepReason};
use sesame::model::report::extension::{GrantsReport, RemoveReport, Removed};
use sesame::model::report::sync::{
    ExtensionReport, ExtensionStatus, LockOutcome, LockReport, StepOutcome, StepReport, SyncOutcome, SyncReport,
};
use sesame::ops::error::project::ProjectError;
use sesame::ops::error::{Error, KeptEdit};
use sesame::store;

use super::verb_messages::{manifest, no_lock, problems};
use super::{Catalogue, digest, fault, home, name, profile, registry_messages};

fn damaged() -> store::Error {
    store::Error::Untrusted { path: home(".local/share/pds"), source: FileProblem::Link }
}

pub(super) fn render(catalogue: &mut Catalogue) {
    let unreadable = |source: Error| Error::UnreadableDependent { by: home("work/sesame.toml"), source: source.into() };
    catalogue.verb(EngineError("no compiler for this machine".into()));
    for error in [
        Error::Incomplete(Box::new(report(Some(7), true, true))),
        Error::Incomplete(Box::new(report(Some(7), true, false))),
        Error::Incomplete(Box::new(report(Some(7), false, true))),
        Error::Incomplete(Box::new(report(None, false, false))),
        Error::PutBack(Box::new(report(Some(7), true, true))),
        narrowed(SyncOutcome::Planned, no_lock().into()),
        narrowed(SyncOutcome::Done, Error::Incomplete(Box::new(report(Some(8), false, false)))),
        Error::Kept {
            edit: Box::new(KeptEdit::Removed(RemoveReport {
                removed: vec![Removed {
                    name: name("notes"),
                    file: "sesame.toml".into(),
                    kept: Some("notes.wasm".into()),
                }],
                lock: LockReport {
                    file: "sesame.lock".into(),
                    outcome: LockOutcome::Written,
                    stale: Default::default(),
                    changes: Vec::new(),
                    merged: Default::default(),
                    extensions: 1,
                    texts: None,
                },
                sync: None,
            })),
            refusal: Box::new(narrowed(SyncOutcome::Done, no_lock().into())),
        },
        Error::Kept {
            edit: Box::new(KeptEdit::Grants(GrantsReport {
                name: name("clock"),
                file: "sesame.toml".into(),
                changes: GrantChanges { removed: vec!["config-read".into()], ..GrantChanges::default() },
                capabilities: Vec::new(),
                sync: None,
            })),
            refusal: Box::new(no_lock().into()),
        },
        Error::NotPutBack { error: Box::new(no_lock().into()), undo: Box::new(damaged().into()) },
        unreadable(damaged().into()),
        unreadable(ProjectError::Problems(problems()).into()),
        Error::NoCodeFolder { source: Arc::new(damaged()) },
        Error::NoCodeFolder { source: Arc::new(store::Error::Interrupted { holder: "`sesame gc`".into() }) },
        Error::Bug("a component was not examined"),
        Error::Interrupted,
        Error::Runtime(io::Error::from_raw_os_error(libc::EAGAIN)),
    ] {
        catalogue.verb(error);
    }
}

/// A refused sync that narrowed the active set, or would.
fn narrowed(outcome: SyncOutcome, refusal: Error) -> Error {
    let kind = StepKind::Narrow { profile: profile(), generation: 8 };
    let step = Step { kind, extensions: vec![name("clock")], reason: StepReason::Undeclared };
    let removed = SetChange::Removed { name: name("notes"), source: "ghcr.io/my-org/notes:1.0.0".into() };
    let report = SyncReport {
        outcome,
        changes: vec![removed],
        steps: vec![StepReport { step, outcome: StepOutcome::Planned }],
        ..report(Some(8), false, false)
    };
    Error::Narrowed { refusal: Box::new(refusal), report: Box::new(report) }
}

/// A sync that failed for one of two extensions, and has perhaps fetched and compiled the other.
fn report(generation: Option<u64>, verified: bool, compiled: bool) -> SyncReport {
    let component = digest(1);
    let blob = BlobDescriptor { digest: component, role: BlobRole::Component { size: 70_000 } };
    let step = |kind, of: &str, outcome| StepReport {
        step: Step { kind, extensions: vec![name(of)], reason: StepReason::NotInStore },
        outcome,
    };
    let verify = StepKind::Verify { blob };
    let compile =
        StepKind::Compile { component, size: 70_000, engine: EngineKey::new([1; 16]), metering: Metering::Unmetered };
    let extension = |text: &str, status, faults| ExtensionReport {
        name: name(text),
        source: format!("ghcr.io/my-org/{text}:1.0.0"),
        component,
        capabilities: Vec::new(),
        status,
        faults,
    };
    let why = match compiled {
        true => Error::Unusable(InspectError::WitPackage.into()).fault(),
        false => fault(),
    };
    let fetch = StepKind::Fetch { blob, origin: FetchSource::Registry(registry_messages::reference()) };
    let failed = step(fetch, "notes", StepOutcome::Failed(why.clone()));
    let done = [verified.then_some(verify), compiled.then_some(compile)].into_iter().flatten();
    let done = done.map(|kind| step(kind, "clock", StepOutcome::Done));
    SyncReport {
        profile: profile(),
        manifest: manifest().to_string(),
        outcome: SyncOutcome::Failed,
        lock: None,
        generation,
        changes: Vec::new(),
        steps: done.chain([failed]).collect(),
        extensions: vec![
            extension("clock", ExtensionStatus::Ready, Vec::new()),
            extension("notes", ExtensionStatus::Failed, vec![why]),
        ],
        functions: None,
    }
}
