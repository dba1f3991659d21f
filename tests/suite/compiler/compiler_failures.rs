//! Components that choke the compiler, and processes that are killed while it works.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::library_host::context;
use crate::support::sandbox::{Run, Sandbox};
use crate::support::strace::hit;
use sesame::compiler::settings::CompilerSettings;
use sesame::model::fault::FaultKind;
use sesame::ops::context::Context;

use super::workload::{
    Bomb, Wanted, call, compiling, cwasm, ended, fault_of, functions, gives, is_compiled, is_gone, larges, packs,
    result, size, slow, small, soon, status, sync_of, sync_with, too_large, too_odd, too_slow, want,
};

/// Of ten extensions one is a bomb: it alone is not compiled.
fn fails_alone(bomb: &Bomb) {
    let sandbox = Sandbox::new();
    let mut extensions: Wanted = [small("good-0")].into();
    want(&sandbox, &extensions);
    sandbox.ok(&["sync"]);
    extensions.extend((1..9).map(|n| small(&format!("good-{n}"))));
    let good = extensions.clone();
    extensions.insert("bomb".to_owned(), bomb.component.clone());
    want(&sandbox, &extensions);
    let start = Instant::now();
    let run = sandbox.run(&[&["sync"], bomb.bounds].concat());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    run.fails(65, &[&format!("error: bomb: {}", bomb.reason), bomb.hint, "1 of 10 extensions failed"]);
    for (name, component) in &good {
        assert!(is_compiled(&sandbox, component), "{name}: {}", run.stderr);
    }
    gives(&sandbox, "good-0", "run", "7");
    call(&sandbox, "good-1", "run").fails(66, &["there is no extension `good-1`"]);
    assert!(run.stderr.contains("to go on without bomb, take bomb out of the manifest"), "{}", run.stderr);
    let run = sandbox.ok(&["extension", "remove", "bomb"]);
    assert!(!run.stderr.contains("  compiled  ") && run.stderr.contains("9 extensions are live"), "{}", run.stderr);
    gives(&sandbox, "good-8", "run", "7");
}

#[test]
fn of_ten_extensions_one_that_takes_too_long_fails_alone() {
    fails_alone(&too_slow());
}

#[test]
fn of_ten_extensions_one_that_needs_too_much_memory_fails_alone() {
    fails_alone(&too_large());
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "the worker panics at will in a debug build only")]
fn of_ten_extensions_one_that_makes_the_compiler_panic_fails_alone() {
    fails_alone(&too_odd());
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "the worker panics at will in a debug build only")]
fn of_several_bombs_at_once_each_is_named_with_its_own_reason() {
    let sandbox = Sandbox::new();
    // What is too large must have the time to grow.
    let too_slow =
        Bomb { bounds: &["--compile-timeout", "4"], reason: "the compiler takes longer than 4 s", ..too_slow() };
    let bombs = [too_slow, too_large(), too_odd()];
    let good: Wanted = [small("good-0"), small("good-1"), small("good-2")].into();
    let mut extensions = good.clone();
    extensions.extend(bombs.iter().enumerate().map(|(n, bomb)| (format!("bomb-{n}"), bomb.component.clone())));
    want(&sandbox, &extensions);
    let bounds: Vec<&str> = bombs.iter().flat_map(|bomb| bomb.bounds.iter().copied()).collect();
    let run = sandbox.run(&[&["sync"], bounds.as_slice()].concat());
    run.fails(65, &["3 of 6 extensions failed"]);
    for (n, bomb) in bombs.iter().enumerate() {
        run.fails(65, &[&format!("error: bomb-{n}: {}", bomb.reason), bomb.hint]);
    }
    for (name, component) in &good {
        assert!(is_compiled(&sandbox, component), "{name}: {}", run.stderr);
    }
}

#[test]
fn a_file_that_is_called_is_given_up_too() {
    let sandbox = Sandbox::new();
    sandbox.write("bomb.wasm", slow(2000));
    let start = Instant::now();
    let run = sandbox.run(&["extension", "call", "./bomb.wasm", "f", "--compile-timeout", "1"]);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    run.fails(65, &["bomb.wasm is not usable", "the compiler takes longer than 1 s", "--compile-timeout SECONDS"]);
}

