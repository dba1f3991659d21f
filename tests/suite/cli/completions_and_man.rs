//! What shells complete, typed at a terminal, and what `man` and `mandoc` say of the manual pages. Needs bash, zsh, man and
//! mandoc; CI installs them and runs the ignored tests.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::artifact::component;
use crate::support::sandbox::{Run, Sandbox};

/// How long a shell may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Types into a shell at a pseudo-terminal, after what it reads at its start, until a text is shown.
fn types(sandbox: &Sandbox, shell: &str, start: &str, typed: &str, shown: &str) {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_sesame")).parent().unwrap();
    let plain = sandbox.command(&[]);
    let mut terminal = Command::new("script");
    terminal.args(["-qfec", shell, "/dev/null"]).current_dir(sandbox.path("project")).env_clear();
    terminal.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.env("PATH", format!("{}:/usr/bin:/bin", program.display())).env("TERM", "xterm").env("PS1", "> ");
    let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (sender, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            if sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned()).is_err() {
                break;
            }
        }
    });
    let mut seen = String::new();
    let mut wait_for = |text: &str| {
        let end = Instant::now() + PATIENCE;
        while !seen.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            let piece = pieces.recv_timeout(left);
            seen += &piece.unwrap_or_else(|_| panic!("{shell} does not show `{text}`: {seen:?}"));
        }
        seen.clear();
    };
    let mut input = child.stdin.take().unwrap();
    // What is shown when it is typed is not what is shown when it is done.
    input.write_all(format!("{start}; echo rea''dy\n").as_bytes()).unwrap();
    wait_for("ready");
    input.write_all(typed.as_bytes()).unwrap();
    wait_for(shown);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "needs bash, zsh and util-linux; .ci/run runs it"]
fn the_name_of_a_live_extension_is_completed() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.unmistakable = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    for command in ["extension call ", "remove ", "extension info ", "upgrade "] {
        let typed = format!("sesame {command}unm\t");
        types(&sandbox, "bash --norc --noprofile -i", "source <(sesame completions bash)", &typed, "unmistakable");
        let start = "autoload -U compinit; compinit -u; source <(sesame completions zsh)";
        types(&sandbox, "zsh -f -i", start, &typed, "unmistakable");
    }
    types(&sandbox, "bash --norc --noprofile -i", "source <(sesame completions bash)", "sesame gen\t", "generations");
}

#[test]
#[ignore = "needs man and mandoc; .ci/run runs it"]
fn the_manual_pages_are_right() {
    let sandbox = Sandbox::new();
    assert!(sandbox.ok(&["man", "../man"]).stderr.starts_with("wrote "));
    let pages = sandbox.files(&sandbox.path("man"));
    assert!(pages.iter().any(|page| page.ends_with("sesame-bundle-import.1")), "{pages:?}");
    let lint = Command::new("mandoc").args(["-Tlint", "-W", "error"]).args(&pages).output().unwrap();
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    for page in pages {
        let shown = Command::new("man").arg("-l").arg(&page).env("MANWIDTH", "80").output().unwrap();
        let (text, said) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(shown.status.success() && text.contains("SYNOPSIS") && said.is_empty(), "{}: {said}", page.display());
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.ok(&["completions", shell]).stdout;
        assert!(script.contains("sesame") && script.contains("COMPLETE"), "{shell}: {script}");
    }
    // Where nothing is live, and nothing can be read, there is nothing to complete, and nothing is said.
    sandbox.empty_home();
    let mut command = sandbox.command(&["--", "sesame", "remove", ""]);
    let output = command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn help_completes_the_same_wherever_it_stands() {
    let sandbox = Sandbox::new();
    let offered = |words: &[&str]| {
        let line = [&["--", "sesame"], words, &[""]].concat();
        let index = (line.len() - 2).to_string();
        let mut command = sandbox.command(&line);
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
        Run::of(&mut command).stdout
    };
    let topics = offered(&["help"]);
    assert!(
        ["sync", "extension", "capabilities"].iter().all(|name| topics.lines().any(|line| line == *name)),
        "{topics}"
    );
    assert_eq!(offered(&["extension", "help"]), topics);
}
