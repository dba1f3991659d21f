//! `sesame extension …`: single extensions. Each command builds options and calls one verb.

use std::path::Path;
use std::sync::Arc;

use crate::cli::commands::registry::check;
use crate::cli::commands::{Arguments, ProfileArgument, Verb};
use crate::cli::help::help_below;
use crate::cli::options::Means;
use crate::cli::render::failure::Failure;
use crate::cli::render::progress::Working;
use crate::cli::render::{json, lock_changes};
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::guest_output::{Echo, Printed};
use crate::cli::terminal::output::{Output, Volume};
use crate::cli::terminal::prompt::agrees;
use crate::cli::{End, any_context, context, context_of, interrupt, run_verb};
use sesame::host::backends::Backends;
use sesame::host::values::Syntax;
use sesame::model::capability::{Capability, Grant, Grants, add};
use sesame::model::manifest::Limits;
use sesame::model::name::{ExtensionName, ProfileName};
use sesame::model::reference::Named;
use sesame::model::report::{CallOutcome, InstallReport, LogReport};
use sesame::ops::context::Interrupt;
use sesame::ops::edit::consent::{Asks, Consent};
use sesame::ops::edit::install::{Install, Origin, Place, install, remove};
use sesame::ops::edit::transaction::Then;
use sesame::ops::error::Error;
use sesame::ops::project::Project;
use sesame::ops::publish::push::{Push, push};
use sesame::ops::query::list::{info, list};
use sesame::ops::run::active::{Adjustment, Live, StoreLog, Surroundings, file_name, log};
use sesame::ops::run::call::{Call, call};
use sesame::ops::run::secrets::SecretsFile;
use sesame::registry::publish::package::Taken;

use super::info;
use super::push::{AddArguments, CallArguments, ExtensionCommand, InstallArguments, NewArguments, RemoveArguments};

/// Runs a command that is only there under `sesame extension`.
pub fn run(arguments: &Arguments, command: &ExtensionCommand, output: &Output) -> Result<End, Failure> {
    match command {
        ExtensionCommand::Verb(Verb::Help { names }) => output.page(&help_below("extension", names)?),
        ExtensionCommand::Verb(verb) => return run_verb(arguments, verb, output),
        ExtensionCommand::Install(options) => run_install(arguments, options, output)?,
        ExtensionCommand::List { profile } => {
            let environment = Environment::read()?;
            let report = list(&environment.paths, &live_profile(arguments, &environment, profile)?)?;
            output.answer("list", json::Data::List(&report), || info::list(&report));
        }
        ExtensionCommand::Info { name, profile } => {
            let environment = Environment::read()?;
            let profile = live_profile(arguments, &environment, profile)?;
            let report = info(&environment.paths, &environment.user(), &profile, name)?;
            output.answer("info", json::Data::Info(&report), || info::info(&report));
        }
        ExtensionCommand::Log { name, profile } => run_log(arguments, name, profile, output)?,
        ExtensionCommand::Call(options) => return run_call(arguments, options, output),
        ExtensionCommand::Push { file, destination, annotations, force, compiling } => {
            let means = Means { compiling: compiling.clone(), ..Means::default() };
            let context = any_context(arguments, "push", &means, output)?;
            let mut destination = destination.clone();
            let start = Environment::read()?.start;
            destination.layout = destination.layout.map(|folder| start.join(folder));
            let report = push(
                &context,
                &Push {
                    file: start.join(file),
                    destination,
                    annotations: annotations.iter().cloned().collect(),
                    taken: if *force { Taken::Move } else { Taken::Refuse },
                },
            )?;
            output.report("push", json::Data::Push(&report), || check::push(&report));
        }
    }
    Ok(End::Done)
}

