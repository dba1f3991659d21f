//! What shells complete, typed at a terminal, and what `man` and `mandoc` say of the manual pages. Needs bash, zsh, man and
//! mandoc; CI installs them and runs the ignored tests.

use std::fs;
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

/// A set with `unmistakable`, and its scripts where the shells look for them.
fn installed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.unmistakable = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    for shell in ["bash", "zsh", "fish", "nushell"] {
        sandbox.ok(&["completions", shell, "--install"]).fails(0, &["wrote ", "hint: "]);
    }
    sandbox
}

#[test]
#[ignore = "needs bash, zsh, fish and util-linux; .ci/run runs it"]
fn what_is_installed_is_read_by_each_shell() {
    let sandbox = installed();
    let data = sandbox.path("home/data");
    // Where the package bash-completion looks, when it first completes the command.
    let start = format!("source {}", data.join("bash-completion/completions/sesame").display());
    types(&sandbox, "bash --norc --noprofile -i", &start, "sesame remove unm\t", "unmistakable");
    let start =
        format!("fpath=({} $fpath); autoload -U compinit; compinit -u", data.join("zsh/site-functions").display());
    types(&sandbox, "zsh -f -i", &start, "sesame call unm\t", "unmistakable");
    types(&sandbox, "zsh -f -i", &start, "sesame call unmistakable ru\t", "unmistakable run");
    types(&sandbox, "fish -i", "true", "sesame remove unm\t", "unmistakable");
}

#[test]
#[ignore = "needs nushell; .ci/run runs it"]
fn nushell_completes_names_options_and_functions() {
    let sandbox = installed();
    let script = fs::read_to_string(sandbox.path("home/data/nushell/vendor/autoload/sesame.nu")).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_sesame")).parent().unwrap();
    for (typed, offered) in [
        ("sesame remove unm", "unmistakable"),
        ("sesame call unmistakable r", "run"),
        ("sesame sync --pro", "--profile"),
        ("sesame roll", "rollback"),
    ] {
        sandbox.write("typed.nu", format!("{script}\n{typed}"));
        let end = (script.len() + 1 + typed.len()).to_string();
        let plain = sandbox.command(&[]);
        let mut command = Command::new("nu");
        command.args(["--no-config-file", "--ide-complete", &end, "typed.nu"]).current_dir(sandbox.path("project"));
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let own = std::env::var("PATH").unwrap();
        let run = Run::of(command.env("PATH", format!("{}:{own}", program.display())));
        assert!(run.stdout.contains(&format!("\"{offered}\"")), "{typed}: {}{}", run.stdout, run.stderr);
    }
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
    for shell in ["bash", "zsh", "fish", "nushell"] {
        let script = sandbox.ok(&["completions", shell]).stdout;
        assert!(script.contains("sesame") && script.contains("COMPLETE"), "{shell}: {script}");
    }
    // Where nothing is live, and nothing can be read, there is nothing to complete, and nothing is said.
    sandbox.empty_home();
    let mut command = sandbox.command(&["--", "sesame", "remove", ""]);
    let output = command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

/// What bash is offered for the last of these words.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let line = [&["--", "sesame"], words].concat();
    let index = (line.len() - 2).to_string();
    let mut command = sandbox.command(&line);
    command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
    Run::of(&mut command).stdout.lines().map(str::to_owned).collect()
}

