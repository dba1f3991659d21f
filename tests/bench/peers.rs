//! The programs that do the same by hand: `wkg oci pull`, then `wasmtime compile`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The first line that a program says of itself; none if it is not there.
pub fn version(mut command: Command) -> Option<String> {
    let output = command.arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let words: Vec<&str> = text.lines().next()?.split_whitespace().take(2).collect();
    Some(words.join(" "))
}

pub fn has(program: &str) -> bool {
    version(Command::new(program)).is_some()
}

/// Whether both are there.
pub fn both() -> bool {
    has("wkg") && has("wasmtime")
}

/// Fetches one component from a registry on this machine.
pub fn pull(reference: &str, target: &Path) -> Command {
    let mut command = Command::new("wkg");
    let host = reference.split('/').next().unwrap();
    command.args(["oci", "pull", "--insecure", host, reference, "-o"]).arg(target);
    command
}

pub fn compile(component: &Path) -> Command {
    let mut command = Command::new("wasmtime");
    command.args(["compile", "-W", "epoch-interruption=y"]).arg(component).arg("-o").arg(code(component));
    command
}

/// Where the compiled code goes.
fn code(component: &Path) -> PathBuf {
    component.with_extension("cwasm")
}