fn run_install(arguments: &Arguments, options: &InstallArguments, output: &Output) -> Result<(), Failure> {
    let environment = Environment::read()?;
    let file = Origin::File(environment.start.join(options.from_file.clone().unwrap_or_default()));
    let origin = options.reference.as_ref().map_or(file, origin);
    let where_to = (Place::DropIn, Then::Sync);
    let report = run_new(arguments, "install", environment, origin, where_to, &options.new, output)?;
    output.report("install", json::Data::Install(&report), || lock_changes::install(&report));
    Ok(())
}

/// Adds an extension to the manifest.
pub fn run_add(arguments: &Arguments, options: &AddArguments, output: &Output) -> Result<(), Failure> {
    let environment = Environment::read()?;
    let file = Origin::InPlace(environment.start.join(options.path.clone().unwrap_or_default()));
    let origin = options.reference.as_ref().map_or(file, origin);
    let where_to = (Place::Manifest, then(options.no_sync));
    let report = run_new(arguments, "add", environment, origin, where_to, &options.new, output)?;
    output.report("add", json::Data::Install(&report), || lock_changes::added(&report));
    Ok(())
}

/// Installs what is new, or takes the place of what has its name.
fn run_new(
    arguments: &Arguments,
    verb: &str,
    environment: Environment,
    origin: Origin,
    (place, then): (Place, Then),
    options: &NewArguments,
    output: &Output,
) -> Result<InstallReport, Failure> {
    let project = Project::find_or_own(&environment.search(arguments.manifest.clone()))?;
    let grants = options.grants.iter().map(|grant| environment.absolute(grant)).collect();
    let context = context_of(environment, project, verb, &options.means, output)?;
    let consent = |asks: &Asks<'_>| consent(asks, options.grant_all, output, &context.interrupt);
    let (name, profile) = (options.name.clone(), options.profile.profile.clone());
    Ok(install(&context, &Install { origin, name, grants, place, then, consent: &consent, profile })?)
}

/// Where what is named comes from.
fn origin(named: &Named) -> Origin {
    match named {
        Named::Revision(reference) => Origin::Registry(reference.clone()),
        Named::Repository(repository) => Origin::Newest(repository.clone()),
    }
}

/// Takes extensions out of the manifest.
pub fn run_remove(arguments: &Arguments, options: &RemoveArguments, output: &Output) -> Result<(), Failure> {
    let context = context(arguments, "remove", &options.means, output)?;
    let report = remove(&context, &options.names, options.profile.profile.as_ref(), then(options.no_sync))?;
    output.report("remove", json::Data::Remove(&report), || lock_changes::remove(&report));
    Ok(())
}

fn then(no_sync: bool) -> Then {
    if no_sync { Then::Leave } else { Then::Sync }
}

/// Asks the person, if there is one and it was not said already.
fn consent(asks: &Asks<'_>, grant_all: bool, output: &Output, interrupt: &Interrupt) -> Consent {
    if grant_all {
        return Consent::Granted;
    }
    if !output.asks() {
        return Consent::Nobody;
    }
    output.say(Volume::Quiet, &lock_changes::asks(asks));
    agrees(output, interrupt)
}

fn run_log(
    arguments: &Arguments,
    name: &ExtensionName,
    profile: &ProfileArgument,
    output: &Output,
) -> Result<(), Failure> {
    let environment = Environment::read()?;
    let profile = live_profile(arguments, &environment, profile)?;
    let text = log(&environment.paths, &profile, name)?;
    if arguments.json {
        let report = LogReport { name: name.clone(), lines: text.lines().map(str::to_owned).collect() };
        output.answer("log", json::Data::Log(&report), String::new);
    } else if text.is_empty() {
        output.say(Volume::Normal, &format!("`{name}` has printed nothing\n"));
    } else {
        output.foreign_text(&text);
    }
    Ok(())
}

