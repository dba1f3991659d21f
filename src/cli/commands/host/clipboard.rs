//! The process that holds the clipboard; see the library's `daemon::backends::clipboard_process`.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::cli::invocation::CommandOutcome;
use crate::cli::render::failure::CommandError;
use crate::cli::terminal::environment::Environment;
use sesame::daemon::backends::clipboard_process::{Afterwards, COMMAND, VARIABLES, serve};

/// Serves requests on standard input, a socket, until the host ends.
pub fn run() -> Result<CommandOutcome, CommandError> {
    let mut variables = Environment::variables();
    variables.retain(|name, _| VARIABLES.contains(&name.as_str()));
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(CommandError::Clipboard)?;
    match serve(UnixStream::from(socket), &variables).map_err(CommandError::Clipboard)? {
        Afterwards::End => Ok(CommandOutcome::Done),
        Afterwards::StartOver(variables) => {
            let mut again = Command::new(Environment::read()?.program);
            again.arg(COMMAND);
            for name in VARIABLES {
                again.env_remove(name);
            }
            Err(CommandError::Clipboard(again.envs(variables).exec()))
        }
    }
}