#[test]
fn the_worker_is_confined_and_ends_with_its_input() {
    const MEMORY: u64 = 300 << 20;
    let sandbox = Sandbox::new();
    let mut worker = sandbox.command(&["compile-worker"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&worker);
    let begin = json!({ "Configure": {
        "cache": sandbox.cache().as_os_str(), "state": sandbox.path("home/state/pds").as_os_str(),
        "memory": MEMORY, "functions": 0,
    } });
    let header = begin.to_string();
    let lengths = [&u32::try_from(header.len()).unwrap().to_le_bytes()[..], &0_u64.to_le_bytes()].concat();
    worker.stdin.as_mut().unwrap().write_all(&[&lengths, header.as_bytes()].concat()).unwrap();
    let is = |name: &str, value: &str| status(pid, name).is_some_and(|found| found == value);
    soon("the worker has a filter of system calls", || is("Seccomp:", "2").then_some(()));
    assert!(is("NoNewPrivs:", "1"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", worker.id())).unwrap();
    let limit = |name: &str| -> Vec<u64> {
        let values = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        values.split_whitespace().filter_map(|value| value.parse().ok()).collect()
    };
    assert_eq!(limit("Max data size"), [MEMORY, MEMORY]);
    assert_eq!(limit("Max core file size"), [0, 0]);
    assert!(!is_gone(pid));
    drop(worker.stdin.take());
    ended(worker).fails(0, &[]);
}

#[test]
fn a_sync_that_is_killed_leaves_no_worker() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("bomb".to_owned(), slow(2000))].into());
    let (mut sync, worker) = compiling(&sandbox, &[]);
    sync.kill().unwrap();
    assert_eq!(sync.wait().unwrap().signal(), Some(9));
    soon("the worker is gone", || is_gone(worker).then_some(()));
}

#[test]
fn an_interrupt_ends_the_worker_and_the_sync_at_once() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("bomb".to_owned(), slow(2000))].into());
    let (sync, worker) = compiling(&sandbox, &[]);
    kill_process(Pid::from_child(&sync), Signal::INT).unwrap();
    ended(sync).fails(130, &["interrupted"]);
    assert!(is_gone(worker));
}

#[test]
fn a_worker_that_is_killed_is_to_blame_where_it_had_nothing_else_to_do() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("slow".to_owned(), slow(200))].into());
    let (sync, worker) = compiling(&sandbox, &[]);
    kill_process(worker, Signal::KILL).unwrap();
    ended(sync).fails(65, &["error: slow: the compiler ended: signal 9", "hint: run the command again"]);
    sandbox.ok(&["sync"]);
}

#[test]
fn what_was_lost_with_a_worker_beside_others_is_compiled_again() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("slow-a".to_owned(), slow(200)), ("slow-b".to_owned(), slow(201))].into());
    let (sync, worker) = compiling(&sandbox, &[]);
    kill_process(worker, Signal::KILL).unwrap();
    let output = sync.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("2 extensions are live"), "{said}");
}

/// Cold syncs that are killed, or their workers, at some of their calls: the next sync makes everything right.
///
/// Returns how many syncs died. How many survive their worker is a matter of chance: the next worker is under the same
/// strace. That one can survive is for `what_was_lost_with_a_worker_beside_others_is_compiled_again`.
fn killed_at(step: usize) -> usize {
    let arguments = ["sync", "--function-cache", "2"];
    let components = larges(2);
    let (mut died, mut survived) = (0, 0);
    for (offset, call) in ["read", "write", "openat", "rename", "futex"].into_iter().enumerate() {
        for nth in (1 + offset..).step_by(step) {
            let told = format!("killed at {call} {nth}");
            let sandbox = Sandbox::new();
            want(&sandbox, &components);
            let Some(hit) = hit(&sandbox, &arguments, call, "signal=KILL", nth) else { break };
            *if hit.run.status == 0 { &mut survived } else { &mut died } += 1;
            // The second one compiles everything again, with the functions that were kept.
            for _ in 0..2 {
                let run = sandbox.run(&arguments);
                assert_eq!(run.status, 0, "{told}: {}", run.stderr);
                let run = call_large(&sandbox);
                assert!(run.status == 0 && run.stdout.trim() == result(1), "{told}: {}{}", run.stdout, run.stderr);
                fs::remove_dir_all(cwasm(&sandbox)).unwrap();
            }
            let files = sandbox.files(&functions(&sandbox));
            assert_eq!(files, packs(&sandbox), "{told}: no file under way is left");
            let kept = size(&files);
            assert!((256 << 10..2 << 20).contains(&kept), "{told}: {kept}");
        }
    }
    println!("{died} syncs were killed, {survived} survived their worker");
    died
}

