//! What shells offer for the arguments of commands: names of what is active, capabilities, files. Imports no command.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};

use sesame::host::options::HostOptions;
use sesame::model::capability::Capability;
use sesame::model::name::ProfileName;
use sesame::ops::project::Project;
use sesame::ops::query::list::list;
use sesame::ops::run::active::{ActiveSet, HostEnvironment};
use sesame::ops::run::call::functions;
use sesame::store::generations;

use super::terminal::environment::Environment;

/// The names of what is active.
pub fn active_names() -> Vec<CompletionCandidate> {
    let names = || {
        let environment = Environment::read().ok()?;
        list(&environment.paths, &environment.user(), &declared_profile(&environment)).ok()
    };
    let live = names().map(|report| report.extensions).unwrap_or_default();
    live.into_iter().map(|extension| CompletionCandidate::new(extension.name.to_string())).collect()
}

/// The profiles of this machine.
pub fn profiles() -> Vec<CompletionCandidate> {
    let known = Environment::read().ok().and_then(|environment| generations::profiles(&environment.paths).ok());
    known.into_iter().flatten().map(|profile| CompletionCandidate::new(profile.to_string())).collect()
}

/// The numbers of the generations of the profile that the manifest declares.
pub fn generation_numbers() -> Vec<CompletionCandidate> {
    let numbers = || {
        let environment = Environment::read().ok()?;
        generations::numbers(&environment.paths, &declared_profile(&environment)).ok()
    };
    numbers().into_iter().flatten().map(|number| CompletionCandidate::new(number.to_string())).collect()
}

/// The first word that is neither an option nor its value, and the profile that is named before or after it.
fn call_target(words: &[String]) -> Option<(String, Option<ProfileName>)> {
    const FLAGS: [&str; 6] = ["--json", "--quiet", "-q", "--verbose", "-v", "-vv"];
    let (mut name, mut profile) = (None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some(("--profile", value)) => profile = value.parse().ok(),
            None if word == "--profile" => profile = words.next()?.parse().ok(),
            None if FLAGS.contains(&word.as_str()) => {}
            None if word.starts_with('-') && word.len() > 1 => drop(words.next()),
            _ if word.starts_with('-') => {}
            _ => drop(name.get_or_insert_with(|| word.clone())),
        }
    }
    Some((name?, profile))
}

fn declared_profile(environment: &Environment) -> ProfileName {
    let project = Project::find(&environment.search(None)).ok();
    project.and_then(|project| project.read_profile().ok().flatten()).unwrap_or_default()
}

/// The functions of the extension that `call` on the line under way names, each with its signature.
pub fn called_functions() -> Vec<CompletionCandidate> {
    let found = || {
        let words = std::env::args_os().skip_while(|word| word != "call").skip(1);
        let words: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
        let (name, profile) = call_target(&words)?;
        let environment = Environment::read().ok()?;
        let profile = profile.unwrap_or_else(|| declared_profile(&environment));
        let host = HostEnvironment {
            user: environment.user(),
            paths: environment.paths,
            environment: BTreeMap::new(),
            host: HostOptions::default(),
        };
        let extension = ActiveSet::open(host, &profile).ok()?.load(&name.parse().ok()?).ok()?;
        Some(functions(&extension, &name).functions)
    };
    let listed = found().into_iter().flatten();
    listed.map(|function| CompletionCandidate::new(function.name).help(Some(function.signature.into()))).collect()
}

/// The capabilities that can be granted.
pub fn capabilities() -> Vec<CompletionCandidate> {
    Capability::ALL.into_iter().map(|capability| CompletionCandidate::new(capability.as_str())).collect()
}

/// The names of what is active, and capabilities.
pub fn names_and_capabilities() -> Vec<CompletionCandidate> {
    active_names().into_iter().chain(capabilities()).collect()
}

/// The names of what is active, and components' files.
pub fn active_names_and_files(current: &OsStr) -> Vec<CompletionCandidate> {
    let begins =
        |name: &CompletionCandidate| name.get_value().to_string_lossy().starts_with(&*current.to_string_lossy());
    let names = active_names().into_iter().filter(begins);
    let is_component = |path: &Path| path.extension().is_some_and(|extension| extension == "wasm");
    let files = PathCompleter::file().filter(move |path: &Path| is_component(path));
    names.chain(files.complete(current)).collect()
}
