//! `verify`: looks whether everything on the disk is what its name says and nobody else's, and mends it if asked to.
//!
//! Mending: what is wrong is put aside, what is needed is fetched again by its digest and compiled again. What cannot be made
//! again is left and named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::engine::key::engine_keys;
use crate::model::engine_key::EngineKeys;
use crate::model::fault::file_problem::FileProblem;
use crate::model::fault::hint::Remedy;
use crate::model::manifest::manifest_path::ManifestPath;
use crate::model::name::ExtensionName;
use crate::model::plan::step::StepKind;
use crate::model::plan::{ExtensionNeeds, Plan};
use crate::model::report::event::Event;
use crate::model::report::maintain::verify::{
    Finding, FindingFact, FindingKind, LeftReason, Repair, RepairOutcome, VerifiedCounts, VerifyReport,
};
use crate::model::report::sync::StepOutcome;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;
use crate::ops::policy::registries;
use crate::ops::project::Project;
use crate::ops::sync::apply::{ApplyContext, apply};
use crate::ops::sync::observe::look;
use crate::ops::sync::options::WriteMode;
use crate::store::blobs::Blobs;
use crate::store::integrity::fsck::{self, Stored, StoredFault, StoredKind};
use crate::store::integrity::scan::{CacheUpdates, ScanRequest};
use crate::store::integrity::{quarantine, store_permissions};
use crate::store::paths::StorePaths;
use crate::store::{self, generations, key, owner, write};

use super::gc_roots::{GcRoots, UnreadableRoot};

/// Looks at everything; with [`WriteMode::Write`] mends what it can.
///
/// # Errors
/// [`Error`] if it cannot be looked at. What is found wrong is in the report.
pub fn verify(context: &Context, mode: WriteMode) -> Result<VerifyReport, Error> {
    // The folders are mended here, where it is told.
    let _guard = (mode == WriteMode::Write).then(|| context.lock_store_unrepaired()).transpose()?;
    owner::check_store_owner(&context.paths)?;
    let mut verify = StoreCheck {
        context,
        mode,
        roots: GcRoots::default(),
        findings: Vec::new(),
        checked: VerifiedCounts::default(),
    };
    // What is in a folder that nobody can use is seen once somebody can.
    while verify.verify_folders() {
        if mode == WriteMode::Preview {
            return Ok(verify.report());
        }
    }
    let (roots, unread) = GcRoots::read_all(&context.paths)?;
    verify.roots = roots;
    verify.verify_key()?;
    verify.verify_generations(unread);
    verify.verify_files()?;
    verify.verify_needed()?;
    Ok(verify.report())
}

/// A file that is needed and is not there.
struct LostFile {
    kind: FindingKind,
    extensions: BTreeSet<ExtensionName>,
}

struct StoreCheck<'a> {
    context: &'a Context,
    mode: WriteMode,
    roots: GcRoots,
    findings: Vec<Finding>,
    checked: VerifiedCounts,
}