fn call_large(sandbox: &Sandbox) -> Run {
    call(sandbox, "large-1", "f")
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_sync_or_worker_killed_at_some_calls_leaves_nothing_that_the_next_sync_cannot_mend() {
    let died = killed_at(29);
    assert!(died > 5, "{died}");
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn a_sync_or_worker_killed_at_many_calls_leaves_nothing_that_the_next_sync_cannot_mend() {
    let died = killed_at(3);
    assert!(died > 50, "{died}");
}

#[test]
fn bounds_are_numbers_of_a_range_that_is_said() {
    let sandbox = Sandbox::new();
    for (option, value, range) in [
        ("--compile-memory", "4GB", "256 to 1048576"),
        ("--compile-memory", "255", "256 to 1048576"),
        ("--compile-timeout", "0", "1 to 86400"),
        ("--compile-timeout", "300s", "1 to 86400"),
        ("--function-cache", "-1", "0 to 1048576"),
        ("--jobs", "65", "1 to 64"),
    ] {
        let run = sandbox.run(&["sync", &format!("{option}={value}")]);
        run.fails(2, &[&format!("'{value}' for '{option} "), &format!("write a whole number from {range}")]);
    }
}

#[test]
fn a_library_is_told_when_its_compiler_is_none() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[small("a")].into());
    // To lock is to inspect; what is locked is only compiled.
    for locked in [false, true] {
        if locked {
            sandbox.ok(&["lock"]);
        }
        let error = sync_with(&sandbox, "/nonexistent/sesame");
        assert_eq!(error.kind(), FaultKind::Configuration, "{locked}");
        let fault = fault_of(error);
        assert!(fault.message.contains("the compiler /nonexistent/sesame cannot be started"), "{fault:?}");
        let error = sync_with(&sandbox, "/bin/false");
        assert_eq!(error.kind(), FaultKind::Data, "{locked}");
        let fault = format!("{:?}", fault_of(error));
        assert!(fault.contains("the compiler ended: exit status: 1"), "{fault}");
    }
    sandbox.ok(&["sync"]);
}

#[test]
fn folders_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(1));
    let cache = sandbox.path("home").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let run = Run::of(sandbox.command(&["sync", "-v"]).env("XDG_CACHE_HOME", &cache));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(!sandbox.files(&cache.join("pds/functions")).is_empty());
}

#[test]
fn a_compiler_that_says_nothing_is_not_waited_for_forever_and_one_that_says_nonsense_not_at_all() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[small("a")].into());
    sandbox.write("../tmp/silent", "#!/bin/sh\nexec sleep 1000\n");
    sandbox.write("../tmp/babbles", "#!/bin/sh\nexec yes\n");
    sandbox.write("../tmp/breaks-off", "#!/bin/sh\nprintf '\\001\\000\\000\\000'\nexit 7\n");
    for (program, reason) in [
        ("silent", "the compiler takes longer than 1 s"),
        ("babbles", "cannot be read"),
        ("breaks-off", "the compiler ended: exit status: 7"),
    ] {
        let path = sandbox.path("tmp").join(program);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let compiler = CompilerSettings { timeout: Duration::from_secs(1), ..CompilerSettings::of_program(path) };
        let fault = format!("{:?}", fault_of(sync_of(Context { compiler, ..context(&sandbox) })));
        assert!(fault.contains(reason), "{fault}");
    }
}
