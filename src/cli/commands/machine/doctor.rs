//! `sesame doctor`.

use anstream::adapter::strip_str;
use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::active_set::set_change;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::warning::{unusable_folder, warning};
use crate::cli::terminal::environment::Environment;
use sesame::model::fault::hint::Remedy;
use sesame::model::plan::set_change::SetChange;
use sesame::model::report::query::doctor::{Check, CheckFact, CheckState, DoctorReport, ManifestSearch};
use sesame::model::report::registry::CredentialStatus;
use sesame::model::text::{count, escape, list_by, size};
use sesame::ops::query::doctor::doctor;

#[derive(Debug, Clone, Args)]
pub struct DoctorCommand {
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl DoctorCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context_or_default(&self.resources)?;
        let report = doctor(&context, &Environment::read()?.search(invocation.globals.manifest.clone()));
        invocation.print_result(Data::Doctor(&report), || words(&report));
        Ok(if report.is_wrong() { CommandOutcome::Differs } else { CommandOutcome::Done })
    }
}

fn words(report: &DoctorReport) -> String {
    report.checks.iter().map(check).collect()
}

fn check(check: &Check) -> String {
    let state = match check.state {
        CheckState::Good => Style::good("good  "),
        CheckState::Absent => "-     ".to_owned(),
        CheckState::Wrong => Style::error("wrong "),
    };
    let remedy = |remedy: &Remedy| format!("        {}{}\n", Style::hint("hint: "), escape(&remedy.to_string()));
    let remedies: String = check.remedies.iter().map(remedy).collect();
    format!("{state}  {}: {}\n{remedies}", escape(&check.about), escape(&fact(&check.fact)))
}

#[expect(clippy::too_many_lines, reason = "a flat table")]
pub fn fact(fact: &CheckFact) -> String {
    match fact {
        CheckFact::Failed { fault, problems, .. } => {
            problems.iter().fold(fault.line(), |text, problem| format!("{text}: {}", problem.line()))
        }
        CheckFact::Program { version, wasmtime, engine_key } => {
            format!("{version}, with wasmtime {wasmtime}; compiled code is kept as {engine_key}")
        }
        CheckFact::Space { folder, free } => format!("{folder}, {} free", size(*free)),
        CheckFact::LittleSpace { folder, free } => format!("{folder}: only {} are free", size(*free)),
        CheckFact::CreatedLater { path } => format!("{path} is made when it is needed"),
        CheckFact::Permissions { folder: path, problem } | CheckFact::KeyUnusable { path, problem } => {
            format!("{path}: {problem}")
        }
        CheckFact::Key { path } | CheckFact::Lock { path } => path.clone(),
        CheckFact::NoPolicy => "this machine has none".to_owned(),
        CheckFact::Policies { files } => files.join(", "),
        CheckFact::Manifest { path, extensions, found } => {
            let why = match found {
                ManifestSearch::Option => "--manifest names it",
                ManifestSearch::Variable => "$SESAME_MANIFEST names it",
                ManifestSearch::Folder => "it is in this folder or above",
                ManifestSearch::User => "it is your own; none is in this folder or above",
            };
            format!("{path}, {}; {why}", count(*extensions, "extension"))
        }
        CheckFact::NothingActive { profile } => format!("nothing in profile `{profile}`"),
        CheckFact::Active { profile, generation, extensions, made_by } => {
            let made_by = made_by.as_ref().map(|manifest| format!(", made by {manifest}")).unwrap_or_default();
            let extensions = count(*extensions, "extension");
            format!("{extensions} in profile `{profile}` (generation {generation}){made_by}")
        }
        CheckFact::GrantedFolders => "they are there, and can be given".to_owned(),
        CheckFact::UnusableFolder { extension, fault } => unusable_folder(extension, fault),
        CheckFact::NextSync { is_up_to_date: true } => "everything is up to date".to_owned(),
        CheckFact::ProfileHeld { generation } => format!("the profile is held at generation {generation}"),
        CheckFact::NextSync { is_up_to_date: false } => "the next one changes something".to_owned(),
        CheckFact::NextNarrowing { changes } => {
            let change = |change: &SetChange| strip_str(set_change(change).trim_end()).to_string();
            let changes: Vec<String> = changes.iter().map(change).collect();
            format!("the next one is refused and narrows the active set: {}", list_by("; ", changes))
        }
        CheckFact::NotWritable { folder, why, .. } => format!("{folder} is not writable: {why}"),
        CheckFact::NoProxies => "none".to_owned(),
        CheckFact::Proxies { schemes, none_for } => {
            let none_for = none_for.as_ref().map(|hosts| format!(", but not for {hosts}")).unwrap_or_default();
            format!("for {}{none_for}", schemes.join(" and "))
        }
        CheckFact::Layout { .. } => "an OCI image layout".to_owned(),
        CheckFact::NoLayout { .. } => "there is no OCI image layout".to_owned(),
        CheckFact::OnlyMirrors { .. } => "only its mirrors are asked".to_owned(),
        CheckFact::Offline { .. } => "not asked, because of --offline".to_owned(),
        CheckFact::Registry { protocol, credentials, denied, .. } => {
            let credentials = match credentials {
                CredentialStatus::Found { place } => format!("credentials in {place}"),
                CredentialStatus::None => "no credentials".to_owned(),
                CredentialStatus::Withheld { setting } => format!("no credentials, because of `{setting}`"),
            };
            let denied = if denied.is_some() { "; it does not let us in" } else { "" };
            format!("reached over {protocol}, {credentials}{denied}")
        }
        CheckFact::CompilerConfined => "it starts and compiles, kept from the network and other programs".to_owned(),
        CheckFact::CompilerUnconfined { why } => {
            format!("it compiles, but nothing keeps it from the network and other programs: {why}")
        }
        CheckFact::CompilerSilent => "it compiles, but it ended without saying whether it is confined".to_owned(),
        CheckFact::CompilerWarned { warnings } => {
            format!("it compiles, but {}", warnings.iter().map(warning).collect::<Vec<_>>().join("; "))
        }
        CheckFact::CodeRuns { folder } => format!("what is compiled runs from {folder}"),
        CheckFact::CodeCopied { folder, why } => {
            format!("files in {folder} cannot be run ({why}), so code is copied into memory")
        }
        CheckFact::Memory => "4 GiB of addresses can be reserved for an extension's memory".to_owned(),
        CheckFact::ProcMounted => "it is mounted".to_owned(),
        CheckFact::ProcMissing => {
            "it is not mounted: extensions cannot be given folders, and code is copied instead of mapped".to_owned()
        }
    }
}
