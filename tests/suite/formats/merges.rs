//! A lock that git could not merge: `sesame lock` ends with what a fresh resolve of the merged manifest gives.

use std::process::Command;

use crate::support::artifact::{Artifact, component};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

fn git(sandbox: &Sandbox, arguments: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false"]).args(arguments);
    git.current_dir(sandbox.path("project")).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    git.env("HOME", sandbox.path("tmp")).output().unwrap().status.success()
}

/// Wants these extensions, each a name and a tag, and locks them.
fn want(sandbox: &Sandbox, registry: &Registry, wanted: &[(&str, &str)]) {
    let host = registry.host();
    let lines: String = wanted.iter().map(|(name, tag)| format!("{name} = \"{host}/org/{name}:{tag}\"\n")).collect();
    sandbox.write("sesame.toml", format!("[registries.\"{host}\"]\nplain-http = true\n\n[extensions]\n{lines}"));
}

type Wanted = &'static [(&'static str, &'static str)];

/// What the base wants, our side, the other side, and both together; and what is said.
const MERGES: [(Wanted, Wanted, Wanted, Wanted, &[&str]); 5] = [
    (
        &[("m", "1")],
        &[("a", "1"), ("m", "1")],
        &[("b", "1"), ("m", "1")],
        &[("a", "1"), ("b", "1"), ("m", "1")],
        &["merged a: only our side has it", "merged b: only their side has it"],
    ),
    (
        &[("a", "1"), ("m", "1")],
        &[("a", "2"), ("m", "1")],
        &[("a", "3"), ("m", "1")],
        &[("a", "3"), ("m", "1")],
        &["merged a: the sides differ, so it was resolved again"],
    ),
    (
        &[("a", "1"), ("b", "1"), ("c", "1")],
        &[("b", "1"), ("c", "2")],
        &[("a", "2"), ("b", "1"), ("c", "1")],
        &[("b", "1"), ("c", "2")],
        &["locked: "],
    ),
    (
        &[("a", "1"), ("b", "1")],
        &[("a", "2"), ("b", "2")],
        &[("a", "2"), ("b", "3")],
        &[("a", "2"), ("b", "2")],
        &["merged b: the sides differ, so it was resolved again"],
    ),
    (&[("a", "1")], &[("a", "2")], &[], &[], &["locked: "]),
];

#[test]
fn a_merged_lock_is_that_of_a_fresh_resolve() {
    let registry = Registry::start();
    for name in ["a", "b", "c", "m"] {
        for tag in ["1", "2", "3"] {
            registry.push(&format!("org/{name}"), tag, &Artifact::wkg(&component(&format!("{name}{tag}"))));
        }
    }
    for (style, attributes) in [("merge", ""), ("diff3", ""), ("merge", "sesame.lock conflict-marker-size=16\n")] {
        for (base, ours, theirs, both, said) in MERGES {
            let sandbox = Sandbox::new();
            assert!(git(&sandbox, &["init", "-q", "-b", "ours"]));
            sandbox.write(".gitattributes", attributes);
            for (branch, wanted) in [("ours", base), ("theirs", theirs), ("ours", ours)] {
                git(&sandbox, &["checkout", "-q", "-B", branch, "ours"]);
                want(&sandbox, &registry, wanted);
                sandbox.ok(&["lock"]);
                assert!(git(&sandbox, &["add", "."]) && git(&sandbox, &["commit", "-q", "-m", branch]));
            }
            let style = format!("merge.conflictStyle={style}");
            assert!(!git(&sandbox, &["-c", &style, "merge", "theirs"]), "there is a conflict");
            let conflict = sandbox.read("sesame.lock");
            assert!(conflict.contains("<<<<<<< "), "{conflict}");
            want(&sandbox, &registry, both);
            sandbox
                .run(&["sync", "--locked"])
                .fails(65, &["merge-conflict marker", "`sesame lock` merges the two sides"]);
            let check = sandbox.run(&["lock", "--check"]);
            assert_eq!((check.status, sandbox.read("sesame.lock")), (1, conflict));
            let run = sandbox.ok(&["lock"]);
            for text in said {
                assert!(run.stderr.contains(text), "{}", run.stderr);
            }
            let fresh = Sandbox::new();
            want(&fresh, &registry, both);
            fresh.ok(&["lock"]);
            assert_eq!(sandbox.read("sesame.lock"), fresh.read("sesame.lock"));
            sandbox.ok(&["sync", "--locked"]);
        }
    }
}

#[test]
fn a_side_that_is_no_lock_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "[extensions]\n");
    sandbox.write("sesame.lock", "<<<<<<< a\nversion = 1\n=======\nversion = \"x\"\n>>>>>>> b\n");
    sandbox.run(&["lock"]).fails(65, &["sesame.lock (theirs):1:11"]);
    sandbox.write("sesame.lock", "<<<<<<< a\nversion = 1\n");
    sandbox.run(&["lock"]).fails(65, &["merge-conflict marker"]);
}
