//! The words: arguments in, messages and JSON out. Logic is never here: each command builds options and calls one verb.
//!
//! The only top folder that prints, reads the environment, or says how the process ends.

mod commands;
mod completion_candidates;
mod help;
mod invocation;
mod lazy;
mod options;
mod render;
mod terminal;
mod usage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _};

use sesame::model::fault::FaultKind;
use sesame::ops::error::Error;

use commands::Arguments;
use invocation::{CommandOutcome, Invocation, command_name};
use options::{Color, GlobalOptions};
use render::failure::{self, CommandError};
use terminal::output::{Output, Verbosity};
use usage::usage_error;

/// Runs the program.
pub fn main() -> ExitCode {
    if help::completions::answer_completion_request(Arguments::command) {
        return ExitCode::SUCCESS;
    }
    let parsed = Arguments::command().try_get_matches().and_then(|matches| {
        let name = command_name(&matches);
        Ok((Arguments::from_arg_matches(&matches)?, name))
    });
    let (Arguments { globals, command }, name) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return usage(error),
    };
    let output = output(&globals);
    let invocation = Invocation { globals: &globals, output: &output, name: &name, program: Arguments::command };
    let status = match catch_unwind(AssertUnwindSafe(|| command.run(&invocation))) {
        Ok(Ok(CommandOutcome::Done)) => 0,
        Ok(Ok(CommandOutcome::Differs)) => 1,
        Ok(Ok(CommandOutcome::Damaged)) => failure::status(FaultKind::Integrity),
        Ok(Ok(CommandOutcome::Failed(kind))) => failure::status(kind),
        Ok(Err(error)) => failed(&invocation, &error),
        Err(_) => failed(&invocation, &Error::Bug("sesame panicked").into()),
    };
    if output.has_write_error() && status <= 1 {
        return ExitCode::from(failure::status(FaultKind::Io));
    }
    ExitCode::from(status)
}

fn output(globals: &GlobalOptions) -> Output {
    let color = match globals.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let verbosity = match (globals.quiet, globals.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, 0) => Verbosity::Normal,
        (_, 1) => Verbosity::Verbose,
        _ => Verbosity::Debug,
    };
    Output::new(verbosity, color, globals.json)
}

/// Says why a command failed, and gives its exit status.
fn failed(invocation: &Invocation<'_>, failure: &CommandError) -> u8 {
    invocation.output.print_failure(invocation.name, failure);
    failure::status(failure.kind())
}

/// Says what is wrong with the command line, or what was asked for of it. With `--json` it is a JSON document.
fn usage(mut error: clap::Error) -> ExitCode {
    // `sesame install` is a good guess.
    let guess = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    if let Some(guess) = guess.filter(|name| help::is_command(Arguments::command(), &["extension", name])) {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![format!("extension {guess}")]));
    }
    let wants_json = std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if error.use_stderr() && wants_json {
        Output::json().print_failure("sesame", &usage_error(&error));
    } else {
        // Where nobody can be told, there is nobody to tell that.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { render::failure::status(FaultKind::Usage) } else { 0 })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
mod catalogue;
