//! Killed at any call that changes the disk, and refused at any such call: what is live is the old set or the new, whole, and
//! the next run ends right. Calls are counted and hit by strace.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::artifact::{Artifact, component};
use crate::support::greeting::{FIRST, RELEASES, SECOND, greets, want};
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

/// The calls that open a file, which every process may do only so often at a time.
const OPENS: [&str; 1] = ["openat"];

/// So many other extensions make a thousand calls.
const OTHERS: usize = 6;

/// The statuses of a program that is broken.
const BROKEN: [i32; 4] = [70, 101, 134, 139];

/// A command, and the place that it is run in.
struct Scenario {
    name: &'static str,
    prepare: fn(&Sandbox, &Wishes<'_>),
    command: &'static [&'static str],
    /// The greetings that may be live after it was stopped somewhere, and the one that is once it was run again.
    between: &'static [&'static str],
    after: &'static str,
}

/// What is wanted in each release, beside the greeting: so many small extensions.
struct Wishes<'a> {
    registry: &'a Registry,
    others: usize,
}

impl Wishes<'_> {
    /// The manifest wants a release.
    fn want(&self, sandbox: &Sandbox, release: &str) {
        let other = |number: usize| {
            let artifact = Artifact::wkg(&component(&format!("{number} of {release}")));
            let reference = self.registry.push(&format!("org/other-{number}"), release, &artifact);
            format!("other-{number} = \"{reference}\"\n")
        };
        let others: String = (0..self.others).map(other).collect();
        want(sandbox, self.registry, release, &others);
    }

    /// The first release is live.
    fn first(&self, sandbox: &Sandbox) {
        self.want(sandbox, RELEASES[0]);
        sandbox.ok(&["sync"]);
    }

    /// The first release is live, and the second is wanted.
    fn upgrade(&self, sandbox: &Sandbox) {
        self.first(sandbox);
        self.want(sandbox, RELEASES[1]);
    }

    /// The second release is live, and the first was.
    fn upgraded(&self, sandbox: &Sandbox) {
        self.upgrade(sandbox);
        sandbox.ok(&["sync"]);
    }

    /// The first release came out of a bundle, and there is one of the second. Nothing else is on the machine.
    fn bundled(&self, sandbox: &Sandbox) {
        for release in RELEASES {
            self.want(sandbox, release);
            sandbox.ok(&["lock"]);
            sandbox.ok(&["bundle", "export", &format!("../{release}.tar")]);
        }
        for file in ["project/sesame.toml", "project/sesame.lock"] {
            fs::remove_file(sandbox.path(file)).unwrap();
        }
        fs::remove_dir_all(sandbox.path("home")).unwrap();
        fs::create_dir(sandbox.path("home")).unwrap();
        sandbox.ok(&["bundle", "import", "../0.1.0.tar", "--grant-all"]);
    }
}

const SCENARIOS: [Scenario; 7] = [
    Scenario {
        name: "sync",
        prepare: |sandbox, wishes| wishes.upgrade(sandbox),
        command: &["sync"],
        between: &[FIRST, SECOND],
        after: SECOND,
    },
    Scenario {
        name: "lock",
        prepare: |sandbox, wishes| wishes.upgrade(sandbox),
        command: &["lock"],
        between: &[FIRST],
        after: FIRST,
    },
    Scenario {
        name: "install",
        prepare: |sandbox, wishes| {
            wishes.first(sandbox);
            sandbox.write("wordcount.wasm", guest("wordcount-1.0.0"));
        },
        command: &["extension", "install", "--name", "counting", "--from-file", "wordcount.wasm"],
        between: &[FIRST],
        after: FIRST,
    },
    Scenario {
        name: "rollback",
        prepare: |sandbox, wishes| wishes.upgraded(sandbox),
        command: &["rollback", "1"],
        between: &[FIRST, SECOND],
        after: FIRST,
    },
    Scenario {
        name: "gc",
        prepare: |sandbox, wishes| {
            wishes.upgraded(sandbox);
            sandbox.ok(&["generations", "delete", "1"]);
        },
        command: &["gc"],
        between: &[SECOND],
        after: SECOND,
    },
    Scenario {
        name: "bundle import",
        prepare: |sandbox, wishes| wishes.bundled(sandbox),
        command: &["bundle", "import", "../0.2.0.tar", "--grant-all", "--replace"],
        between: &[FIRST, SECOND],
        after: SECOND,
    },
    Scenario {
        name: "verify --repair",
        prepare: |sandbox, wishes| {
            wishes.first(sandbox);
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

/// A run that was hit.
struct Hit {
    run: Run,
    /// The folders of what was refused. None where that was a pipe to the worker, or what wakes a thread: strace counts for
    /// each thread, so several may be hit.
    folders: Vec<String>,
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
    let mut calls: HashMap<&str, usize> = HashMap::new();
    let log = fs::read_to_string(log).unwrap();
    for (thread, rest) in log.lines().filter_map(|line| line.split_once(' ')) {
        *calls.entry(thread).or_default() += usize::from(rest.trim_start().starts_with(&format!("{call}(")));
    }
    let root = sandbox.path("").display().to_string();
    let injected = || log.lines().filter(|line| line.contains("(INJECTED)"));
    let ours = injected().all(|line| line.contains(&root));
    let paths = injected().flat_map(|line| line.split(['"', '<', '>'])).filter(|path| ours && path.starts_with(&root));
    let folders = paths.map(|path| Path::new(path).parent().unwrap().display().to_string()).collect();
    calls.values().any(|number| *number >= nth).then_some(Hit { run, folders })
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

/// Hits the calls of every scenario; says how many were hit.
fn every(plan: Plan<'_>, check: impl Fn(&Sandbox, &Scenario, &Hit, &str)) -> usize {
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
        println!("{}: {} calls were hit, {}", scenario.name, hits - before, plan.what);
    }
    println!("{hits} calls were hit, {}", plan.what);
    hits
}

fn killed(step: usize, others: usize) -> usize {
    every(Plan { what: "signal=KILL", calls: &CALLS, step, others }, |sandbox, scenario, hit, told| {
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

fn refused(error: &str, calls: &[&'static str], step: usize) -> usize {
    every(Plan { what: &format!("error={error}"), calls, step, others: 0 }, |sandbox, scenario, hit, told| {
        assert!(scenario.between.contains(&greets(sandbox).as_str()), "{told}");
        if hit.folders.is_empty() {
            return;
        }
        let Run { status, stderr, .. } = &hit.run;
        assert!(!BROKEN.contains(status), "{told}: {status}");
        if *status == 0 {
            assert_eq!(greets(sandbox), scenario.after, "{told}");
        } else {
            let is_named = hit.folders.iter().any(|folder| stderr.contains(folder));
            assert!(is_named, "none of {:?} is named: {told}", hit.folders);
        }
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
    assert!(refused("EMFILE", &OPENS, 11) > 20);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn a_command_refused_at_every_call_says_so_and_leaves_the_old_or_the_new() {
    for error in ["ENOSPC", "EIO", "EROFS", "EACCES", "EINTR"] {
        assert!(refused(error, &CALLS, 1) > 200, "{error}");
    }
    assert!(refused("EMFILE", &OPENS, 1) > 200);
}
