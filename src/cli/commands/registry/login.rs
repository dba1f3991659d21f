//! `sesame registry login`.

use std::io::Read as _;

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::terminal::output::{Output, Verbosity};
use crate::cli::terminal::prompt::{hidden_line, line};
use sesame::model::reference::host::RegistryHost;
use sesame::model::report::registry::LoginReport;
use sesame::model::text::escape;
use sesame::ops::context::Interrupt;
use sesame::ops::error::Error;
use sesame::ops::publish::login::login;
use sesame::registry::auth::secret::Secret;

/// The most that is read of a password, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;

#[derive(Debug, Clone, Args)]
pub struct LoginCommand {
    /// host[:port]
    pub host: RegistryHost,
    /// The name [default: asked for]
    #[arg(long, short)]
    pub username: Option<String>,
    /// Read the password, or an access token, from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
}

impl LoginCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context_or_default(&ResourceOptions::default())?;
        let (user, password) = self.prompt_credentials(&context.interrupt, invocation.output)?;
        if user.is_empty() || user.contains(':') || password.is_empty() {
            return Err(CommandError::NoLogin);
        }
        let report = login(&context, &self.host, &user, &Secret::new(password))?;
        invocation.print_report(Data::Login(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }

    /// The name and the password, as far as they are not given.
    fn prompt_credentials(&self, interrupt: &Interrupt, output: &Output) -> Result<(String, String), CommandError> {
        if let (Some(user), true) = (&self.username, self.password_stdin) {
            let mut password = String::new();
            std::io::stdin().take(MAX_PASSWORD).read_to_string(&mut password).map_err(CommandError::Input)?;
            return Ok((user.clone(), password.trim_end_matches(['\r', '\n']).to_owned()));
        }
        if !output.is_interactive() {
            return Err(CommandError::NobodyToAsk);
        }
        let user = match &self.username {
            Some(user) => user.clone(),
            None => {
                output.say(Verbosity::Quiet, &format!("Name at {}: ", self.host.as_str()));
                line(output, interrupt).ok_or(Error::Interrupted)?
            }
        };
        let password = hidden_line(output, interrupt, "Password or access token: ");
        let password = password.ok_or(Error::Interrupted)?;
        Ok((user, password))
    }
}

fn words(report: &LoginReport) -> String {
    let host = escape(&report.host);
    let place = escape(&report.place);
    match report.verified {
        true => format!("{} to {host}; kept in {place}\n", Style::good("logged in")),
        false => format!(
            "{} {place}; {host} lets in anybody, so they were not tried\n",
            Style::good("kept the credentials in")
        ),
    }
}
