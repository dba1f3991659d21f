//! `sesame completions`.

use clap::Args;

use crate::cli::help::completions::{Shell, installed_script, script};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::model::report::CompletionsReport;
use sesame::model::text::escape;
use sesame::ops::publish::completions::install;

#[derive(Debug, Clone, Args)]
pub struct CompletionsCommand {
    /// Which shell [default: that of $SHELL]
    pub shell: Option<Shell>,
    /// Write them to where the shell looks for them, and print nothing
    #[arg(long)]
    pub install: bool,
}

impl CompletionsCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let own = || environment.shell.as_deref().and_then(Shell::of_program);
        let shell = self.shell.or_else(own).ok_or(CommandError::UnknownShell)?;
        if !self.install {
            invocation.output.print_text(&script(shell));
            return Ok(CommandOutcome::Done);
        }
        let path = shell.installed_path(&environment.data_home(), &environment.configuration_home());
        install(&path, &installed_script(shell))?;
        let report = CompletionsReport { file: path.display().to_string() };
        invocation.print_report(Data::Completions(&report), || words(&report, shell));
        Ok(CommandOutcome::Done)
    }
}

fn words(report: &CompletionsReport, shell: Shell) -> String {
    let (wrote, hint) = (Style::good("wrote"), Style::hint("hint: "));
    format!("{wrote} {}\n  {hint}{}\n", escape(&report.file), next_step(shell))
}

/// What makes the shell read the file.
fn next_step(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => "new shells read it if the package bash-completion is installed",
        Shell::Zsh => {
            "add `fpath=(${XDG_DATA_HOME:-~/.local/share}/zsh/site-functions $fpath)` to ~/.zshrc, before `compinit`"
        }
        Shell::Fish | Shell::Nushell => "new shells read it",
    }
}
