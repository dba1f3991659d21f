//! Killed at any call that changes the disk, and refused at any such call: what is live is the old set or the new, whole, and
//! the next run ends right. Calls are counted and hit by strace.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::artifact::{Artifact, component};
use crate::support::guest;
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};
use crate::support::scenario::{Copy, SCENARIOS, Scenario, Wishes, answer, left};
use crate::support::strace::{Hit, hit};

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

/// The statuses of a program that is broken.
const BROKEN: [i32; 4] = [70, 101, 134, 139];

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

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn an_install_that_is_killed_is_completed_by_the_next_sync() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let push = |version: &str| {
        let artifact = Artifact::wkg(&guest(&format!("greeting-{version}")));
        registry.push("my-org/greeting", version, &artifact)
    };
    let references = ["0.1.0", "0.2.0"].map(push);
    let install = |reference: &str| ["extension", "install", reference, "--grant", "config-read"].map(str::to_owned);
    sandbox.write("sesame.toml", format!("[registries.\"{}\"]\nplain-http = true\n", registry.host()));
    sandbox.ok(&install(&references[0]).each_ref().map(String::as_str));
    let (mut hits, mut kills, mut between) = (0, 0, 0);
    for call in ["rename", "fsync", "write", "unlink"] {
        for nth in (1..).step_by(4) {
            let reference = &references[(hits + 1) % 2];
            // Compiled code is thrown away, so that there is something to do at every step.
            let _ = fs::remove_dir_all(sandbox.cache());
            let command = install(reference);
            let command = command.each_ref().map(String::as_str);
            let Some(hit) = hit(&sandbox, &command, call, "signal=KILL", nth) else { break };
            hits += 1;
            kills += usize::from(hit.run.status != 0);
            let manifest = sandbox.read("extensions/greeting.toml");
            let wanted = references.iter().find(|reference| manifest.contains(*reference)).unwrap();
            between += usize::from(!sandbox.ok(&["extension", "info", "greeting"]).stdout.contains(wanted));
            sandbox.ok(&["sync"]);
            assert!(sandbox.read("sesame.lock").contains(wanted), "{call} {nth}");
            let info = sandbox.ok(&["extension", "info", "greeting"]).stdout;
            assert!(info.contains(wanted), "{call} {nth}: {info}");
            assert!(sandbox.ok(&["extension", "call", "greeting", "greet", "you"]).stdout.starts_with("Hello, you"));
        }
    }
    assert!(kills > 8 && between > 0, "{kills} were killed, {between} with the manifest written and no more");
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_rename_of_a_profile_that_is_killed_loses_neither() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "profile = \"one\"\n\n[extensions]\na = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    let profiles = || {
        let document: Value = serde_json::from_str(&sandbox.ok(&["profile", "list", "--json"]).stdout).unwrap();
        let profiles = document["data"]["profiles"].as_array().unwrap().clone();
        // Of one that is being deleted, the active generation goes last.
        assert!(profiles.iter().all(|profile| profile.get("fault").is_none()), "{document}");
        assert!(profiles.iter().any(|profile| profile["active"]["declares"]["kind"] == "this"), "{document}");
        profiles.iter().map(|profile| profile["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let (mut both, mut kills) = (0, 0);
    for call in ["rename", "renameat2", "fsync", "write", "unlink", "unlinkat", "rmdir"] {
        for nth in 1.. {
            let (old, new) = if profiles().contains("one") { ("one", "two") } else { ("two", "one") };
            let Some(hit) = hit(&sandbox, &["profile", "rename", old, new], call, "signal=KILL", nth) else { break };
            kills += usize::from(hit.run.status != 0);
            let left = profiles();
            both += usize::from(left.len() == 2);
            assert_eq!(sandbox.run(&["verify"]).status, 0, "{call} {nth}");
            let declared = if sandbox.read("sesame.toml").contains("\"one\"") { "one" } else { "two" };
            assert!(left.contains(declared), "{call} {nth}: {declared} of {left:?}");
            let synced = sandbox.ok(&["sync"]).stderr;
            assert!(synced.contains("up to date: 1 extension is live"), "{call} {nth}: {synced}");
            for other in left.iter().filter(|name| *name != declared) {
                sandbox.ok(&["profile", "delete", other, "--yes"]);
            }
        }
    }
    assert!(kills > 5 && both > 0, "{kills} were killed, {both} with both profiles there");
}
