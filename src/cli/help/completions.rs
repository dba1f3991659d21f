//! What shells and `man` are given of the command line: completions and manual pages, both made from what clap reads.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap_complete::CompleteEnv;
use clap_complete::env::{Bash, EnvCompleter, Fish, Shells, Zsh};

use sesame::ops::publish::completions::MARK;
use sesame::ops::publish::man_pages::MARK as MARK_OF_PAGES;

use super::nushell::Nushell;

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "COMPLETE";

/// The shells that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    #[value(alias = "nu")]
    Nushell,
}

impl Shell {
    pub const ALL: [Self; 4] = [Self::Bash, Self::Zsh, Self::Fish, Self::Nushell];

    /// The shell with the program at a path.
    pub fn of_program(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        Self::ALL.into_iter().find(|shell| shell.completer().is(name))
    }

    fn completer(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
            Self::Nushell => &Nushell,
        }
    }

    /// Where the shell looks for completions of the user's, below `$XDG_DATA_HOME` and `$XDG_CONFIG_HOME`.
    pub fn installed_path(self, data: &Path, configuration: &Path) -> PathBuf {
        match self {
            Self::Bash => data.join("bash-completion/completions/sesame"),
            Self::Zsh => data.join("zsh/site-functions/_sesame"),
            Self::Fish => configuration.join("fish/completions/sesame.fish"),
            Self::Nushell => data.join("nushell/vendor/autoload/sesame.nu"),
        }
    }
}

/// Answers a shell that asks for completions; whether one did.
pub fn answer_completion_request(program: fn() -> clap::Command) -> bool {
    let folder = std::env::current_dir().ok();
    CompleteEnv::with_factory(program)
        .var(VARIABLE)
        .bin("sesame")
        .shells(Shells(&[&Bash, &Zsh, &Fish, &Nushell]))
        .try_complete(std::env::args_os(), folder.as_deref())
        .unwrap_or(true)
}

/// The script that a shell reads to ask this program for completions.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    // Into memory nothing can fail to be written.
    let _ = shell.completer().write_registration(VARIABLE, "sesame", "sesame", "sesame", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The text of the file that `--install` writes. It asks for the script anew where a shell can, so that it stays right when this
/// program is replaced.
pub fn installed_script(shell: Shell) -> String {
    match shell {
        Shell::Bash => format!("{MARK}\nsource <(sesame completions bash)\n"),
        // The file is the function that completes for the first time.
        Shell::Zsh => {
            format!("#compdef sesame\n{MARK}\nsource <(sesame completions zsh)\n\"${{_comps[sesame]}}\" \"$@\"\n")
        }
        Shell::Fish => format!("{MARK}\nsesame completions fish | source\n"),
        Shell::Nushell => format!("{MARK}\n{}", script(shell)),
    }
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
        let mut text = format!(".\\\" {MARK_OF_PAGES}\n").into_bytes();
        if page.render(&mut text).is_ok() {
            pages.push((page.get_filename(), text));
        }
    }
    pages.sort();
    pages
}
