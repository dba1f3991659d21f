//! The README does what it says: its scripts are run as they stand there.

use std::fs;
use std::process::Command;

use crate::support::fixture;
use crate::support::real_registry::Server;
use crate::support::sandbox::{Run, Sandbox};

/// The commands below the mark `<!-- NAME -->`.
fn script(name: &str) -> String {
    let readme = fs::read_to_string(fixture("../README.md")).unwrap();
    let mark = format!("<!-- {name} -->\n\n```bash\n");
    let start = readme.find(&mark).unwrap_or_else(|| panic!("the README has no script `{name}`")) + mark.len();
    let end = readme[start..].find("```").unwrap();
    readme[start..start + end].to_owned()
}

/// Needs `docker-registry`, and a Rust toolchain that can get a wasm target.
#[test]
#[ignore = "needs a wasm target and docker-registry; .ci/full runs it"]
fn the_journey_of_an_author() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox.path("tmp"));
    let script = script("journey").replace("127.0.0.1:5000", &server.host);
    assert!(script.contains(&server.host), "{script}");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_sesame")).parent().unwrap().display().to_string();
    let plain = sandbox.command(&[]);
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &script]).current_dir(sandbox.path("project"));
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // The tools of the machine, and its way to crates.io.
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{program}:{path}")).env_remove("HTTPS_PROXY").env_remove("http_proxy");
    let home = std::env::var("HOME").unwrap();
    for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        command.env(variable, std::env::var(variable).unwrap_or_else(|_| format!("{home}/{folder}")));
    }
    let run = Run::of(&mut command);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(run.stdout.contains("greeting-extension  0.1.0"), "{}", run.stdout);
    assert_eq!(lines[0], "Hello, World!", "{}", run.stdout);
    assert_eq!(lines[lines.len() - 2..], ["Hello, World!", "Bonjour, World"], "{}", run.stdout);
}
