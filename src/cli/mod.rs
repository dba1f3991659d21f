//! The words: arguments in, messages and JSON out. Logic is never here: each command builds options and calls one verb.
//!
//! The only room that prints, reads the environment, or says how the process ends.

mod commands;
mod help;
mod options;
mod render;
mod terminal;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue};

use sesame::compiler::worker;
use sesame::model::fault::FaultKind;
use sesame::model::name::ExtensionName;
use sesame::model::report::{LockOutcome, SyncOutcome, WitReport};
use sesame::ops::context::{Context, Interrupt};
use sesame::ops::edit::{init, upgrade};
use sesame::ops::error::Error;
use sesame::ops::maintain::{gc, verify};
use sesame::ops::project::Project;
use sesame::ops::publish::{man_pages, wit};
use sesame::ops::query::status::{self, Remote};
use sesame::ops::query::{doctor, generations, graph as graphs, outdated};
use sesame::ops::sync::options::{LockPolicy, Mode, Ownership, SyncOptions, Upgrade};
use sesame::ops::sync::{self, diff, lock, noop_check, rollback};
use sesame::registry::source::selection::Reach;

use commands::{Arguments, Below, Command, GenerationsCommand, LockArguments, ProfileArgument, SyncArguments, Verb};
use options::{Compiling, Means};
use render::progress::Progress;
use terminal::environment::Environment;
use terminal::output::{Output, Volume};

/// How a command that did its work ends: `Differs` is what `--check` and `diff` answer, `Damaged` what `verify` does.
enum End {
    Done,
    Differs,
    Damaged,
    /// It could not be told.
    Unknown(FaultKind),
}

/// Runs the program.
pub fn main() -> ExitCode {
    if help::completions::answered() {
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(error),
    };
    let output = Output::new(&arguments);
    let name = arguments.command.name();
    let status = match catch_unwind(AssertUnwindSafe(|| run(&arguments, &output))) {
        Ok(Ok(End::Done)) => 0,
        Ok(Ok(End::Differs)) => 1,
        Ok(Ok(End::Damaged)) => render::failure::status(FaultKind::Integrity),
        Ok(Ok(End::Unknown(kind))) => render::failure::status(kind),
        Ok(Err(error)) => {
            output.failure(name, &error);
            render::failure::status(error.kind())
        }
        Err(_) => {
            let error = Error::Bug("sesame panicked").into();
            output.failure(name, &error);
            render::failure::status(error.kind())
        }
    };
    if output.is_lost() && status <= 1 {
        return ExitCode::from(render::failure::status(FaultKind::Io));
    }
    ExitCode::from(status)
}

/// Says what is wrong with the command line, or what was asked for of it. Whoever wants JSON gets JSON.
fn usage(mut error: clap::Error) -> ExitCode {
    // `sesame list` is a good guess.
    let guess = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    if let Some(guess) = guess.filter(|name| help::is_command(&["extension", name])) {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![format!("extension {guess}")]));
    }
    let wants_json = std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if error.use_stderr() && wants_json {
        let words = error.render().to_string();
        let message: Vec<&str> = words.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        let message = message.join(" ").trim_start_matches("error: ").to_owned();
        let tip = words.lines().find_map(|line| line.trim().strip_prefix("tip: ")).map(str::to_owned);
        Output::json().failure("sesame", &render::failure::Failure::Usage { message, tip });
    } else {
        // Where nobody can be told, there is nobody to tell that.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { render::failure::status(FaultKind::Usage) } else { 0 })
}

fn run(arguments: &Arguments, output: &Output) -> Result<End, render::failure::Failure> {
    match &arguments.command {
        Command::Verb(verb) => run_verb(arguments, verb, output),
        Command::Extension(Below(command)) => commands::extension::call::run(arguments, command, output),
        Command::Registry(Below(command)) => commands::registry::login::run(arguments, command, output),
        Command::CompileWorker => {
            worker::serve(std::io::stdin().lock(), std::io::stdout()).map_err(render::failure::Failure::Worker)?;
            Ok(End::Done)
        }
    }
}

