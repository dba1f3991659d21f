//! Killed at any call that changes the disk, and refused at any such call: what is live is the old set or the new, whole, and
//! the next run ends right. Calls are counted and hit by strace.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::greeting::{FIRST, RELEASES, SECOND, greets, upgrade, want};
use crate::support::guest;
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};

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

/// The statuses of a program that is broken.
const BROKEN: [i32; 4] = [70, 101, 134, 139];

/// A command, and the place that it is run in.
struct Scenario {
    name: &'static str,
    prepare: fn(&Sandbox, &Registry),
    command: &'static [&'static str],
    /// The greetings that may be live after it was stopped somewhere, and the one that is once it was run again.
    between: &'static [&'static str],
    after: &'static str,
}

const SCENARIOS: [Scenario; 6] = [
    Scenario { name: "sync", prepare: upgrade_wanted, command: &["sync"], between: &[FIRST, SECOND], after: SECOND },
    Scenario { name: "lock", prepare: upgrade_wanted, command: &["lock"], between: &[FIRST], after: FIRST },
    Scenario {
        name: "install",
        prepare: |sandbox, registry| {
            first(sandbox, registry);
            sandbox.write("wordcount.wasm", guest("wordcount-1.0.0"));
        },
        command: &["extension", "install", "--name", "counting", "--from-file", "wordcount.wasm"],
        between: &[FIRST],
        after: FIRST,
    },
    Scenario {
        name: "rollback",
        prepare: |sandbox, registry| {
            upgrade(sandbox, registry, "");
        },
        command: &["rollback", "1"],
        between: &[FIRST, SECOND],
        after: FIRST,
    },
    Scenario {
        name: "gc",
        prepare: |sandbox, registry| {
            upgrade(sandbox, registry, "");
            sandbox.ok(&["generations", "delete", "1"]);
        },
        command: &["gc"],
        between: &[SECOND],
        after: SECOND,
    },
    Scenario {
        name: "verify --repair",
        prepare: |sandbox, registry| {
            first(sandbox, registry);
            for blob in sandbox.files(&sandbox.data().join("blobs")) {
                fs::remove_file(&blob).unwrap();
                fs::write(&blob, "damaged").unwrap();
            }
        },
        command: &["verify", "--repair"],
        between: &[FIRST],
        after: FIRST,
    },
];

/// The first release is live.
fn first(sandbox: &Sandbox, registry: &Registry) {
    want(sandbox, registry, RELEASES[0], "");
    sandbox.ok(&["sync"]);
}

/// The first release is live, and the second is wanted.
fn upgrade_wanted(sandbox: &Sandbox, registry: &Registry) {
    first(sandbox, registry);
    want(sandbox, registry, RELEASES[1], "");
}

/// A run that was hit.
struct Hit {
    run: Run,
    /// Whether what was refused is no file of the sandbox: a pipe to the worker, or what wakes a thread.
    elsewhere: bool,
}

/// Runs a command under strace, which does something at the `nth` of some call. None if there were not so many.
fn hit(sandbox: &Sandbox, command: &[&str], call: &str, what: &str, nth: usize) -> Option<Hit> {
    let plain = sandbox.command(command);
    let log = sandbox.path("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-o"]).arg(&log).args(["-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:{what}:when={nth}")]).arg(plain.get_program()).args(plain.get_args());
    strace.current_dir(sandbox.path("project")).env_clear();
    strace.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/bin:/bin");
    let run = Run::of(&mut strace);
    // Strace counts for each thread.
    let mut calls: HashMap<&str, usize> = HashMap::new();
    let log = fs::read_to_string(log).unwrap();
    for (thread, rest) in log.lines().filter_map(|line| line.split_once(' ')) {
        *calls.entry(thread).or_default() += usize::from(rest.trim_start().starts_with(&format!("{call}(")));
    }
    let root = sandbox.path("").display().to_string();
    let elsewhere = log.lines().any(|line| line.contains("(INJECTED)") && !line.contains(&root));
    calls.values().any(|number| *number >= nth).then_some(Hit { run, elsewhere })
}

