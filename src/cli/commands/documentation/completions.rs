//! `sesame completions`.

use clap::Args;

use crate::cli::help::completions::{Shell, installed_script, script};
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::Verbosity;
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
        let shown = escape(&path.display().to_string()).into_owned();
        let words = format!("{} {shown}\n  {}{}\n", Style::good("wrote"), Style::hint("hint: "), next_step(shell));
        invocation.output.say(Verbosity::Normal, &words);
        Ok(CommandOutcome::Done)
    }
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
