//! `sesame host secret …`.

use std::io::Read as _;

use clap::Subcommand;

use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::{Data, HostData};
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::Verbosity;
use crate::cli::terminal::prompt::hidden_line;
use sesame::daemon::backends::secrets::{SecretsAnswer, SecretsPlace, SecretsRequest, manage};
use sesame::daemon::read_settings;
use sesame::model::report::host::HostSecretsReport;
use sesame::model::text::escape;
use sesame::ops::context::Interrupt;
use sesame::ops::error::Error;

/// The longest secret, in bytes.
const MAX_SECRET: u64 = 1 << 20;

#[derive(Debug, Clone, Subcommand)]
pub enum SecretSubcommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
    /// Set a secret; its value is asked for, or read from standard input if that is no terminal
    Set {
        /// What extensions ask for, as in `secret-read = ["NAME"]`
        name: String,
    },
    /// List the names of all secrets, never their values
    List,
    /// Remove a secret
    Remove {
        /// As it was set
        name: String,
    },
}

impl SecretSubcommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let value;
        let (environment, interrupt) = (Environment::read()?, interrupt()?);
        let request = match self {
            Self::Help { names } => return invocation.help_below("host secret", names),
            Self::Set { name } => {
                value = read_value(invocation, &interrupt)?;
                SecretsRequest::Set { name, value: &value }
            }
            Self::List => SecretsRequest::List,
            Self::Remove { name } => SecretsRequest::Remove { name },
        };
        let place = SecretsPlace {
            backend: read_settings(&environment.user())?.backends.secrets,
            bus: environment.bus.clone(),
            paths: environment.paths.clone(),
            clock: environment.clock,
        };
        let managing = manage(&place, request);
        let answer = interrupt.block_on(async { Ok::<_, Error>(managing.await) })??;
        let names = match answer {
            SecretsAnswer::Done => return Ok(CommandOutcome::Done),
            SecretsAnswer::NotThere => {
                invocation.output.say(Verbosity::Normal, "there was no such secret\n");
                return Ok(CommandOutcome::Differs);
            }
            SecretsAnswer::Names(names) => names,
        };
        let report = HostSecretsReport { kept_in: place.backend.to_string(), names };
        let words = || report.names.iter().map(|name| format!("{}\n", escape(name))).collect();
        invocation.print_answer(Data::Host(HostData::Secrets(&report)), words);
        Ok(CommandOutcome::Done)
    }
}

/// The value of a secret, without the end of its last line.
fn read_value(invocation: &Invocation<'_>, interrupt: &Interrupt) -> Result<String, CommandError> {
    if invocation.output.is_interactive() {
        let value = hidden_line(invocation.output, interrupt, "Value: ");
        return Ok(value.ok_or(Error::Interrupted)?);
    }
    let mut value = String::new();
    std::io::stdin().take(MAX_SECRET).read_to_string(&mut value).map_err(CommandError::Input)?;
    Ok(value.strip_suffix('\n').unwrap_or(&value).to_owned())
}