/// A copy of everything that a command may change, to begin anew from.
struct Copy<'a>(&'a Sandbox);

impl<'a> Copy<'a> {
    fn of(sandbox: &'a Sandbox) -> Self {
        for folder in ["home", "project"] {
            copy(&sandbox.path(folder), &sandbox.path(&format!("{folder}.copy")));
        }
        Self(sandbox)
    }

    fn put_back(&self) {
        for folder in ["home", "project"] {
            fs::remove_dir_all(self.0.path(folder)).unwrap();
            copy(&self.0.path(&format!("{folder}.copy")), &self.0.path(folder));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// The files under way that nobody goes on with.
fn left(sandbox: &Sandbox) -> BTreeSet<String> {
    let files = sandbox.files(&sandbox.path("home")).into_iter().chain(sandbox.files(&sandbox.path("project")));
    let names = files.filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()));
    names.filter(|name| name.starts_with(".sesame-")).collect()
}

/// Hits every call of every scenario, or every so manieth; says how many were hit.
fn every(what: &str, step: usize, check: impl Fn(&Sandbox, &Scenario, &Hit, &str)) -> usize {
    let registry = Registry::start();
    let mut hits = 0;
    for scenario in SCENARIOS {
        let sandbox = Sandbox::new();
        (scenario.prepare)(&sandbox, &registry);
        let copy = Copy::of(&sandbox);
        for (offset, call) in CALLS.iter().enumerate() {
            for nth in (1 + offset % step..).step_by(step) {
                let Some(hit) = hit(&sandbox, scenario.command, call, what, nth) else { break };
                let told = format!("{}, {call} {nth}, {what}: {}", scenario.name, hit.run.stderr);
                check(&sandbox, &scenario, &hit, &told);
                let again = sandbox.run(scenario.command);
                assert_eq!(again.status, 0, "{told}, and again: {}", again.stderr);
                assert_eq!(greets(&sandbox), scenario.after, "{told}");
                assert_eq!(sandbox.run(&["verify"]).status, 0, "{told}");
                sandbox.ok(&["gc"]);
                assert_eq!(left(&sandbox), BTreeSet::new(), "{told}");
                copy.put_back();
                hits += 1;
            }
            copy.put_back();
        }
    }
    println!("{hits} calls were hit");
    hits
}

fn killed(step: usize) -> usize {
    every("signal=KILL", step, |sandbox, scenario, hit, told| {
        // Where the worker was hit, the command itself may have gone on.
        assert!(!BROKEN.contains(&hit.run.status), "{told}: {}", hit.run.status);
        assert!(scenario.between.contains(&greets(sandbox).as_str()), "{told}");
        let generations = sandbox.run(&["generations", "--json"]);
        let document: Value = serde_json::from_str(&generations.stdout).unwrap();
        let all = document["data"]["generations"].as_array().unwrap();
        assert!(all.iter().all(|generation| generation.get("damage").is_none()), "{told}: {document}");
        if !scenario.name.starts_with("verify") {
            let verified = sandbox.run(&["verify"]);
            assert_eq!(verified.status, 0, "{told}: {}", verified.stderr);
        }
    })
}

fn refused(error: &str, step: usize) -> usize {
    every(&format!("error={error}"), step, |sandbox, scenario, hit, told| {
        assert!(scenario.between.contains(&greets(sandbox).as_str()), "{told}");
        assert!(hit.elsewhere || !BROKEN.contains(&hit.run.status), "{told}: {}", hit.run.status);
    })
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_command_killed_at_some_calls_leaves_the_old_or_the_new() {
    assert!(killed(5) > 30);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn a_command_killed_at_every_call_leaves_the_old_or_the_new() {
    assert!(killed(1) > 200);
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_command_refused_at_some_calls_says_so_and_leaves_the_old_or_the_new() {
    assert!(refused("ENOSPC", 7) > 20);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn a_command_refused_at_every_call_says_so_and_leaves_the_old_or_the_new() {
    for error in ["ENOSPC", "EIO", "EROFS", "EACCES"] {
        assert!(refused(error, 1) > 200, "{error}");
    }
}
