//! `sesame list`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ProfileOption;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::table::headed_table;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::extension::{CodeState, ListReport};
use sesame::model::text::{escape, size};
use sesame::ops::query::list::list;

#[derive(Debug, Clone, Args)]
pub struct ListCommand {
    #[command(flatten)]
    pub profile: ProfileOption,
}

impl ListCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let profile = invocation.profile(&environment, &self.profile)?;
        let report = list(&environment.paths, &environment.user(), &profile)?;
        invocation.print_answer(Data::List(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// What is live, one line each.
fn words(report: &ListReport) -> String {
    if report.extensions.is_empty() {
        return format!("nothing is live in profile `{}`\n", report.profile);
    }
    let head = ["name", "version", "provenance", "size", "state", "capabilities"];
    let rows = report.extensions.iter().map(|extension| {
        vec![
            extension.name.to_string(),
            extension.version.clone().unwrap_or_else(|| "-".to_owned()),
            extension.provenance.map_or_else(|| "-".to_owned(), |digest| digest.short()),
            size(extension.size),
            code_state(extension.state).to_owned(),
            escape(&extension.capabilities.join(", ")).into_owned(),
        ]
    });
    headed_table(&head, rows)
}

fn code_state(state: CodeState) -> &'static str {
    match state {
        CodeState::Ready => "ready",
        CodeState::NotCompiled => "not compiled",
        CodeState::Denied => "denied",
    }
}
