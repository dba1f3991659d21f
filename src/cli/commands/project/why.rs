//! `sesame why`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::names_and_capabilities;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ProfileOption;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::table;
use crate::cli::terminal::environment::Environment;
use sesame::model::capability::Capability;
use sesame::model::report::query::why::{ActiveReason, ExtensionReasons, GrantReasons, WhyReport};
use sesame::model::text::{escape, time};
use sesame::ops::project::Project;
use sesame::ops::query::why::{WhyQuestion, why};

#[derive(Debug, Clone, Args)]
pub struct WhyCommand {
    /// The name of an extension, or a capability
    #[arg(value_name = "NAME|CAPABILITY", value_parser = parse_question, add = ArgValueCandidates::new(names_and_capabilities))]
    pub question: WhyQuestion,
    #[command(flatten)]
    pub profile: ProfileOption,
}

impl WhyCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let project = Project::find(&environment.search(invocation.globals.manifest.clone()))?;
        let profile = invocation.profile(&environment, &self.profile)?;
        let report = why(&environment.paths, &project, &profile, &self.question)?;
        invocation.print_answer(Data::Why(&report), || words(&report, &self.question));
        Ok(CommandOutcome::Done)
    }
}

/// What is the name of a capability means that, whatever extensions are called.
fn parse_question(text: &str) -> Result<WhyQuestion, String> {
    match text.parse::<Capability>() {
        Ok(capability) => Ok(WhyQuestion::Capability(capability)),
        Err(_) => {
            text.parse().map(WhyQuestion::Extension).map_err(|error: sesame::model::name::NameError| error.to_string())
        }
    }
}

fn words(report: &WhyReport, question: &WhyQuestion) -> String {
    if let (WhyQuestion::Capability(capability), true) = (question, report.extensions.is_empty()) {
        return format!("no extension imports {capability} or is granted it\n");
    }
    report.extensions.iter().map(extension).collect()
}

fn extension(reasons: &ExtensionReasons) -> String {
    let ExtensionReasons { name, declared, locked, active, grants } = reasons;
    let row = |what: &str, text: String| vec![escape(what).into_owned(), escape(&text).into_owned()];
    let mut rows = Vec::new();
    rows.push(match declared {
        Some(declared) => row("declared", format!("at {}: {}", declared.place, declared.source)),
        None => row("declared", "nowhere".to_owned()),
    });
    rows.push(match locked {
        Some(locked) => row("locked", format!("in {}: {} ({})", locked.file, locked.source, locked.component.short())),
        None => row("locked", "not yet".to_owned()),
    });
    rows.push(row("active", active.as_ref().map_or_else(|| "no".to_owned(), since)));
    rows.extend(grants.iter().map(|reasons| row(&granted(reasons), grant(reasons))));
    format!("{}\n{}", Style::strong(name.as_str()), table(rows.into_iter()))
}

fn granted(reasons: &GrantReasons) -> String {
    reasons.grant.clone().unwrap_or_else(|| reasons.capability.to_string())
}

fn grant(reasons: &GrantReasons) -> String {
    let GrantReasons { capability, grant, place, is_imported, active_grant, active } = reasons;
    let declared = match (grant, place) {
        (Some(_), Some(place)) => format!("granted at {place}"),
        (Some(_), None) => "granted".to_owned(),
        (None, _) => "not granted".to_owned(),
    };
    let imported = match (capability.function(), is_imported) {
        (None, _) => None,
        (Some(_), Some(true)) => Some("imported by its component".to_owned()),
        (Some(_), Some(false)) => Some("not imported by its component".to_owned()),
        (Some(_), None) => Some("not locked yet, so its imports are unknown".to_owned()),
    };
    let active = active.as_ref().map(|active| match active_grant {
        Some(other) => format!("active as {other} {}", since(active)),
        None => format!("active {}", since(active)),
    });
    [Some(declared), imported, active].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn since(active: &ActiveReason) -> String {
    let ActiveReason { generation, activated, is_oldest_kept } = active;
    let earlier = if *is_oldest_kept { " or earlier" } else { "" };
    format!("since generation {generation}{earlier} ({})", time(*activated))
}
