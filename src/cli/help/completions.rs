//! What shells and `man` are given of the command line: completions and manual pages, both made from what clap reads.

use clap::ValueEnum;
use clap_complete::CompleteEnv;
use clap_complete::env::Shells;

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
pub fn answer_completion_request(program: fn() -> clap::Command) -> bool {
    let folder = std::env::current_dir().ok();
    CompleteEnv::with_factory(program)
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
pub fn pages(mut command: clap::Command) -> Vec<(String, Vec<u8>)> {
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
