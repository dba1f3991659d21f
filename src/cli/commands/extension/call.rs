//! `sesame call`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clap_complete::{ArgValueCandidates, ArgValueCompleter};

use crate::cli::completion_candidates::{active_names_and_files, called_functions, capabilities};
use crate::cli::invocation::{CommandOutcome, Invocation, interrupt};
use crate::cli::options::{CompileOptions, ProfileOption, number, setting};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::progress::Spinner;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::guest_output::console_backends;
#[cfg(feature = "daemon")]
use crate::cli::terminal::output::Verbosity;
use sesame::host::extension::Extension;
use sesame::host::limits::memory_budget::MemoryBudget;
use sesame::host::options::HostOptions;
use sesame::host::values::Syntax;
use sesame::model::capability::grant::Grant;
use sesame::model::capability::{Capability, Grants, add};
use sesame::model::manifest::Limits;
use sesame::model::name::ExtensionName;
use sesame::model::report::extension::{CallOutcome, CallReport, FunctionsReport};
use sesame::model::text::escape;
use sesame::ops::context::Interrupt;
use sesame::ops::error::Error;
use sesame::ops::error::project::ProjectError;
use sesame::ops::project::Project;
use sesame::ops::run::active::{ActiveSet, HostEnvironment, Overrides};
use sesame::ops::run::call::{CallOptions, call, functions};
use sesame::ops::run::extension_logs::LogFiles;
use sesame::ops::run::secrets::SecretsFile;
use sesame::ops::run::uninstalled::{UninstalledComponent, file_name};

#[derive(Debug, Clone, Args)]
pub struct CallCommand {
    /// A live extension's name, or a component's file (anything with a `/` or a `.` in it)
    #[arg(value_name = "NAME|FILE.wasm", add = ArgValueCompleter::new(active_names_and_files))]
    pub target: PathBuf,
    /// The function: `greet`, `counts.count` or `my-org:wordcount/counts.count`; without one, lists all functions with their types
    #[arg(add = ArgValueCandidates::new(called_functions))]
    pub function: Option<String>,
    /// Its arguments in WAVE, strings also bare; in JSON with --json. Write `--` before one that begins with `-`
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub arguments: Vec<String>,
    /// A setting that goes before those of the manifest; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub config: Vec<(String, String)>,
    /// Grant a capability to a component's file
    #[arg(long = "grant", value_name = "CAPABILITY", add = ArgValueCandidates::new(capabilities))]
    pub grants: Vec<Grant>,
    /// Secrets for development: a TOML file of strings, mode 0600
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// Lower the limit of time, in milliseconds
    #[arg(long, value_name = "MS", value_parser = number::<u64>(1..=86_400_000))]
    pub timeout: Option<u64>,
    /// Lower the limit of fuel, where there is one
    #[arg(long, value_name = "N", value_parser = number::<u64>(1..=u64::MAX))]
    pub fuel: Option<u64>,
    /// Lower the limit of memory, in MiB
    #[arg(long, value_name = "MIB", value_parser = number::<u64>(1..=4096))]
    pub memory: Option<u64>,
    /// Call it in this process, where clipboard, notifications and messages are only printed, although a host is running
    #[cfg(feature = "daemon")]
    #[arg(long)]
    pub no_host: bool,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub compile: CompileOptions,
}

