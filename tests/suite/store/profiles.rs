//! Profiles are listed, deleted and renamed, and a manifest that declares another one says what it leaves active.

use std::fs;

use serde_json::Value;

use crate::edit::install::at_a_terminal;
use crate::formats::schemas::validator;
use crate::support::artifact::component;
use crate::support::library_host::surroundings;
use crate::support::sandbox::Sandbox;
use sesame::ops::run::active::ActiveSet;

const MANIFEST: &str = "# mine\nprofile = \"work\" # why\n\n[extensions]\na = { path = \"a.wasm\" }\n";

/// A set in the profile `work`, in its second generation.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", format!("{MANIFEST}b = {{ path = \"a.wasm\" }}\n"));
    sandbox.ok(&["sync"]);
    sandbox.write("sesame.toml", MANIFEST);
    sandbox.ok(&["sync"]);
    sandbox
}

fn document(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let run = sandbox.run(&[arguments, &["--json"]].concat());
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    document
}

#[test]
fn a_manifest_that_declares_another_profile_says_what_stays_active() {
    let sandbox = synced();
    sandbox.write("sesame.toml", MANIFEST.replace("work", "play"));
    let said = "warning: this manifest declares profile `play` now, and 1 extension of profile `work`, which it made before, is still \
                active; `sesame profile delete work` removes them";
    for command in [&["status"][..], &["sync", "--dry-run"], &["sync"]] {
        let run = sandbox.run(command);
        assert!(run.stderr.contains(said), "{command:?}: {}", run.stderr);
    }
    // It is said once: from now on, both are meant.
    assert!(!sandbox.ok(&["sync"]).stderr.contains("warning"));
    let list = sandbox.ok(&["profile", "list"]).stdout;
    let row = |name: &str| list.lines().find(|line| line.trim().starts_with(name)).unwrap().to_owned();
    assert!(row("work").contains("its manifest declares `play`") && !row("play").contains("declares"), "{list}");
    // A set that is made on purpose is nobody's mistake.
    assert!(!sandbox.ok(&["sync", "--profile", "third"]).stderr.contains("warning"));
    sandbox.ok(&["profile", "delete", "work", "third", "--yes"]);
    let names: Vec<Value> = document(&sandbox, &["profile", "list"])["data"]["profiles"].as_array().unwrap().clone();
    assert_eq!(names.iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(), ["play"]);
}

#[test]
fn a_deleted_profile_takes_all_its_generations_with_it() {
    let sandbox = synced();
    let delete = ["profile", "delete", "work"];
    sandbox.run(&delete).fails(77, &["the deletion of profile `work` needs your consent", "`--yes` gives it"]);
    sandbox
        .run(&["profile", "delete", "wrok", "-y"])
        .fails(66, &["there is no profile `wrok`", "did you mean `work`?"]);
    sandbox.run(&["profile", "delete", "default", "-y"]).fails(66, &["there is no profile `default`"]);
    let (code, said) = at_a_terminal(&sandbox, &delete, || {}, b"n\n");
    assert!(code == Some(77) && said.contains("work  1 extension active  2 generations"), "{code:?}: {said}");
    assert!(said.contains("delete this profile? [y/N]"), "{said}");
    // What runs is not deleted.
    let held = ActiveSet::open(surroundings(&sandbox), &"work".parse().unwrap()).unwrap();
    sandbox.run(&["profile", "delete", "work", "--yes"]).fails(77, &["extensions of generation 2", "are running"]);
    drop(held);
    assert_eq!(sandbox.ok(&["list"]).stdout.lines().count(), 2);
    sandbox.ok(&["profile", "delete", "work", "--yes"]).fails(0, &["deleted profile `work`", "`sesame gc`"]);
    assert!(!sandbox.data().join("profiles/work").exists());
    sandbox.ok(&["verify"]);
    sandbox.ok(&["gc"]);
    sandbox.ok(&["sync"]).fails(0, &["profile `work` (generation 1)"]);
    sandbox.ok(&["profile", "delete", "work", "--yes"]);
    assert_eq!(sandbox.ok(&["profile", "list"]).stdout, "there are no profiles; `sesame sync` creates one\n");
}

#[test]
fn a_renamed_profile_keeps_its_generations_and_its_manifest_declares_it() {
    let sandbox = synced();
    sandbox.ok(&["rollback", "--hold", "1"]);
    sandbox
        .ok(&["profile", "rename", "work", "play"])
        .fails(0, &["renamed profile `work` to `play`", "wrote sesame.toml"]);
    assert_eq!(sandbox.read("sesame.toml"), MANIFEST.replace("work", "play"));
    let list = document(&sandbox, &["profile", "list"]);
    let profile = &list["data"]["profiles"][0];
    assert_eq!((&profile["name"], &profile["generations"]), (&"play".into(), &2.into()), "{list}");
    assert_eq!((&profile["active"]["generation"], &profile["active"]["is_held"]), (&1.into(), &true.into()), "{list}");
    sandbox.ok(&["verify"]);
    sandbox.ok(&["rollback", "--release"]);
    sandbox.ok(&["rollback", "2"]);
    sandbox.ok(&["sync"]).fails(0, &["up to date: 1 extension is live in profile `play` (generation 2)"]);
    sandbox.run(&["profile", "rename", "work", "x"]).fails(66, &["there is no profile `work`"]);
    sandbox.ok(&["sync", "--profile", "other"]);
    sandbox.run(&["profile", "rename", "play", "other"]).fails(78, &["profile `other` already exists"]);
    // Without a line for it, the usual one is declared.
    sandbox.ok(&["profile", "delete", "other", "--yes"]);
    sandbox.write("sesame.toml", "[extensions]\na = { path = \"a.wasm\" }\n");
    sandbox.ok(&["profile", "rename", "play", "default"]);
    sandbox.ok(&["sync"]).fails(0, &["up to date: 1 extension is live in profile `default`"]);
    sandbox.ok(&["profile", "rename", "default", "work"]).fails(0, &["wrote sesame.toml"]);
    assert!(sandbox.read("sesame.toml").starts_with("profile = \"work\"\n\n[extensions]"));
    // From elsewhere, the manifest is not changed, and named.
    sandbox.write("../elsewhere/sesame.toml", "");
    let elsewhere = sandbox.path("elsewhere").display().to_string();
    let run = sandbox.ok(&["profile", "rename", "work", "home", "--manifest", &elsewhere]);
    assert!(run.stderr.contains("still declares `work`; write `profile = \"home\"` there"), "{}", run.stderr);
    assert!(sandbox.read("sesame.toml").starts_with("profile = \"work\""));
}

#[test]
fn a_rename_that_fails_changes_nothing() {
    let sandbox = synced();
    let profile = sandbox.data().join("profiles/work");
    fs::remove_file(profile.join("generations/1.toml")).unwrap();
    fs::write(profile.join("generations/1.toml"), "damaged").unwrap();
    let before = (sandbox.read("sesame.toml"), sandbox.trace(&profile));
    sandbox.run(&["profile", "rename", "work", "play"]).fails(74, &["generations/1.toml"]);
    assert_eq!((sandbox.read("sesame.toml"), sandbox.trace(&profile)), before);
    assert!(!sandbox.data().join("profiles/play").exists());
    // What such a try leaves behind is in the way of none.
    fs::remove_file(profile.join("generations/1.toml")).unwrap();
    sandbox.ok(&["profile", "rename", "work", "play"]);
    let names = fs::read_dir(sandbox.data().join("profiles")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["play"]);
}
