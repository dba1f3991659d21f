//! Manifests with another name than `sesame.toml`: each has a lock of its own, and no drop-ins.

use std::fs;

use crate::support::artifact::component;
use crate::support::sandbox::Sandbox;

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a.path = \"a.wasm\"\n");
    sandbox.write("extensions/b.toml", "[extension]\nname = \"b\"\npath = \"../a.wasm\"\n");
    sandbox.write("w.toml", "profile = \"w\"\nextensions.c.path = \"a.wasm\"\n");
    sandbox
}

#[test]
fn the_lock_of_one_is_not_that_of_the_other() {
    let sandbox = project();
    sandbox.ok(&["sync"]);
    let lock = sandbox.read("sesame.lock");
    assert!(lock.contains("name = \"a\"") && lock.contains("name = \"b\""), "{lock}");
    sandbox.ok(&["sync", "--manifest", "w.toml"]);
    assert_eq!(sandbox.read("sesame.lock"), lock);
    let other = sandbox.read("w.lock");
    assert!(other.contains("name = \"c\"") && !other.contains("name = \"b\""), "{other}");
    for manifest in ["sesame.toml", "w.toml"] {
        sandbox.ok(&["sync", "--locked", "--manifest", manifest]);
        sandbox.ok(&["status", "--manifest", manifest]);
    }
}

#[test]
fn a_lock_that_is_missing_or_stale_is_named() {
    let sandbox = project();
    sandbox.ok(&["sync"]);
    sandbox
        .run(&["sync", "--locked", "--manifest", "w.toml"])
        .fails(65, &["there is no w.lock", "sesame.lock is that of the sesame.toml beside it"]);
    sandbox.ok(&["sync", "--manifest", "w.toml"]);
    sandbox.write("w.toml", "profile = \"w\"\n");
    sandbox.run(&["sync", "--locked", "--manifest", "w.toml"]).fails(65, &["w.lock is stale: `c` is locked"]);
}

#[test]
fn a_file_that_is_no_lock_is_never_overwritten() {
    let sandbox = project();
    sandbox.write("w.lock", "{\"lockfileVersion\": 3}\n");
    for command in ["lock", "sync"] {
        sandbox.run(&[command, "--manifest", "w.toml"]).fails(65, &["w.lock:1:"]);
        assert_eq!(sandbox.read("w.lock"), "{\"lockfileVersion\": 3}\n");
    }
}

#[test]
fn what_is_added_to_one_is_written_into_it() {
    let sandbox = project();
    sandbox.write("d.wasm", component("d"));
    sandbox.ok(&["extension", "install", "--manifest", "w.toml", "--from-file", "d.wasm"]);
    assert!(sandbox.read("w.toml").contains("d = "), "{}", sandbox.read("w.toml"));
    assert!(!sandbox.path("project/extensions/d.toml").exists());
    sandbox.ok(&["sync", "--locked", "--manifest", "w.toml"]);
}

#[test]
fn a_lock_that_an_earlier_version_wrote_can_be_renamed() {
    let sandbox = project();
    sandbox.ok(&["sync", "--manifest", "w.toml"]);
    fs::remove_file(sandbox.path("project/sesame.toml")).unwrap();
    fs::rename(sandbox.path("project/w.lock"), sandbox.path("project/sesame.lock")).unwrap();
    let locked = sandbox.run(&["sync", "--locked", "--manifest", "w.toml"]);
    locked.fails(65, &["there is no w.lock", "rename sesame.lock to w.lock if it was made for this manifest"]);
    let run = sandbox.ok(&["lock", "--manifest", "w.toml"]);
    assert!(run.stderr.contains("warning: sesame.lock is not used: rename it to w.lock"), "{}", run.stderr);
    fs::rename(sandbox.path("project/sesame.lock"), sandbox.path("project/w.lock")).unwrap();
    let run = sandbox.ok(&["sync", "--locked", "--manifest", "w.toml"]);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
}

#[test]
fn a_file_with_another_ending_is_no_manifest() {
    let sandbox = project();
    sandbox.ok(&["sync"]);
    let lock = sandbox.read("sesame.lock");
    for name in ["sesame.conf", "sesame", "w.lock"] {
        sandbox.write(name, "profile = \"w\"\n");
        sandbox.run(&["sync", "--manifest", name]).fails(2, &["is not the name of a manifest", "ends in `.toml`"]);
    }
    assert_eq!(sandbox.read("sesame.lock"), lock);
}
