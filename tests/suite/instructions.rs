//! How many instructions a sync with nothing to do takes, counted by valgrind: it may not grow unnoticed.

use std::process::Command;
use std::time::Duration;

use crate::support::artifact::component;
use crate::support::sandbox::{Run, Sandbox};

/// Of a debug build, for 100 extensions. When it changes for a good reason, write down the new one.
const INSTRUCTIONS: u64 = 11_415_000;

const EXTENSIONS: usize = 100;

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
    valgrind(&sandbox, &["--tool=none", "--trace-children=yes"]);
    std::thread::sleep(Duration::from_millis(2_200));
    valgrind(&sandbox, &["--tool=none", "--trace-children=yes"]);
    let said = valgrind(&sandbox, &["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    assert!(said.contains("up to date: 100 extensions"), "{said}");
    let counted = said.lines().find_map(|line| line.split_once("Collected : ")).expect("valgrind says what it counted");
    let found: u64 = counted.1.trim().parse().unwrap();
    println!("a sync with nothing to do of {EXTENSIONS} extensions: {found} instructions");
    let part = found as f64 / INSTRUCTIONS as f64;
    assert!((0.90..1.05).contains(&part), "{found} instructions, {part:.3} of what is written down");
}

/// What a sync under valgrind says.
fn valgrind(sandbox: &Sandbox, options: &[&str]) -> String {
    let plain = sandbox.command(&["sync"]);
    let mut command = Command::new("valgrind");
    command.args(options).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(sandbox.path("project")).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/bin:/bin");
    let run = Run::of(&mut command);
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.stderr
}