impl StoreCheck<'_> {
    fn paths(&self) -> &StorePaths {
        &self.context.paths
    }

    /// Notes what is wrong with a path, and how mending it ended, if that was asked for.
    fn record(
        &mut self,
        kind: FindingKind,
        path: &Path,
        what: FindingFact,
        mend: impl FnOnce() -> Result<Repair, Error>,
    ) {
        let outcome = match self.mode {
            WriteMode::Preview => RepairOutcome::Found,
            WriteMode::Write => match mend() {
                Ok(repair) => RepairOutcome::Repaired { repair },
                Err(error) => left(&what, &error),
            },
        };
        let path = path.display().to_string();
        self.findings.push(Finding { kind, path, what, extensions: Vec::new(), outcome });
    }

    fn report(mut self) -> VerifyReport {
        self.findings.sort_by(|a, b| (&a.path, a.kind).cmp(&(&b.path, b.kind)));
        VerifyReport { checked: self.checked, findings: self.findings }
    }

    /// Whether there was one more that nobody could use.
    fn verify_folders(&mut self) -> bool {
        let mut closed = false;
        for (folder, problem) in store_permissions::find_problems(self.paths()) {
            if self.findings.iter().any(|finding| Path::new(&finding.path) == folder) {
                continue;
            }
            closed |= matches!(problem, FileProblem::Closed { .. });
            self.record(
                FindingKind::Folder,
                &folder,
                FindingFact::File { problem: problem.clone() },
                || match problem {
                    FileProblem::WritableByOthers { .. } | FileProblem::Closed { .. } => {
                        write::make_private(&folder)?;
                        Ok(Repair::MadePrivate)
                    }
                    _ => Err(ProjectError::NotOurFolder(folder.clone()).into()),
                },
            );
        }
        closed
    }

    fn verify_key(&mut self) -> Result<(), Error> {
        let paths = self.paths().clone();
        if let Some(problem) = fsck::verify_key(&paths)? {
            self.record(FindingKind::Key, &paths.key(), FindingFact::File { problem }, || {
                if paths.key().symlink_metadata().is_ok() {
                    quarantine::move_to_quarantine(&paths, &paths.key())?;
                }
                key::read_or_create(&paths)?;
                for stored in fsck::list_files(&paths)?.iter().filter(|stored| stored.kind.is_tagged()) {
                    write::remove(&stored.path)?;
                }
                Ok(Repair::NewKey)
            });
        }
        Ok(())
    }

    fn verify_generations(&mut self, unread: Vec<UnreadableRoot>) {
        self.checked.generations = (self.roots.generations.len() + unread.len()) as u64;
        self.checked.locks = self.roots.locks.len() as u64;
        let paths = self.paths().clone();
        for UnreadableRoot { kind, path, is_live, error } in unread {
            self.record(kind, &path, fact(&error), || {
                // What another sesame wrote, what is in use and what cannot be read just now is not damaged.
                let is_damaged = match &error {
                    Error::Store(store::Error::BadGeneration { source, .. }) => !source.is_other_version(),
                    _ => path.is_symlink(),
                };
                if kind == FindingKind::Lock || is_live || !is_damaged || generations::is_in_use(&path) {
                    return Err(error);
                }
                put_aside(&paths, &path)
            });
        }
    }

    /// Looks at every file, on all cores.
    fn verify_files(&mut self) -> Result<(), Error> {
        let (context, paths) = (self.context, self.paths().clone());
        let files = fsck::list_files(&paths)?;
        for file in &files {
            match file.kind {
                StoredKind::Blob(_) => self.checked.blobs += 1,
                StoredKind::Code(..) => self.checked.code += 1,
                StoredKind::Partial | StoredKind::Functions(_) => continue,
            }
            self.checked.bytes += file.size;
        }
        let key = key::read(&paths)?;
        context.observer.notice(&Event::Checking { files: files.len() });
        let look = |file: &Stored| {
            if context.interrupt.is_set() {
                return Err(Error::Interrupted);
            }
            let wrong = fsck::verify_file(file, key.as_ref())?;
            context.observer.notice(&Event::Checked);
            Ok(wrong.map(|wrong| (file.clone(), wrong)))
        };
        let found: Result<Vec<(Stored, StoredFault)>, Error> =
            files.par_iter().filter_map(|file| look(file).transpose()).collect();
        context.observer.notice(&Event::Ended);
        for (file, wrong) in found? {
            self.verify_file(&file, wrong);
        }
        Ok(())
    }

    fn verify_file(&mut self, file: &Stored, wrong: StoredFault) {
        let kind = match file.kind {
            StoredKind::Blob(_) => FindingKind::Blob,
            StoredKind::Partial => FindingKind::Partial,
            StoredKind::Code(..) => FindingKind::Code,
            StoredKind::Functions(_) => FindingKind::Functions,
        };
        let (paths, path) = (self.paths().clone(), &file.path);
        let what = match &wrong {
            StoredFault::Exposed(problem) | StoredFault::Damaged(problem) => {
                FindingFact::File { problem: problem.clone() }
            }
        };
        self.record(kind, path, what, || match (&wrong, &file.kind) {
            (StoredFault::Exposed(_), StoredKind::Blob(digest)) => {
                quarantine::restore_privacy(path, digest)?;
                Ok(Repair::MadePrivate)
            }
            (StoredFault::Damaged(_), StoredKind::Blob(_)) => put_aside(&paths, path),
            _ => {
                quarantine::quarantine_obstacle(&paths, path)?;
                write::remove(path)?;
                Ok(Repair::Removed)
            }
        });
    }

    /// Looks whether all that generations and locks need is there, and gets what is not.
    fn verify_needed(&mut self) -> Result<(), Error> {
        let repairs = self.roots.needs();
        let is_live = |metering| repairs.values().flatten().any(|repair| repair.metering == Some(metering));
        let engines = engine_keys(is_live)?;
        let lost = self.find_lost(&repairs, &engines);
        for (path, LostFile { kind, extensions }) in &lost {
            let names: Vec<ExtensionName> = extensions.iter().cloned().collect();
            match self.findings.iter_mut().find(|finding| Path::new(&finding.path) == path) {
                Some(finding) => finding.extensions = names,
                None => self.findings.push(Finding {
                    kind: *kind,
                    path: path.display().to_string(),
                    what: FindingFact::File { problem: FileProblem::Missing },
                    extensions: names,
                    outcome: RepairOutcome::Found,
                }),
            }
        }
        if self.mode == WriteMode::Preview {
            return Ok(());
        }
        let mut failed: BTreeMap<PathBuf, RepairOutcome> = BTreeMap::new();
        for (manifest, repairs) in &repairs {
            self.repair(manifest, repairs, &engines, &mut failed)?;
        }
        for finding in &mut self.findings {
            let path = Path::new(&finding.path);
            match (failed.get(path), lost.get(path)) {
                (Some(left), _) => finding.outcome = left.clone(),
                (None, Some(lost)) => {
                    let is_code = lost.kind == FindingKind::Code;
                    let repair = if is_code { Repair::CompiledAgain } else { Repair::FetchedAgain };
                    finding.outcome = RepairOutcome::Repaired { repair };
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// What is needed and is not there, or not any more.
    fn find_lost(
        &self,
        repairs: &BTreeMap<ManifestPath, Vec<ExtensionNeeds>>,
        engines: &EngineKeys,
    ) -> BTreeMap<PathBuf, LostFile> {
        let mut lost: BTreeMap<PathBuf, LostFile> = BTreeMap::new();
        let bad: BTreeSet<&Path> = self.findings.iter().map(|finding| Path::new(&finding.path)).collect();
        let mut look = |kind: FindingKind, path: PathBuf, name: &ExtensionName| {
            let is_bad = bad.contains(path.as_path()) && self.mode == WriteMode::Preview;
            if is_bad || path.symlink_metadata().is_err() {
                lost.entry(path)
                    .or_insert_with(|| LostFile { kind, extensions: BTreeSet::new() })
                    .extensions
                    .insert(name.clone());
            }
        };
        for repair in repairs.values().flatten() {
            for blob in &repair.blobs {
                look(FindingKind::Blob, self.paths().blob(&blob.digest), &repair.name);
            }
            let engine = repair.metering.and_then(|metering| engines.get(metering));
            if let (Some(engine), Some(component)) = (engine, repair.blobs.last()) {
                look(FindingKind::Code, self.paths().code(engine, &component.digest), &repair.name);
            }
        }
        lost
    }

    /// Fetches and compiles what the extensions of one manifest lack.
    fn repair(
        &self,
        manifest: &ManifestPath,
        repairs: &[ExtensionNeeds],
        engines: &EngineKeys,
        failed: &mut BTreeMap<PathBuf, RepairOutcome>,
    ) -> Result<(), Error> {
        let project = Project::of_generation(manifest);
        // Without the manifest, registries are reached as this machine reaches them.
        let registries = project.read_manifest().map(|manifest| manifest.registries).unwrap_or_default();
        let context = Context { project, ..self.context.clone() };
        let code = repairs.iter().filter_map(|repair| {
            let component = repair.blobs.last()?.digest;
            Some((component, engines.get(repair.metering?)?.clone()))
        });
        let blobs = repairs.iter().flat_map(|repair| &repair.blobs).map(|blob| blob.digest).collect();
        let wanted = ScanRequest { blobs, code: code.collect(), engines: engines.clone() };
        let inventory = look(self.context, wanted, CacheUpdates::Write)?;
        let plan = Plan::for_needs(repairs, &inventory);
        if plan.is_empty() {
            return Ok(());
        }
        let registry = registries::source_selector(&context, &registries)?;
        let outcomes = apply(&ApplyContext::new(&context, Some(&registry), &Blobs::new(self.paths()), None), &plan)?;
        for ((_, step), outcome) in plan.steps().zip(outcomes) {
            let path = match &step.kind {
                StepKind::Fetch { blob, .. } | StepKind::Verify { blob } => self.paths().blob(&blob.digest),
                StepKind::Compile { component, engine, .. } => self.paths().code(engine, component),
                _ => continue,
            };
            match outcome {
                StepOutcome::Interrupted => return Err(Error::Interrupted),
                StepOutcome::Skipped => {
                    let reason = Some(LeftReason::InputMissing);
                    failed.entry(path).or_insert(RepairOutcome::Left { reason, remedies: Vec::new() });
                }
                StepOutcome::Failed(fault) => {
                    let (fault, remedies) = fault.into_remedies();
                    failed.insert(path, RepairOutcome::Left { reason: Some(LeftReason::Failed { fault }), remedies });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Moves a file to the folder for what is damaged.
fn put_aside(paths: &StorePaths, path: &Path) -> Result<Repair, Error> {
    let aside = quarantine::move_to_quarantine(paths, path)?;
    Ok(Repair::Quarantined { path: aside.display().to_string() })
}

/// What is wrong with a file of which an error tells.
fn fact(error: &Error) -> FindingFact {
    match error {
        Error::Project(ProjectError::Problems(problems)) => FindingFact::Problems { problems: problems.clone() },
        Error::Store(store::Error::BadGeneration { source, .. }) => FindingFact::Generation { problem: source.clone() },
        Error::Store(store::Error::UnknownActive { source, .. }) => FindingFact::Active { problem: source.clone() },
        error => FindingFact::Failed { fault: error.fault() },
    }
}

/// Why something was left as it is, unless that was said, and what to do about it.
fn left(what: &FindingFact, error: &Error) -> RepairOutcome {
    let (fault, own) = error.fault().into_remedies();
    let reason = (fact(error) != *what).then_some(LeftReason::Failed { fault });
    let remedies = match error {
        Error::Project(ProjectError::Problems(problems)) => {
            problems.iter().find_map(|problem| problem.help.clone()).map(Remedy::hint).into_iter().collect()
        }
        _ => own,
    };
    RepairOutcome::Left { reason, remedies }
}