impl CallCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let interrupt = interrupt()?;
        if let Some(report) = self.call_host(&environment, invocation, &interrupt)? {
            return Ok(print_report(invocation, &report));
        }
        let host = self.host_environment(&environment, invocation)?;
        let (name, extension) = if self.is_file() {
            let name = file_name(&self.target);
            let extension = self.load_file(&name, host, &environment, invocation, &interrupt)?;
            (name, extension)
        } else {
            let name = self.target.display().to_string();
            let extension = self.load_active(&name, host, &environment, invocation)?;
            (name, extension)
        };
        let Some(function) = self.function.clone() else {
            let report = functions(&extension, &name);
            invocation.print_answer(Data::Functions(&report), || function_list(&report));
            return Ok(CommandOutcome::Done);
        };
        let report = call(&extension, &name, &self.options(function, invocation), &interrupt)?;
        Ok(print_report(invocation, &report))
    }

    fn options(&self, function: String, invocation: &Invocation<'_>) -> CallOptions {
        let syntax = if invocation.globals.json { Syntax::Json } else { Syntax::Wave };
        CallOptions { function, arguments: self.arguments.clone(), syntax }
    }

    /// Has the host of the desktop make the call; none if this process makes it.
    #[cfg(feature = "daemon")]
    fn call_host(
        &self,
        environment: &Environment,
        invocation: &Invocation<'_>,
        interrupt: &Interrupt,
    ) -> Result<Option<CallReport>, CommandError> {
        let Some(function) = self.function.clone().filter(|_| !self.is_file()) else { return Ok(None) };
        let why = match self.why_here(environment, invocation)? {
            Some(why) => why,
            None => {
                let (name, options) = (self.target.display().to_string(), self.options(function, invocation));
                match crate::cli::commands::host::client::call(environment, &name, &options, interrupt)? {
                    Ok(report) => {
                        invocation.output.say(Verbosity::Verbose, "called by the host of the desktop\n");
                        return Ok(Some(report));
                    }
                    Err(why) => why.to_owned(),
                }
            }
        };
        invocation.output.say(Verbosity::Verbose, &format!("called in this process: {why}\n"));
        Ok(None)
    }

    #[cfg(not(feature = "daemon"))]
    fn call_host(
        &self,
        _: &Environment,
        _: &Invocation<'_>,
        _: &Interrupt,
    ) -> Result<Option<CallReport>, CommandError> {
        Ok(None)
    }

    /// Why this process makes the call, if the host is not even asked.
    #[cfg(feature = "daemon")]
    fn why_here(&self, environment: &Environment, invocation: &Invocation<'_>) -> Result<Option<String>, CommandError> {
        let own = [
            ("--no-host", self.no_host),
            ("--secrets", self.secrets.is_some()),
            ("--config", !self.config.is_empty()),
            ("--grant", !self.grants.is_empty()),
            ("--timeout", self.timeout.is_some()),
            ("--fuel", self.fuel.is_some()),
            ("--memory", self.memory.is_some()),
        ];
        if let Some((option, _)) = own.into_iter().find(|(_, given)| *given) {
            return Ok(Some(format!("`{option}` was given")));
        }
        let profile = invocation.profile(environment, &self.profile)?;
        let served = sesame::daemon::read_settings(&environment.user())?.profile;
        Ok((profile != served).then(|| format!("the host serves profile `{served}`, not `{profile}`")))
    }

    /// Whether the target is a component's file, and not the name of an extension.
    fn is_file(&self) -> bool {
        let target: &Path = &self.target;
        target.components().count() > 1 || target.extension().is_some() || target.is_absolute()
    }

    /// What the extension finds around it: desktop services that are printed, and the environment of this process.
    fn host_environment(
        &self,
        environment: &Environment,
        invocation: &Invocation<'_>,
    ) -> Result<HostEnvironment, CommandError> {
        let secrets = self.secrets.as_ref().map(|path| SecretsFile::open(&environment.start.join(path))).transpose()?;
        let secrets = secrets.map(Arc::new);
        let log = match self.is_file() {
            true => Some(None),
            false => (invocation.globals.verbose > 0).then(|| Some(LogFiles::new(&environment.paths))),
        };
        let backends = console_backends(invocation.output, secrets, log);
        Ok(HostEnvironment {
            paths: environment.paths.clone(),
            user: environment.user(),
            environment: Environment::variables(),
            // One instance, which has a limit of its own.
            host: HostOptions { backends, observer: None, memory: MemoryBudget::unlimited() },
        })
    }

    fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.iter().cloned().collect(),
            max_limits: Limits { max_memory_mib: self.memory, max_fuel: self.fuel, timeout_ms: self.timeout },
        }
    }

    /// Compiles a component that is not installed.
    fn load_file(
        &self,
        name: &str,
        host: HostEnvironment,
        environment: &Environment,
        invocation: &Invocation<'_>,
        interrupt: &Interrupt,
    ) -> Result<Extension, CommandError> {
        let mut grants = Grants::new();
        for grant in &self.grants {
            let Grant { capability, scope } = environment.absolute(grant);
            add(&mut grants, capability, scope);
        }
        let project = match Project::find(&environment.search(invocation.globals.manifest.clone())) {
            Ok(project) => Some(project),
            Err(Error::Project(ProjectError::NoManifest { .. })) => None,
            // What writes nowhere can harm none.
            Err(_) if !grants.contains_key(&Capability::FsWrite) => None,
            Err(error) => return Err(error.into()),
        };
        let active = ActiveSet::without_set(host, project)?;
        let compiler = self.compile.compiler(environment.program.clone());
        let target = environment.start.join(&self.target);
        let _working = Spinner::new(invocation.output, "compiling", name);
        let component = UninstalledComponent {
            file: &target,
            capabilities: &grants,
            overrides: &self.overrides(),
            folder: &environment.start,
        };
        Ok(active.load_uninstalled(&component, &compiler, interrupt)?)
    }

    /// Loads an active extension.
    fn load_active(
        &self,
        name: &str,
        host: HostEnvironment,
        environment: &Environment,
        invocation: &Invocation<'_>,
    ) -> Result<Extension, CommandError> {
        if !self.grants.is_empty() {
            return Err(CommandError::GrantToActive);
        }
        let name: ExtensionName = name.parse().map_err(|_| CommandError::NoTarget(name.to_owned()))?;
        let active = ActiveSet::open(host, &invocation.profile(environment, &self.profile)?)?;
        Ok(active.load_with(&name, &self.overrides())?)
    }
}

/// Prints what a function gave back.
fn print_report(invocation: &Invocation<'_>, report: &CallReport) -> CommandOutcome {
    let (data, text) = (Data::Call(report), report.text.as_deref());
    match report.outcome {
        CallOutcome::Ok => {
            invocation.output.print_value(invocation.name, data, text);
            CommandOutcome::Done
        }
        CallOutcome::Err => {
            invocation.output.print_failed_value(invocation.name, data, text);
            CommandOutcome::Differs
        }
    }
}

/// The functions that can be called, one in a line.
fn function_list(report: &FunctionsReport) -> String {
    if report.functions.is_empty() {
        return format!("{} exports no function that can be called\n", escape(&report.extension));
    }
    report.functions.iter().map(|function| format!("{}\n", escape(&function.signature))).collect()
}

/// What `--help` says besides.
pub const CALL_HELP: &str = "\
A string is printed as it is, anything else as WAVE, and of a `result` what it holds; its error goes to standard error,
with exit status 1. With --json, arguments and result are JSON:
    numbers, strings, bool   the same; `nan`, `inf` and `-inf` as strings
    list, tuple              an array
    record                   an object
    option                   null or the value; {\"some\": value} where the value can be null itself
    result                   {\"ok\": value} or {\"err\": value}
    enum, variant            \"case\", or {\"case\": value}
    flags                    an array of names";