fn run_verb(arguments: &Arguments, verb: &Verb, output: &Output) -> Result<End, render::failure::Failure> {
    match verb {
        Verb::Wit { folder: None } if !arguments.json => output.text(&wit::text()),
        Verb::Wit { folder } => {
            let report = match folder {
                Some(folder) => wit::write(&Environment::read()?.start.join(folder))?,
                None => WitReport { files: Vec::new(), text: Some(wit::text()) },
            };
            output.report("wit", render::json::Data::Wit(&report), || render::lock_changes::wit(&report));
        }
        Verb::Schema { name } => output.text(&help::schema::text(*name)),
        Verb::Help { names } => output.page(&help::help(names)?),
        Verb::Completions { shell } => output.text(&help::completions::script(*shell)),
        Verb::Man { folder } => {
            let pages = help::completions::pages();
            man_pages::write(&Environment::read()?.start.join(folder), &pages)?;
            output.say(Volume::Normal, &render::lock_changes::pages(folder, pages.len()));
        }
        Verb::Init => {
            let environment = Environment::read()?;
            let named = arguments.manifest.clone().unwrap_or_default();
            let report = init::init(&environment.start.join(&named), &named)?;
            output.report("init", render::json::Data::Init(&report), || render::lock_changes::init(&report));
        }
        Verb::Verify { repair, means } => {
            let context = any_context(arguments, "verify", means, output)?;
            let mode = if *repair { Mode::Write } else { Mode::Preview };
            let report = verify::verify(&context, mode)?;
            output.report("verify", render::json::Data::Verify(&report), || {
                commands::machine::verify::verify(&report, *repair)
            });
            return Ok(if report.is_wrong() { End::Damaged } else { End::Done });
        }
        Verb::Gc { functions, cache, dry_run } => {
            let compiling = Compiling { functions: functions.clone(), ..Compiling::default() };
            let means = Means { compiling, ..Means::default() };
            let scope = if *cache { gc::Scope::Cache } else { gc::Scope::Everything };
            let mode = if *dry_run { Mode::Preview } else { Mode::Write };
            let report = gc::gc(&any_context(arguments, "gc", &means, output)?, scope, mode)?;
            output.report("gc", render::json::Data::Gc(&report), || commands::machine::gc::gc(&report));
        }
        Verb::Status { remote, profile, means } => {
            let context = context(arguments, "status", means, output)?;
            let remote = if *remote { Remote::Ask } else { Remote::Leave };
            let report = status::status(&context, profile.profile.clone(), remote)?;
            output.result("status", render::json::Data::Status(&report), || commands::machine::status::status(&report));
            return Ok(if report.differences.is_empty() { End::Done } else { End::Differs });
        }
        Verb::Bundle(Below(command)) => commands::bundle::import::run(arguments, command, output)?,
        Verb::Generations { profile, command } => run_generations(arguments, profile, command.as_ref(), output)?,
        Verb::Rollback { generation, profile, compiling } => {
            let means = Means { offline: true, compiling: compiling.clone(), ..Means::default() };
            let context = any_context(arguments, "rollback", &means, output)?;
            let profile = commands::extension::call::live_profile(arguments, &Environment::read()?, profile)?;
            let report = rollback::rollback(&context, &profile, *generation)?;
            output.report("rollback", render::json::Data::Sync(&report), || {
                commands::machine::generations::rollback(&report)
            });
        }
        Verb::Doctor { means } => {
            let context = any_context(arguments, "doctor", means, output)?;
            let report = doctor::doctor(&context, &Environment::read()?.search(arguments.manifest.clone()));
            output.result("doctor", render::json::Data::Doctor(&report), || commands::machine::doctor::doctor(&report));
            return Ok(if report.is_wrong() { End::Differs } else { End::Done });
        }
        Verb::Graph { format } => {
            let project = Project::find(&Environment::read()?.search(arguments.manifest.clone()))?;
            let report = graphs::graph(&project)?;
            output.answer("graph", render::json::Data::Graph(&report), || render::graph::drawn(&report, *format));
        }
        Verb::Outdated { means } => {
            let report = outdated::outdated(&context(arguments, "outdated", means, output)?)?;
            output.result("outdated", render::json::Data::Outdated(&report), || {
                commands::project::outdated::outdated(&report)
            });
            return Ok(match report.unknown() {
                Some(kind) => End::Unknown(kind),
                None if report.extensions.is_empty() => End::Done,
                None => End::Differs,
            });
        }
        Verb::Upgrade { names, profile, means } => {
            let context = context(arguments, "upgrade", means, output)?;
            let report = upgrade::upgrade(&context, &upgraded(names), profile.profile.as_ref())?;
            output
                .report("upgrade", render::json::Data::Sync(&report), || commands::project::outdated::upgrade(&report));
        }
        Verb::Add(options) => commands::extension::call::run_add(arguments, options, output)?,
        Verb::Remove(options) => commands::extension::call::run_remove(arguments, options, output)?,
        Verb::Lock(options) => return run_lock(arguments, options, output),
        Verb::Sync(options) => return run_sync(arguments, options, output),
        Verb::Diff { profile, means } => {
            let context = context(arguments, "diff", means, output)?;
            let report = diff::diff(&context, profile.clone(), Ownership::Adopt)?;
            output.result("diff", render::json::Data::Diff(&report), || render::lock_changes::diff(&report));
            return Ok(if report.is_empty() { End::Done } else { End::Differs });
        }
    }
    Ok(End::Done)
}

fn run_generations(
    arguments: &Arguments,
    profile: &ProfileArgument,
    command: Option<&GenerationsCommand>,
    output: &Output,
) -> Result<(), render::failure::Failure> {
    let environment = Environment::read()?;
    match command {
        None => {
            let profile = commands::extension::call::live_profile(arguments, &environment, profile)?;
            let report = generations::list(&environment.paths, &profile)?;
            output.answer("generations", render::json::Data::Generations(&report), || {
                commands::machine::generations::list(&report)
            });
        }
        Some(GenerationsCommand::Delete { generations, profile: own }) => {
            let named = ProfileArgument { profile: own.profile.clone().or_else(|| profile.profile.clone()) };
            let profile = commands::extension::call::live_profile(arguments, &environment, &named)?;
            let context = any_context(arguments, "generations delete", &Means::default(), output)?;
            let report = generations::delete(&context, &profile, generations)?;
            let data = render::json::Data::RemovedGenerations(&report);
            output.report("generations", data, || commands::machine::generations::removed(&report));
        }
    }
    Ok(())
}

