//! A change to the person's files and to what is active: both are made, or neither. Only an [`Error::Kept`] leaves the files
//! changed: of a removal or a revocation, for example, when the sync after it is refused.

use crate::model::manifest::Manifest;
use crate::model::name::ProfileName;
use crate::model::report::sync::SyncReport;
use crate::model::report::warning::Warning;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::profile::ProfileError;
use crate::ops::sync::options::{LockPolicy, SyncOptions, WriteMode};
use crate::ops::sync::sync_guarded;
use crate::store::{generations, write};

use super::undo::Undo;

/// What comes after an edit of the person's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterEdit {
    /// The set is made live.
    Sync,
    /// What is live stays as it is.
    Leave,
}

/// Takes steps that edit the person's files, and may end with activating a set. If one fails, the files are put back; if the
/// process is killed, the next `sync` completes what the files say by then. For whoever holds the store's guard.
pub(crate) fn all_or_nothing<T>(
    context: &Context,
    steps: impl FnOnce(&mut Undo) -> Result<T, Error>,
) -> Result<T, Error> {
    for folder in context.project.folders() {
        write::sweep(&folder)?;
    }
    let mut undo = Undo::default();
    match steps(&mut undo) {
        Ok(done) => {
            commit(context, undo);
            Ok(done)
        }
        Err(error @ Error::Kept { .. }) => {
            commit(context, undo);
            Err(error)
        }
        Err(error) => match undo.put_back() {
            Ok(()) => Err(match error {
                Error::Incomplete(report) => Error::PutBack(report),
                error => error,
            }),
            Err(undo) => Err(Error::NotPutBack { error: Box::new(error), undo: Box::new(undo) }),
        },
    }
}

fn commit(context: &Context, undo: Undo) {
    // What is left over is untidy, no more: the next change sweeps it.
    if let Err(error) = undo.commit() {
        context.warn(&[Warning::LeftOver { fault: error.fault() }]);
    }
}

/// Makes live what manifest and lock say by now.
pub(crate) fn activate(context: &Context, profile: Option<&ProfileName>) -> Result<SyncReport, Error> {
    sync_guarded(context, &SyncOptions::own(WriteMode::Write, LockPolicy::Locked, profile))
}

/// The same, if that is what comes then.
pub(crate) fn activate_if_synced(
    context: &Context,
    then: AfterEdit,
    profile: Option<&ProfileName>,
) -> Result<Option<SyncReport>, Error> {
    match then {
        AfterEdit::Sync => activate(context, profile).map(Some),
        AfterEdit::Leave => Ok(None),
    }
}

/// Refuses, before anything is asked or fetched, what the sync at the end would refuse: a live set of another manifest.
pub(crate) fn check_profile_manifest(
    context: &Context,
    profile: Option<&ProfileName>,
    manifest: &Manifest,
) -> Result<(), Error> {
    let profile = profile.or(manifest.profile.as_ref()).cloned().unwrap_or_default();
    match generations::active_generation(&context.paths, &profile)? {
        Some((_, live)) if !context.project.manages(&live) => {
            Err(ProfileError::other_manifest(profile, live.manifest, Vec::new()).into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fault::FaultKind;
    use crate::model::report::sync::SyncOutcome;
    use crate::ops::error::edit::EditError;
    use crate::ops::error::lock::LockError;
    use crate::ops::test_machine::TestMachine;

    const MACHINE: &str = "== project/sesame.toml ==\n[extensions]\n== project/extensions/notes.toml ==\n# notes\n";

    /// Writes, adds and removes files of the project, and then ends as it is told to.
    fn change(machine: &TestMachine, end: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        all_or_nothing(&machine.context, |undo| {
            undo.write(&machine.path("project/sesame.toml"), b"# changed\n")?;
            undo.write(&machine.path("project/new/file"), b"# new\n")?;
            undo.remove(&machine.path("project/extensions/notes.toml"))?;
            undo.remember(&machine.path("project/sesame.lock"))?;
            machine.write("project/sesame.lock", "version = 1\n");
            end()
        })
    }

    fn assert_as_before(machine: &TestMachine) {
        assert_eq!(machine.read("project/sesame.toml").unwrap(), "[extensions]\n");
        assert_eq!(machine.read("project/extensions/notes.toml").unwrap(), "# notes\n");
        assert!(!machine.path("project/new").exists() && !machine.path("project/sesame.lock").exists());
    }

    #[test]
    fn what_succeeds_stays() {
        let machine = TestMachine::new(MACHINE);
        change(&machine, || Ok(())).unwrap();
        assert_eq!(machine.read("project/sesame.toml").unwrap(), "# changed\n");
        assert_eq!(machine.read("project/new/file").unwrap(), "# new\n");
        assert!(machine.path("project/sesame.lock").exists() && machine.warnings().is_empty());
        // What was removed is not left over under another name either.
        assert_eq!(std::fs::read_dir(machine.path("project/extensions")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_left_over_is_warned_of() {
        let machine = TestMachine::new(MACHINE);
        let folder = machine.path("project/extensions");
        change(&machine, || {
            // What was moved aside cannot be removed as a file.
            let aside = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
            std::fs::remove_file(&aside).unwrap();
            std::fs::create_dir(&aside).unwrap();
            Ok(())
        })
        .unwrap();
        let warnings = machine.warnings();
        assert!(matches!(&warnings[..], [Warning::LeftOver { fault }] if fault.kind == FaultKind::Io), "{warnings:?}");
        assert_eq!(machine.read("project/sesame.toml").unwrap(), "# changed\n");
    }

    #[test]
    fn what_fails_leaves_every_file_as_it_was() {
        let machine = TestMachine::new(MACHINE);
        let error = change(&machine, || Err(machine.context.project.no_lock())).unwrap_err();
        assert!(matches!(error, Error::Lock(LockError::NoLock { .. })));
        assert_as_before(&machine);
    }

    #[test]
    fn a_sync_that_failed_in_part_says_that_the_files_were_put_back() {
        let machine = TestMachine::new(MACHINE);
        let report = SyncReport {
            profile: ProfileName::default(),
            manifest: String::new(),
            outcome: SyncOutcome::Failed,
            lock: None,
            generation: None,
            changes: Vec::new(),
            steps: Vec::new(),
            extensions: Vec::new(),
            functions: None,
        };
        let error = change(&machine, || Err(Error::Incomplete(Box::new(report)))).unwrap_err();
        assert!(matches!(error, Error::PutBack(_)));
        assert_as_before(&machine);
    }

    #[test]
    fn what_somebody_else_has_changed_is_not_written_over() {
        let machine = TestMachine::new(MACHINE);
        let error = change(&machine, || {
            machine.write("project/sesame.toml", "# theirs\n");
            Err(machine.context.project.no_lock())
        });
        let Err(Error::NotPutBack { error, undo }) = error else { panic!("{error:?}") };
        assert!(matches!(*error, Error::Lock(LockError::NoLock { .. })));
        assert!(matches!(*undo, Error::Edit(EditError::ChangedMeanwhile(_))));
        assert_eq!(machine.read("project/sesame.toml").unwrap(), "# theirs\n");
        // The others are as they were.
        assert_eq!(machine.read("project/extensions/notes.toml").unwrap(), "# notes\n");
        assert!(!machine.path("project/new").exists() && !machine.path("project/sesame.lock").exists());
    }
}
