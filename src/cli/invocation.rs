//! What every command is given: the options that all commands share, where its words go, and how it gets to a project, the
//! network and the store.

use std::sync::Arc;

use clap::ArgMatches;

use sesame::model::fault::FaultKind;
use sesame::model::name::ProfileName;
use sesame::ops::context::{Context, Interrupt};
use sesame::ops::error::Error;
use sesame::ops::error::project::ProjectError;
use sesame::ops::project::Project;
use sesame::ops::query::generations::check_known_profile;
use sesame::registry::source::selection::NetworkMode;

use super::help;
use super::options::{GlobalOptions, ProfileOption, ResourceOptions};
use super::render::failure::{CommandError, status};
use super::render::json::Data;
use super::render::progress::Progress;
use super::terminal::environment::Environment;
use super::terminal::output::Output;

/// How a command that did its work ends.
pub enum CommandOutcome {
    Done,
    /// The answer of `--check`, `diff` and the like.
    Differs,
    /// The answer of `verify`.
    Damaged,
    /// As a failure of this kind: it could not be found out, or `sync` would be refused.
    Failed(FaultKind),
}

/// One run of a command.
pub struct Invocation<'a> {
    pub globals: &'a GlobalOptions,
    pub output: &'a Output,
    /// The command as it is typed: `generations delete`
    pub name: &'a str,
    /// Builds the whole command line, for help.
    pub program: fn() -> clap::Command,
}

impl Invocation<'_> {
    /// The context of a command that needs a manifest.
    pub fn context(&self, resources: &ResourceOptions) -> Result<Context, CommandError> {
        let environment = Environment::read()?;
        let project = Project::find(&environment.search(self.globals.manifest.clone()))?;
        self.context_of(environment, project, resources)
    }

    /// The same where no manifest is needed: then it is as good as an empty one.
    pub fn context_or_default(&self, resources: &ResourceOptions) -> Result<Context, CommandError> {
        let environment = Environment::read()?;
        let project = Project::find_or_default(&environment.search(self.globals.manifest.clone()))?;
        self.context_of(environment, project, resources)
    }

    /// The context of a project.
    pub fn context_of(
        &self,
        environment: Environment,
        project: Project,
        resources: &ResourceOptions,
    ) -> Result<Context, CommandError> {
        Ok(Context {
            user: environment.user(),
            project,
            paths: environment.paths,
            network: environment.network,
            network_mode: if resources.offline { NetworkMode::Offline } else { NetworkMode::Online },
            jobs: resources.jobs,
            compiler: resources.compile.compiler(environment.program),
            clock: environment.clock,
            observer: Arc::new(Progress::new(self.output)),
            interrupt: interrupt()?,
            holder: format!("`sesame {}` (process {})", self.name, std::process::id()),
        })
    }

    /// The profile that is meant: the one that is named, which must be there, else the manifest's, if there is a manifest.
    pub fn profile(&self, environment: &Environment, option: &ProfileOption) -> Result<ProfileName, CommandError> {
        let project = Project::find(&environment.search(self.globals.manifest.clone()));
        if let Some(profile) = &option.profile {
            let declared = project.ok().and_then(|project| project.read_profile().ok().flatten());
            check_known_profile(&environment.paths, profile, declared.as_ref())?;
            return Ok(profile.clone());
        }
        match project {
            Ok(project) => Ok(project.read_profile()?.unwrap_or_default()),
            Err(Error::Project(ProjectError::NoManifest { .. })) => Ok(ProfileName::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// See [`Output::print_report`].
    pub fn print_report(&self, data: Data<'_>, words: impl FnOnce() -> String) {
        self.output.print_report(self.name, data, words);
    }

    /// See [`Output::print_result`].
    pub fn print_result(&self, data: Data<'_>, words: impl FnOnce() -> String) {
        self.output.print_result(self.name, data, words);
    }

    /// See [`Output::print_answer`].
    pub fn print_answer(&self, data: Data<'_>, words: impl FnOnce() -> String) {
        self.output.print_answer(self.name, data, words);
    }

    /// Prints the help of a command below `group`, or of anything else.
    pub fn help_below(&self, group: &str, names: &[String]) -> Result<CommandOutcome, CommandError> {
        self.output.print_page(&help::help_below((self.program)(), group, names)?);
        Ok(CommandOutcome::Done)
    }
}

/// The command that was parsed, as it is typed: `extension list`
pub fn command_name(matches: &ArgMatches) -> String {
    let mut path = Vec::new();
    let mut at = matches.subcommand();
    while let Some((name, below)) = at {
        path.push(name);
        at = below.subcommand();
    }
    path.join(" ")
}

/// An interrupt that the signals of the terminal and of the system set.
pub fn interrupt() -> Result<Interrupt, CommandError> {
    let interrupt = Interrupt::default();
    let handler = interrupt.clone();
    ctrlc::set_handler(move || signalled(&handler)).map_err(|error| Error::Runtime(std::io::Error::other(error)))?;
    Ok(interrupt)
}

/// The first signal lets the run end well; the second ends the process where it is.
#[expect(clippy::disallowed_methods, reason = "a second signal means now")]
fn signalled(interrupt: &Interrupt) {
    if interrupt.is_set() {
        std::process::exit(i32::from(status(FaultKind::Interrupted)));
    }
    interrupt.set();
}
