//! What this machine cannot do is said of the machine, not of a guest.

use crate::support::guest;
use crate::support::library_host::context;
use crate::support::sandbox::{Run, Sandbox};
use sesame::compiler::settings::CompilerSettings;
use sesame::model::report::query::doctor::{CheckFact, CheckState};
use sesame::ops::context::Context;
use sesame::ops::project::search::Search;
use sesame::ops::query::doctor::doctor;

/// Runs a command under a limit of the shell.
fn limited(sandbox: &Sandbox, limit: &str, arguments: &[&str]) -> Run {
    let script = format!("{limit} && shift && exec \"$@\"");
    Run::of(&mut sandbox.command_under("sh", &["-c", &script, "sh", "x"], arguments))
}

#[test]
fn a_machine_without_room_for_a_memory_is_named_and_not_the_guest() {
    let sandbox = Sandbox::new();
    sandbox.write("g.wasm", guest("greeting-0.1.0"));
    let limits = "limits.max_memory_mib = 4, capabilities.config-read = true";
    sandbox.write("sesame.toml", format!("extensions.g = {{ path = \"g.wasm\", {limits} }}\n"));
    sandbox.ok(&["sync"]);
    let call = ["extension", "call", "g", "greet", "you"];
    let run = limited(&sandbox, "ulimit -v 4000000", &call);
    run.fails(74, &["this machine has no memory for it: ", "hint: ", "`ulimit -v`", "`sesame doctor`"]);
    let doctor = limited(&sandbox, "ulimit -v 4000000", &["doctor"]);
    assert_eq!(doctor.status, 1, "{}", doctor.stdout);
    assert!(doctor.stdout.contains("wrong   memory: ") && doctor.stdout.contains("`ulimit -v`"), "{}", doctor.stdout);
    let doctor = sandbox.ok(&["doctor"]).stdout;
    for line in ["good    /proc: ", "good    compiler: ", "good    code: ", "good    memory: "] {
        assert!(doctor.contains(line), "no `{line}` in {doctor}");
    }
    // The guest's own limit is still its own.
    assert_eq!(limited(&sandbox, "ulimit -v unlimited", &call).stdout, "Hello, you!\n");
}

#[test]
fn a_compiler_that_cannot_be_started_is_found_by_doctor() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    let context = Context { compiler: CompilerSettings::of_program("/nowhere/sesame".into()), ..context(&sandbox) };
    let report = doctor(&context, &Search { start: sandbox.path("project"), ..Search::default() });
    let found = report.checks.iter().find(|check| check.about == "compiler").unwrap();
    let CheckFact::Failed { fault, .. } = &found.fact else { panic!("{found:?}") };
    assert!(found.state == CheckState::Wrong && fault.message.contains("/nowhere/sesame"), "{fault:?}");
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_compiler_that_cannot_be_confined_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("g.wasm", guest("greeting-0.1.0"));
    sandbox.write("sesame.toml", "extensions.g = { path = \"g.wasm\", capabilities.config-read = true }\n");
    let without_seccomp = |arguments: &[&str]| {
        let before = ["-f", "-o", "/dev/null", "-e", "inject=seccomp:error=EINVAL"];
        Run::of(&mut sandbox.command_under("strace", &before, arguments))
    };
    without_seccomp(&["sync"]).fails(0, &["warning: the compiler runs without seccomp", "1 extension is live"]);
    let doctor = without_seccomp(&["doctor"]);
    assert!(
        doctor.status == 1
            && doctor.stdout.contains("wrong   compiler: it compiles, but nothing keeps it from the network"),
        "{}",
        doctor.stdout
    );
}
