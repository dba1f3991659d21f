//! Killed at any call that changes the disk, and refused at any such call: what is live is the old set or the new, whole, and
//! the next run ends right. Calls are counted and hit by strace.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};
use crate::support::scenario::{Copy, SCENARIOS, Scenario, Wishes, answer, left};

/// The calls that change something on the disk.
const CALLS: [&str; 14] = [
    "mkdir",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "fsync",
    "fchmod",
    "chmod",
    "ftruncate",
    "write",
    "utimensat",
    "flock",
];

/// The calls that open a file, which every process may do only so often at a time.
const OPENS: [&str; 1] = ["openat"];

/// So many other extensions make a thousand calls.
const OTHERS: usize = 8;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The statuses of a program that is broken.
const BROKEN: [i32; 4] = [70, 101, 134, 139];

/// A run that was hit.
struct Hit {
    run: Run,
    /// The folders of what was refused. None where that was a pipe to the worker, or what wakes a thread: strace counts for
    /// each thread, so several may be hit.
    folders: Vec<String>,
}

/// Runs a command under strace, which does something at the `nth` of some call. None if there were not so many.
fn hit(sandbox: &Sandbox, command: &[&str], call: &str, what: &str, nth: usize) -> Option<Hit> {
    let log = sandbox.path("tmp/strace");
    let (patience, log_name) = (PATIENCE.as_secs().to_string(), log.display().to_string());
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{what}:when={nth}"));
    // Where what wakes a thread was refused, which never happens, the thread may sleep for ever.
    let before = ["-s", "KILL", &patience, "strace", "-f", "-y", "-o", &log_name, "-e", &trace, "-e", &inject];
    let mut strace = sandbox.command_under("timeout", &before, command);
    let begun = Instant::now();
    let run = Run::of(&mut strace);
    let mut calls: HashMap<&str, usize> = HashMap::new();
    let log = fs::read_to_string(log).unwrap();
    for (thread, rest) in log.lines().filter_map(|line| line.split_once(' ')) {
        *calls.entry(thread).or_default() += usize::from(rest.trim_start().starts_with(&format!("{call}(")));
    }
    let root = sandbox.path("").display().to_string();
    let injected = || log.lines().filter(|line| line.contains("(INJECTED)"));
    let ours = injected().all(|line| line.contains(&root));
    assert!(!ours || begun.elapsed() < PATIENCE, "{command:?} hangs, {call} {nth}, {what}");
    let paths = injected().flat_map(|line| line.split(['"', '<', '>'])).filter(|path| ours && path.starts_with(&root));
    let folders = paths.map(|path| Path::new(path).parent().unwrap().display().to_string()).collect();
    calls.values().any(|number| *number >= nth).then_some(Hit { run, folders })
}

/// How the calls are hit.
#[derive(Clone, Copy)]
struct Plan<'a> {
    /// What strace does.
    what: &'a str,
    calls: &'a [&'static str],
    /// Every so manieth is hit.
    step: usize,
    /// How many other extensions there are.
    others: usize,
}

/// Hits the calls of every scenario; says how many were, that count.
fn every(plan: Plan<'_>, check: impl Fn(&Sandbox, &Scenario, &Hit, &str) -> bool) -> usize {
    let registry = Registry::start();
    let mut hits = 0;
    for scenario in SCENARIOS {
        let (sandbox, before) = (Sandbox::new(), hits);
        (scenario.prepare)(&sandbox, &Wishes { registry: &registry, others: plan.others });
        let copy = Copy::of(&sandbox);
        for (offset, call) in plan.calls.iter().enumerate() {
            for nth in (1 + offset % plan.step..).step_by(plan.step) {
                let Some(hit) = hit(&sandbox, scenario.command, call, plan.what, nth) else { break };
                let told = format!("{}, {call} {nth}, {}: {}", scenario.name, plan.what, hit.run.stderr);
                hits += usize::from(check(&sandbox, &scenario, &hit, &told));
                let again = sandbox.run(scenario.command);
                assert_eq!(again.status, 0, "{told}, and again: {}", again.stderr);
                assert_eq!(answer(&sandbox), scenario.after, "{told}");
                assert_eq!(sandbox.run(&["verify"]).status, 0, "{told}");
                sandbox.ok(&["gc"]);
                assert_eq!(left(&sandbox), BTreeSet::new(), "{told}");
                copy.put_back();
            }
            copy.put_back();
        }
        println!("{}: {} calls were hit, {}", scenario.name, hits - before, plan.what);
    }
    println!("{hits} calls were hit, {}", plan.what);
    hits
}

fn killed(step: usize, others: usize) -> usize {
    every(Plan { what: "signal=KILL", calls: &CALLS, step, others }, |sandbox, scenario, hit, told| {
        // Where the worker was hit, the command itself may have gone on.
        assert!(!BROKEN.contains(&hit.run.status), "{told}: {}", hit.run.status);
        assert!(scenario.between.contains(&answer(sandbox).as_str()), "{told}");
        let generations = sandbox.run(&["generations", "--json"]);
        let document: Value = serde_json::from_str(&generations.stdout).unwrap();
        let all = document["data"]["generations"].as_array().unwrap();
        assert!(all.iter().all(|generation| generation.get("damage").is_none()), "{told}: {document}");
        if !scenario.name.starts_with("verify") {
            let verified = sandbox.run(&["verify"]);
            assert_eq!(verified.status, 0, "{told}: {}", verified.stderr);
        }
        true
    })
}

fn refused(error: &str, calls: &[&'static str], step: usize) -> usize {
    every(Plan { what: &format!("error={error}"), calls, step, others: 0 }, |sandbox, scenario, hit, told| {
        assert!(scenario.between.contains(&answer(sandbox).as_str()), "{told}");
        if hit.folders.is_empty() {
            return false;
        }
        let Run { status, stderr, .. } = &hit.run;
        assert!(!BROKEN.contains(status), "{told}: {status}");
        if *status == 0 {
            assert_eq!(answer(sandbox), scenario.after, "{told}");
        } else {
            let is_named = hit.folders.iter().any(|folder| stderr.contains(folder));
            assert!(is_named, "none of {:?} is named: {told}", hit.folders);
        }
        true
    })
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_command_killed_at_some_calls_leaves_the_old_or_the_new() {
    assert!(killed(5, 0) > 30);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn a_command_killed_at_every_call_leaves_the_old_or_the_new() {
    assert!(killed(1, OTHERS) >= 1000);
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_command_refused_at_some_calls_says_so_and_leaves_the_old_or_the_new() {
    assert!(refused("ENOSPC", &CALLS, 7) > 20);
    assert!(refused("EMFILE", &OPENS, 7) > 10);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn a_command_refused_at_every_call_says_so_and_leaves_the_old_or_the_new() {
    for error in ["EINTR", "ENOSPC", "EIO", "EROFS", "EACCES"] {
        assert!(refused(error, &CALLS, 1) > 150, "{error}");
    }
    assert!(refused("EMFILE", &OPENS, 1) > 100);
}
