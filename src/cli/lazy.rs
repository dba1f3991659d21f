//! Commands whose arguments are only built where they are called.

use std::ops::Deref;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};

/// The commands below another one, which are only built where that is called: building all takes longer than a sync with
/// nothing to do.
#[derive(Debug, Clone)]
pub struct LazySubcommand<T>(pub T);

impl<T: Subcommand> FromArgMatches for LazySubcommand<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Subcommand> Args for LazySubcommand<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        let command = command.subcommand_required(true).arg_required_else_help(true);
        command.defer(T::augment_subcommands)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// The arguments of a command, which are only built where it is called, for the same reason.
#[derive(Debug, Clone)]
pub struct Lazy<T>(T);

impl<T> Deref for Lazy<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: FromArgMatches> FromArgMatches for Lazy<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Args> Args for Lazy<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        // What flattened arguments are documented with is not what the command does.
        command.defer(|command| {
            let about = command.get_about().cloned().unwrap_or_default();
            let long_about = command.get_long_about().cloned().unwrap_or_else(|| about.clone());
            T::augment_args(command).about(about).long_about(long_about)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}
