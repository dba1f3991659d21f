//! `sesame registry …`: how registries let us in. Each command builds options and calls one verb.

use std::io::Read as _;

use crate::cli::commands::Arguments;
use crate::cli::commands::extension::push::RegistryCommand;
use crate::cli::help::help_below;
use crate::cli::options::Means;
use crate::cli::render::failure::Failure;
use crate::cli::render::json;
use crate::cli::terminal::output::{Output, Volume};
use crate::cli::terminal::prompt::{hidden_line, line};
use crate::cli::{End, any_context};
use sesame::model::reference::RegistryHost;
use sesame::model::report::registry::Access;
use sesame::ops::context::Context;
use sesame::ops::error::Error;
use sesame::ops::publish::login::{check, login, logout};
use sesame::registry::auth::secret::Secret;

use super::check;

/// The most that is read of a password, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;

pub fn run(arguments: &Arguments, command: &RegistryCommand, output: &Output) -> Result<End, Failure> {
    match command {
        RegistryCommand::Help { names } => output.page(&help_below("registry", names)?),
        RegistryCommand::Login { host, username, password_stdin } => {
            let context = any_context(arguments, "registry login", &Means::default(), output)?;
            let (user, password) = ask(host, username.as_deref(), *password_stdin, &context, output)?;
            if user.is_empty() || user.contains(':') || password.is_empty() {
                return Err(Failure::NoLogin);
            }
            let report = login(&context, host, &user, &Secret::new(password))?;
            output.report("login", json::Data::Login(&report), || check::login(&report));
        }
        RegistryCommand::Logout { host } => {
            let context = any_context(arguments, "registry logout", &Means::default(), output)?;
            let report = logout(&context, host)?;
            output.report("logout", json::Data::Logout(&report), || check::logout(&report));
        }
        RegistryCommand::Check { registry } => {
            let context = any_context(arguments, "registry check", &Means::default(), output)?;
            let report = check(&context, registry)?;
            output.result("check", json::Data::Check(&report), || check::check(&report));
            return Ok(if report.access == Access::Refused { End::Differs } else { End::Done });
        }
    }
    Ok(End::Done)
}

/// The name and the password, as far as they are not given.
fn ask(
    host: &RegistryHost,
    username: Option<&str>,
    password_stdin: bool,
    context: &Context,
    output: &Output,
) -> Result<(String, String), Failure> {
    if let (Some(user), true) = (username, password_stdin) {
        let mut password = String::new();
        std::io::stdin().take(MAX_PASSWORD).read_to_string(&mut password).map_err(Failure::Input)?;
        return Ok((user.to_owned(), password.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if !output.asks() {
        return Err(Failure::NobodyToAsk);
    }
    let user = match username {
        Some(user) => user.to_owned(),
        None => {
            output.say(Volume::Quiet, &format!("Name at {}: ", host.as_str()));
            line(output, &context.interrupt).ok_or(Error::Interrupted)?
        }
    };
    let password = hidden_line(output, &context.interrupt, "Password or access token: ");
    let password = password.ok_or(Error::Interrupted)?;
    Ok((user, password))
}