/// What to resolve again: these extensions, or all.
fn upgraded(names: &[ExtensionName]) -> Upgrade {
    if names.is_empty() { Upgrade::All } else { Upgrade::Names(names.iter().cloned().collect()) }
}

fn run_lock(arguments: &Arguments, options: &LockArguments, output: &Output) -> Result<End, render::failure::Failure> {
    let context = context(arguments, "lock", &options.means, output)?;
    let is_upgrade = options.upgrade || !options.names.is_empty();
    let upgrade = if is_upgrade { upgraded(&options.names) } else { Upgrade::Nothing };
    let mode = if options.check { Mode::Preview } else { Mode::Write };
    let report = lock::lock(&context, mode, &upgrade)?;
    if options.check {
        output.result("lock", render::json::Data::Lock(&report), || render::lock_changes::lock_preview(&report));
    } else {
        output.report("lock", render::json::Data::Lock(&report), || render::lock_changes::lock(&report));
    }
    Ok(if report.outcome == LockOutcome::WouldChange { End::Differs } else { End::Done })
}

fn run_sync(arguments: &Arguments, options: &SyncArguments, output: &Output) -> Result<End, render::failure::Failure> {
    let context = context(arguments, "sync", &options.means, output)?;
    let (check, preview) = (options.check, options.check || options.dry_run);
    let options = SyncOptions {
        mode: if preview { Mode::Preview } else { Mode::Write },
        policy: match (options.locked, options.frozen) {
            (_, true) => LockPolicy::Frozen,
            (true, false) => LockPolicy::Locked,
            (false, false) => LockPolicy::Update,
        },
        ownership: if options.adopt { Ownership::Adopt } else { Ownership::Respect },
        profile: options.profile.clone(),
    };
    // The report of JSON, and of those who want to hear more, names every extension; the usual words do not.
    if !preview
        && !arguments.json
        && !output.says(Volume::Verbose)
        && let Some(answer) = noop_check::sync(&context, &options)
    {
        output.say(Volume::Normal, &render::lock_changes::up_to_date(&answer));
        return Ok(End::Done);
    }
    let report = sync::sync(&context, &options)?;
    if preview {
        output.result("sync", render::json::Data::Sync(&report), || render::lock_changes::plan(&report));
    } else {
        output.report("sync", render::json::Data::Sync(&report), || render::lock_changes::sync(&report));
        if output.says(Volume::Verbose)
            && let Ok(sizes) = gc::sizes(&context.paths)
        {
            output.say(Volume::Verbose, &commands::machine::gc::caches(&sizes, report.functions));
        }
    }
    Ok(if check && report.outcome == SyncOutcome::Planned { End::Differs } else { End::Done })
}

/// The first signal lets the run end well; the second ends the process where it is.
#[expect(clippy::disallowed_methods, reason = "a second signal means now")]
fn interrupted(interrupt: &Interrupt) {
    if interrupt.is_set() {
        std::process::exit(i32::from(render::failure::status(FaultKind::Interrupted)));
    }
    interrupt.set();
}

/// An interrupt that the signals of the terminal and of the system set.
fn interrupt() -> Result<Interrupt, render::failure::Failure> {
    let interrupt = Interrupt::default();
    let handler = interrupt.clone();
    ctrlc::set_handler(move || interrupted(&handler)).map_err(|error| Error::Runtime(std::io::Error::other(error)))?;
    Ok(interrupt)
}

/// What the verbs are given, from the arguments and the environment.
fn context(
    arguments: &Arguments,
    verb: &str,
    means: &Means,
    output: &Output,
) -> Result<Context, render::failure::Failure> {
    let environment = Environment::read()?;
    let project = Project::find(&environment.search(arguments.manifest.clone()))?;
    context_of(environment, project, verb, means, output)
}

/// The same where no manifest is needed: then it is as good as an empty one.
fn any_context(
    arguments: &Arguments,
    verb: &str,
    means: &Means,
    output: &Output,
) -> Result<Context, render::failure::Failure> {
    let environment = Environment::read()?;
    let project = Project::find_or_own(&environment.search(arguments.manifest.clone()))?;
    context_of(environment, project, verb, means, output)
}

fn context_of(
    environment: Environment,
    project: Project,
    verb: &str,
    means: &Means,
    output: &Output,
) -> Result<Context, render::failure::Failure> {
    let interrupt = interrupt()?;
    Ok(Context {
        user: environment.user(),
        project,
        paths: environment.paths,
        network: environment.network,
        reach: if means.offline { Reach::Offline } else { Reach::Online },
        jobs: means.jobs,
        compiler: means.compiling.compiler(environment.program),
        observer: Arc::new(Progress::new(output)),
        interrupt,
        holder: format!("`sesame {verb}` (process {})", std::process::id()),
    })
}
