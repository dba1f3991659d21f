//! `sesame sync`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::profiles;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::active_set::{extension_table, held_summary, set_change, set_summary, summary, sync_summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::lock_changes::{capability_changes, lock_change, lock_text, merged, to_be_committed};
use crate::cli::render::plan::changes_and_steps;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::Verbosity;
use sesame::model::function_cache::FunctionCounts;
use sesame::model::lock::LockChange;
use sesame::model::name::{ExtensionName, ProfileName};
use sesame::model::plan::set_change::SetChange;
use sesame::model::report::maintain::gc::CacheSizes;
use sesame::model::report::sync::{LockOutcome, SyncOutcome, SyncReport};
use sesame::model::text::{count, size};
use sesame::ops::context::Context;
use sesame::ops::maintain::gc;
use sesame::ops::project::Project;
use sesame::ops::sync::narrow::warn_without_manifest;
use sesame::ops::sync::options::{LockPolicy, ProfileTakeover, SyncOptions, WriteMode};
use sesame::ops::sync::{self, noop_check};

#[derive(Debug, Clone, Args)]
pub struct SyncCommand {
    /// Fail if the lock is stale, instead of making it again
    #[arg(long, conflicts_with = "frozen")]
    pub locked: bool,
    /// Take the set from the lock as it stands, whatever the manifest and its files say by now
    #[arg(long)]
    pub frozen: bool,
    /// Change nothing, print the plan; exit with 1 if there is one
    #[arg(long)]
    pub check: bool,
    /// Change nothing, print the plan
    #[arg(long, conflicts_with = "check")]
    pub dry_run: bool,
    /// Take over a profile that another manifest made
    #[arg(long)]
    pub adopt: bool,
    /// The live set to change [default: the manifest's, or `default`]
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(profiles))]
    pub profile: Option<ProfileName>,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl SyncCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = self.context(invocation)?;
        let (options, output) = (self.options(), invocation.output);
        // The report of JSON, and of those who want to hear more, names every extension; the usual words do not.
        if options.mode == WriteMode::Write
            && !invocation.globals.json
            && !output.shows(Verbosity::Verbose)
            && let Some(answer) = noop_check::check_up_to_date(&context, &options)
        {
            output.say(Verbosity::Normal, &summary(&answer, "up to date:"));
            return Ok(CommandOutcome::Done);
        }
        let report = sync::sync(&context, &options)?;
        if options.mode == WriteMode::Preview {
            invocation.print_result(Data::Sync(&report), || plan(&report));
        } else {
            invocation.print_report(Data::Sync(&report), || words(&report));
            if output.shows(Verbosity::Verbose)
                && let Ok(sizes) = gc::cache_sizes(&context.paths)
            {
                output.say(Verbosity::Verbose, &caches(&sizes, report.functions));
            }
        }
        let differs = self.check && matches!(report.outcome, SyncOutcome::Planned | SyncOutcome::Held);
        Ok(if differs { CommandOutcome::Differs } else { CommandOutcome::Done })
    }

    /// Without a manifest nothing can be revoked, so it says what is still granted.
    fn context(&self, invocation: &Invocation<'_>) -> Result<Context, CommandError> {
        let environment = Environment::read()?;
        let search = environment.search(invocation.globals.manifest.clone());
        let (project, missing) = match Project::find(&search) {
            Ok(project) => (project, None),
            Err(error) => (Project::named_or_default(&search), Some(error)),
        };
        let context = invocation.context_of(environment, project, &self.resources)?;
        match missing {
            None => Ok(context),
            Some(error) => {
                warn_without_manifest(&context, &self.profile.clone().unwrap_or_default(), &error);
                Err(error.into())
            }
        }
    }

    fn options(&self) -> SyncOptions {
        SyncOptions {
            mode: if self.check || self.dry_run { WriteMode::Preview } else { WriteMode::Write },
            policy: match (self.locked, self.frozen) {
                (_, true) => LockPolicy::Frozen,
                (true, false) => LockPolicy::Locked,
                (false, false) => LockPolicy::Update,
            },
            ownership: if self.adopt { ProfileTakeover::Adopt } else { ProfileTakeover::Refuse },
            profile: self.profile.clone(),
        }
    }
}

/// What a sync did. An extension that changes in the lock and in the live set is told of once.
fn words(report: &SyncReport) -> String {
    let mut text = String::new();
    let lock = report.lock.as_ref().filter(|lock| lock.outcome == LockOutcome::Written);
    let changes = || lock.iter().flat_map(|lock| &lock.changes);
    let by_name: BTreeMap<&ExtensionName, &LockChange> = changes().map(|change| (&change.name, change)).collect();
    let changed: BTreeSet<&ExtensionName> = report.changes.iter().filter_map(SetChange::extension).collect();
    if let Some(lock) = lock {
        text.push_str(&merged(lock));
        let only_locked = changes().filter(|change| !changed.contains(&change.name));
        text.extend(only_locked.map(lock_change));
    }
    for change in &report.changes {
        text.push_str(&set_change(change));
        text.extend(change.extension().and_then(|name| by_name.get(name)).map(|change| capability_changes(change)));
    }
    let is_done = !matches!(report.outcome, SyncOutcome::UpToDate | SyncOutcome::Held);
    if is_done && text.is_empty() {
        text.push_str(&extension_table(&report.extensions));
    }
    text.extend(lock.map(to_be_committed));
    text.push_str(&sync_summary(report, "done:"));
    text
}

/// What a sync would do.
fn plan(report: &SyncReport) -> String {
    let mut text = String::new();
    if let Some(lock) = &report.lock {
        text.push_str(&lock_text(lock));
    }
    if report.outcome == SyncOutcome::UpToDate {
        let extensions = count(report.extensions.len(), "extension");
        let _ = writeln!(text, "nothing to do: {extensions} in profile `{}`", report.profile);
    }
    text.push_str(&changes_and_steps(report));
    if report.outcome == SyncOutcome::Held {
        text.push_str(&held_summary(&set_summary(report)));
    }
    text
}

/// What the caches hold, and how much that helped.
fn caches(sizes: &CacheSizes, functions: Option<FunctionCounts>) -> String {
    let helped = functions.map_or_else(String::new, |counts| {
        format!(
            "; {} % of {} were found",
            counts.percent(),
            count((counts.found + counts.compiled) as usize, "function")
        )
    });
    format!("cache: {}{helped}\n", size_words(sizes))
}

fn size_words(sizes: &CacheSizes) -> String {
    format!("{} of compiled code, {} of compiled functions", size(sizes.code.bytes), size(sizes.functions.bytes))
}
