//! `sesame man`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::help::completions::pages;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::Verbosity;
use sesame::model::text::{count, escape};
use sesame::ops::publish::man_pages;

#[derive(Debug, Clone, Args)]
pub struct ManCommand {
    /// The folder
    pub folder: PathBuf,
}

impl ManCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let pages = pages((invocation.program)());
        man_pages::write(&Environment::read()?.start.join(&self.folder), &pages)?;
        invocation.output.say(Verbosity::Normal, &words(&self.folder, pages.len()));
        Ok(CommandOutcome::Done)
    }
}

/// That manual pages were written.
fn words(folder: &Path, number: usize) -> String {
    let pages = count(number, "manual page");
    format!("{} {pages} into {}\n", Style::good("wrote"), escape(&folder.display().to_string()))
}
