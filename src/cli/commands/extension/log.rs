//! `sesame log`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::active_names;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ProfileOption;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::Verbosity;
use sesame::model::name::ExtensionName;
use sesame::model::report::extension::LogReport;
use sesame::ops::run::extension_logs::log;

#[derive(Debug, Clone, Args)]
pub struct LogCommand {
    /// The extension's name
    #[arg(add = ArgValueCandidates::new(active_names))]
    pub name: ExtensionName,
    #[command(flatten)]
    pub profile: ProfileOption,
}

impl LogCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let (name, environment) = (&self.name, Environment::read()?);
        let profile = invocation.profile(&environment, &self.profile)?;
        let text = log(&environment.paths, &profile, name)?;
        if invocation.globals.json {
            let report = LogReport { name: name.clone(), lines: text.lines().map(str::to_owned).collect() };
            invocation.print_answer(Data::Log(&report), String::new);
        } else if text.is_empty() {
            invocation.output.say(Verbosity::Normal, &format!("`{name}` has printed nothing\n"));
        } else {
            invocation.output.print_foreign_text(&text);
        }
        Ok(CommandOutcome::Done)
    }
}