fn run_call(arguments: &Arguments, options: &CallArguments, output: &Output) -> Result<End, Failure> {
    let environment = Environment::read()?;
    let file = is_file(&options.target);
    let printed = Arc::new(Printed(output.clone()));
    let secrets = options.secrets.as_ref().map(|path| SecretsFile::open(&environment.start.join(path))).transpose()?;
    let secrets = secrets.map(Arc::new);
    let echo = |kept| Arc::new(Echo { output: output.clone(), kept });
    let backends = Backends {
        secret_read: secrets.clone().map(|secrets| secrets as _),
        secret_write: secrets.map(|secrets| secrets as _),
        ipc_publish: Some(printed.clone()),
        clipboard_write: Some(printed.clone()),
        notification: Some(printed),
        log: match file {
            true => Some(echo(None)),
            false if arguments.verbose > 0 => Some(echo(Some(StoreLog::new(&environment.paths)))),
            false => None,
        },
    };
    let surroundings = Surroundings {
        paths: environment.paths.clone(),
        user: environment.user(),
        environment: Environment::variables(),
        backends,
    };
    let adjustment = Adjustment {
        config: options.config.iter().cloned().collect(),
        most: Limits { max_memory_mib: options.memory, max_fuel: options.fuel, timeout_ms: options.timeout },
    };
    let interrupt = interrupt()?;
    let name = if file { file_name(&options.target) } else { options.target.display().to_string() };
    let extension = if file {
        let mut grants = Grants::new();
        for grant in &options.grants {
            let Grant { capability, scope } = environment.absolute(grant);
            add(&mut grants, capability, scope);
        }
        let project = match Project::find(&environment.search(arguments.manifest.clone())) {
            Ok(project) => Some(project),
            Err(Error::NoManifest { .. }) => None,
            // What writes nowhere can harm none.
            Err(_) if !grants.contains_key(&Capability::FsWrite) => None,
            Err(error) => return Err(error.into()),
        };
        let live = Live::empty(surroundings, project)?;
        let compiler = options.compiling.compiler(environment.program.clone());
        let target = environment.start.join(&options.target);
        let _working = Working::new(output, "compiling", &name);
        live.compile(&target, &grants, &adjustment, &environment.start, &compiler, &interrupt)?
    } else {
        if !options.grants.is_empty() {
            return Err(Failure::GrantToLive);
        }
        let name: ExtensionName = name.parse().map_err(|_| Failure::NoTarget(name.clone()))?;
        let live = Live::open(surroundings, &live_profile(arguments, &environment, &options.profile)?)?;
        live.load_with(&name, &adjustment)?
    };
    let syntax = if arguments.json { Syntax::Json } else { Syntax::Wave };
    let wanted = Call { function: options.function.clone(), arguments: options.arguments.clone(), syntax };
    let report = call(&extension, &name, &wanted, &interrupt);
    // Taking a large component apart needs a millisecond, and the process is about to end.
    std::mem::forget(extension);
    let report = report?;
    match report.outcome {
        CallOutcome::Ok => {
            output.value("call", json::Data::Call(&report), report.text.as_deref());
            Ok(End::Done)
        }
        CallOutcome::Err => {
            output.failed_value("call", json::Data::Call(&report), report.text.as_deref());
            Ok(End::Differs)
        }
    }
}

/// Whether a target is a component's file, and not the name of an extension.
fn is_file(target: &Path) -> bool {
    target.components().count() > 1 || target.extension().is_some() || target.is_absolute()
}

/// The profile that is meant: the one that is named, else the manifest's, if there is a manifest.
pub fn live_profile(
    arguments: &Arguments,
    environment: &Environment,
    argument: &ProfileArgument,
) -> Result<ProfileName, Failure> {
    if let Some(profile) = &argument.profile {
        return Ok(profile.clone());
    }
    match Project::find(&environment.search(arguments.manifest.clone())) {
        Ok(project) => Ok(project.profile()?.unwrap_or_default()),
        Err(Error::NoManifest { .. }) => Ok(ProfileName::default()),
        Err(error) => Err(error.into()),
    }
}