#[test]
fn names_of_what_there_is_are_completed() {
    let sandbox = installed();
    sandbox.ok(&["sync", "--profile", "other"]);
    for (words, expected) in [
        (&["revoke", "u"][..], &["unmistakable"][..]),
        (&["why", "un"], &["unmistakable"]),
        (&["why", "conf"], &["config-read"]),
        (&["grant", "unmistakable", "clip"], &["clipboard-write"]),
        (&["call", "unmistakable", ""], &["run"]),
        (&["call", "-v", "--profile", "other", "unmistakable", "r"], &["run"]),
        (&["sync", "--profile", ""], &["default", "other"]),
        (&["profile", "delete", "o"], &["other"]),
        (&["rollback", ""], &["1"]),
        (&["generations", "diff", ""], &["1"]),
    ] {
        let offered = offered(&sandbox, words);
        let names: Vec<&String> = offered.iter().filter(|word| !word.starts_with('-')).collect();
        for name in expected {
            assert!(names.iter().any(|offered| offered.as_str() == *name), "{words:?}: {offered:?}");
        }
    }
    // The functions are those of the named profile.
    sandbox.ok(&["remove", "unmistakable"]);
    for (profile, is_there) in [("other", true), ("default", false)] {
        let offered = offered(&sandbox, &["call", "--profile", profile, "unmistakable", "r"]);
        assert_eq!(offered.iter().any(|word| word == "run"), is_there, "{profile}: {offered:?}");
    }
}

#[test]
fn nushell_is_answered_with_json() {
    let sandbox = installed();
    let mut command = sandbox.command(&["--", "sesame", "call", "unmistakable", ""]);
    let answer = Run::of(command.env("COMPLETE", "nushell")).stdout;
    let offered: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap();
    let function = offered.iter().find(|one| one["value"] == "run").unwrap();
    assert_eq!(function["description"], "run: func() -> u32");
}

#[test]
fn scripts_are_written_where_shells_look_and_over_nothing_else() {
    let sandbox = installed();
    let bash = sandbox.path("home/data/bash-completion/completions/sesame");
    let text = fs::read_to_string(&bash).unwrap();
    // It asks for the script anew, so it stays right after an update.
    assert!(text.contains("source <(sesame completions bash)"), "{text}");
    sandbox.ok(&["completions", "bash", "--install"]);
    fs::write(&bash, "# mine\n").unwrap();
    sandbox.run(&["completions", "bash", "--install"]).fails(78, &["already exists, and sesame did not write it"]);
    assert_eq!(fs::read_to_string(&bash).unwrap(), "# mine\n");
    assert!(sandbox.path("home/config/fish/completions/sesame.fish").exists());
    // Without a name it is the shell of the user.
    let mut command = sandbox.command(&["completions"]);
    Run::of(&mut command).fails(2, &["cannot determine your shell from `$SHELL`", "`sesame completions bash`"]);
    assert_eq!(Run::of(command.env("SHELL", "/usr/bin/nu")).stdout, sandbox.ok(&["completions", "nushell"]).stdout);
    // `purge` lists them, and the manual pages.
    sandbox.ok(&["man", "../data/man/man1"]);
    let listed = sandbox.ok(&["purge", "--dry-run"]).stdout;
    for file in
        ["fish/completions/sesame.fish", "zsh/site-functions/_sesame", "autoload/sesame.nu", "man1/sesame-sync.1"]
    {
        assert!(listed.contains(file), "no {file} in {listed}");
    }
    assert!(!listed.contains("bash-completion"), "{listed}");
    // A page that someone else wrote is not sesame's.
    let foreign = sandbox.path("home/data/man/man1/sesame-lock.1");
    fs::write(&foreign, ".TH mine 1\n").unwrap();
    assert!(!sandbox.ok(&["purge", "--dry-run"]).stdout.contains("sesame-lock.1"));
    sandbox.ok(&["purge", "--yes"]);
    assert!(foreign.exists());
    assert!(bash.exists() && !sandbox.path("home/config/fish/completions/sesame.fish").exists());
}

#[test]
fn help_completes_the_same_wherever_it_stands() {
    let sandbox = Sandbox::new();
    let topics = offered(&sandbox, &["help", ""]);
    assert!(
        ["sync", "extension", "capabilities"].iter().all(|name| topics.iter().any(|line| line == name)),
        "{topics:?}"
    );
    assert_eq!(offered(&sandbox, &["extension", "help", ""]), topics);
}
