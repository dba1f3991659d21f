//! How many instructions a sync with nothing to do takes, counted by valgrind: it may not grow unnoticed.

use std::process::Command;

use crate::support::artifact::component;
use crate::support::sandbox::{Run, Sandbox};

/// Of a debug build, for 100 extensions. When it changes for a good reason, write down the new one.
const INSTRUCTIONS: u64 = 11_415_000;

const EXTENSIONS: usize = 100;

/// Valgrind's options to run a command, and to count its instructions.
const RUN: [&str; 2] = ["--tool=none", "--trace-children=yes"];
const COUNT: [&str; 2] = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];

#[test]
#[ignore = "needs valgrind; .ci/run runs it"]
fn a_sync_with_nothing_to_do_takes_no_more_instructions_than_it_did() {
    let sandbox = Sandbox::new();
    let mut manifest = "[extensions]\n".to_owned();
    for number in 0..EXTENSIONS {
        sandbox.write(&format!("{number:03}.wasm"), component(&format!("{number:03}")));
        manifest += &format!("e{number:03} = {{ path = \"{number:03}.wasm\" }}\n");
    }
    sandbox.write("sesame.toml", manifest);
    // The processor that valgrind plays has other features, so nothing is up to date that was not compiled under it.
    valgrind(&sandbox, &RUN, &["sync"]);
    sandbox.leave_alone();
    valgrind(&sandbox, &RUN, &["sync"]);
    let said = valgrind(&sandbox, &COUNT, &["sync"]);
    assert!(said.contains("up to date: 100 extensions"), "{said}");
    let found = counted(&said);
    println!("a sync with nothing to do of {EXTENSIONS} extensions: {found} instructions");
    let part = found as f64 / INSTRUCTIONS as f64;
    assert!((0.90..1.05).contains(&part), "{found} instructions, {part:.3} of what is written down");
}

#[test]
#[ignore = "needs valgrind; .ci/run runs it"]
fn a_manifest_of_four_times_the_extensions_takes_about_four_times_the_instructions() {
    let counts = [500, 2_000].map(|extensions| {
        let sandbox = Sandbox::new();
        let mut manifest = "[extensions]\n".to_owned();
        sandbox.write("c.wasm", component("c"));
        for number in 0..extensions {
            sandbox.write(&format!("notes/{number}/x"), "");
            manifest += &format!("e{number} = {{ path = \"c.wasm\", capabilities.fs-write = [\"notes/{number}\"] }}\n");
        }
        sandbox.write("sesame.toml", manifest);
        sandbox.ok(&["lock"]);
        let found = counted(&valgrind(&sandbox, &COUNT, &["sync", "--dry-run"]));
        println!("a plan of {extensions} extensions: {found} instructions");
        found
    });
    assert!(counts[1] < counts[0] * 5, "{counts:?}");
}

/// The instructions that valgrind says it counted.
fn counted(said: &str) -> u64 {
    let counted = said.lines().find_map(|line| line.split_once("Collected : ")).expect("valgrind says what it counted");
    counted.1.trim().parse().unwrap()
}

/// What a command under valgrind says.
fn valgrind(sandbox: &Sandbox, options: &[&str], arguments: &[&str]) -> String {
    let plain = sandbox.command(arguments);
    let mut command = Command::new("valgrind");
    command.args(options).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(sandbox.path("project")).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/bin:/bin");
    let run = Run::of(&mut command);
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.stderr
}
