//! What shells and `man` are told of the command line: completions and manual pages, both made from what clap reads.

use std::ffi::OsStr;
use std::path::Path;

use crate::cli::commands::Arguments;
use crate::cli::terminal::environment::Environment;
use clap::{CommandFactory as _, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};
use clap_complete::env::Shells;
use sesame::model::capability::Capability;
use sesame::ops::project::Project;
use sesame::ops::query::list::list;

use super::known;

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "COMPLETE";

/// The shells that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Answers a shell that asks for completions; whether one did.
pub fn answered() -> bool {
    let folder = std::env::current_dir().ok();
    CompleteEnv::with_factory(Arguments::command)
        .var(VARIABLE)
        .bin("sesame")
        .try_complete(std::env::args_os(), folder.as_deref())
        .unwrap_or(true)
}

/// The script that a shell reads to ask this program for completions.
pub fn script(shell: Shell) -> String {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
    };
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(name) {
        // Into memory nothing can fail to be written.
        let _ = shell.write_registration(VARIABLE, "sesame", "sesame", "sesame", &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}

/// All manual pages, each with the name of its file.
pub fn pages() -> Vec<(String, Vec<u8>)> {
    let mut command = Arguments::command();
    command.build();
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let mut pages = Vec::new();
    let mut pending = vec![command];
    while let Some(command) = pending.pop() {
        // `sesame extension sync` is `sesame sync`, and has no page of its own.
        let is_shown = |below: &&clap::Command| {
            let is_verb = command.get_name() == "extension" && verbs.iter().any(|verb| verb == below.get_name());
            !below.is_hide_set() && below.get_name() != "help" && !is_verb
        };
        pending.extend(command.get_subcommands().filter(is_shown).cloned());
        let page = clap_mangen::Man::new(command).source("sesame").manual("sesame");
        let mut text = Vec::new();
        if page.render(&mut text).is_ok() {
            pages.push((page.get_filename(), text));
        }
    }
    pages.sort();
    pages
}

/// The names of what is live, for a shell.
pub fn live_names() -> Vec<CompletionCandidate> {
    let names = || {
        let environment = Environment::read().ok()?;
        let project = Project::find(&environment.search(None)).ok();
        let profile = project.and_then(|project| project.profile().ok().flatten()).unwrap_or_default();
        list(&environment.paths, &profile).ok()
    };
    let live = names().map(|report| report.extensions).unwrap_or_default();
    live.into_iter().map(|extension| CompletionCandidate::new(extension.name.to_string())).collect()
}

/// The capabilities that can be granted.
pub fn capabilities() -> Vec<CompletionCandidate> {
    Capability::ALL.into_iter().map(|capability| CompletionCandidate::new(capability.as_str())).collect()
}

/// What there is help for.
pub fn help_names() -> Vec<CompletionCandidate> {
    known().into_iter().map(CompletionCandidate::new).collect()
}

/// The names of what is live, and components' files.
pub fn live_names_and_files(current: &OsStr) -> Vec<CompletionCandidate> {
    let begins =
        |name: &CompletionCandidate| name.get_value().to_string_lossy().starts_with(&*current.to_string_lossy());
    let names = live_names().into_iter().filter(begins);
    let is_component = |path: &Path| path.extension().is_some_and(|extension| extension == "wasm");
    let files = PathCompleter::file().filter(move |path: &Path| is_component(path));
    names.chain(files.complete(current)).collect()
}
