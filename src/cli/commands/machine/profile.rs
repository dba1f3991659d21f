//! `sesame profile`: list, delete and rename.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::profiles as known_profiles;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ConfirmOption, ResourceOptions};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::{headed_table, table};
use crate::cli::terminal::consent::ask;
use crate::cli::terminal::environment::Environment;
use sesame::model::name::ProfileName;
use sesame::model::report::query::profiles::{
    ActiveProfile, DeclaredProfile, DeletedProfilesReport, ListedProfile, ProfilesReport, RenamedProfileReport,
};
use sesame::model::text::{count, escape};
use sesame::ops::edit::profiles::{delete, rename};
use sesame::ops::query::profiles::profiles;

#[derive(Debug, Clone, Subcommand)]
pub enum ProfileSubcommand {
    /// List the profiles of this machine, with the manifest that made each
    #[command(alias = "ls")]
    List,
    /// Delete profiles with all their generations
    Delete(DeleteCommand),
    /// Rename a profile; in the project whose manifest made it, its `profile` is changed too
    Rename(RenameCommand),
}

#[derive(Debug, Clone, Args)]
pub struct DeleteCommand {
    /// Their names
    #[arg(value_name = "NAME", required = true, add = ArgValueCandidates::new(known_profiles))]
    pub names: Vec<ProfileName>,
    #[command(flatten)]
    pub confirm: ConfirmOption,
}

#[derive(Debug, Clone, Args)]
pub struct RenameCommand {
    /// Its name
    #[arg(value_name = "OLD", add = ArgValueCandidates::new(known_profiles))]
    pub from: ProfileName,
    /// Its new name
    #[arg(value_name = "NEW")]
    pub to: ProfileName,
}

impl ProfileSubcommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::List => {
                let report = profiles(&Environment::read()?.paths)?;
                invocation.print_answer(Data::Profiles(&report), || words(&report));
            }
            Self::Delete(command) => {
                let context = invocation.context_or_default(&ResourceOptions::default())?;
                let consent = |profiles: &[ListedProfile]| {
                    ask(&question(profiles), command.confirm.yes, invocation.output, &context.interrupt)
                };
                let report = delete(&context, &command.names, &consent)?;
                invocation.print_report(Data::DeletedProfiles(&report), || deleted(&report));
            }
            Self::Rename(RenameCommand { from, to }) => {
                let context = invocation.context_or_default(&ResourceOptions::default())?;
                let report = rename(&context, from, to)?;
                invocation.print_report(Data::RenamedProfile(&report), || renamed(&report));
            }
        }
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &ProfilesReport) -> String {
    if report.profiles.is_empty() {
        return "there are no profiles; `sesame sync` creates one\n".to_owned();
    }
    let head = ["profile", "generation", "extensions", "manifest", ""];
    headed_table(&head, report.profiles.iter().map(row))
}

fn row(profile: &ListedProfile) -> Vec<String> {
    let name = profile.name.to_string();
    match (&profile.active, &profile.fault) {
        (Some(active), _) => {
            let (generation, extensions) = (active.generation.to_string(), active.extensions.to_string());
            vec![name, generation, extensions, escape(&active.manifest.to_string()).into_owned(), note(active)]
        }
        (None, Some(fault)) => {
            vec![name, "-".to_owned(), "-".to_owned(), "-".to_owned(), escape(&fault.line()).into_owned()]
        }
        (None, None) => {
            vec![name, "-".to_owned(), "0".to_owned(), "-".to_owned(), "nothing is active".to_owned()]
        }
    }
}

/// What else is to be known of it.
fn note(active: &ActiveProfile) -> String {
    let declares = match &active.declares {
        DeclaredProfile::This => None,
        DeclaredProfile::Other { profile } => Some(format!("its manifest declares `{profile}`")),
        DeclaredProfile::NoManifest => Some("its manifest is gone".to_owned()),
        DeclaredProfile::Unknown => Some("its manifest cannot be read".to_owned()),
    };
    let held = active.is_held.then(|| "held".to_owned());
    held.into_iter().chain(declares).collect::<Vec<_>>().join("; ")
}

fn question(profiles: &[ListedProfile]) -> String {
    let rows = profiles.iter().map(|profile| {
        let extensions = profile.active.as_ref().map_or(0, |active| active.extensions);
        let active = format!("{} active", count(extensions, "extension"));
        vec![profile.name.to_string(), active, count(profile.generations, "generation")]
    });
    let them = if profiles.len() == 1 { "this profile" } else { "these profiles" };
    format!("{}delete {them}? [y/N] ", table(rows))
}

fn deleted(report: &DeletedProfilesReport) -> String {
    let names: Vec<String> = report.deleted.iter().map(|name| format!("`{name}`")).collect();
    let (deleted, hint) = (Style::good("deleted"), Style::hint("hint: "));
    format!("{deleted} profile {}\n  {hint}`sesame gc` removes what only it needed\n", names.join(", "))
}

fn renamed(report: &RenamedProfileReport) -> String {
    let RenamedProfileReport { from, to, file, still_declared_by } = report;
    let mut text = format!("{} profile `{from}` to `{to}`\n", Style::good("renamed"));
    if let Some(file) = file {
        text.push_str(&format!("{} {}\n", Style::good("wrote"), escape(file)));
    }
    if let Some(manifest) = still_declared_by {
        let manifest = escape(&manifest.to_string()).into_owned();
        text.push_str(&format!(
            "  {}{manifest} still declares `{from}`; write `profile = \"{to}\"` there\n",
            Style::hint("hint: ")
        ));
    }
    text
}
