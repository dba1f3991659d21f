//! What was live before: listed, made live again, removed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::component;
use crate::support::greeting::{FIRST, SECOND, greets, upgrade};
use crate::support::library_host::{context, live, request};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use sesame::model::name::ProfileName;
use sesame::ops::error::Error;
use sesame::ops::error::profile::ProfileError;
use sesame::ops::query::generations::delete;

/// A greeting that was upgraded: generation 1 has release 0.1.0, generation 2 has 0.2.0.
fn upgraded(registry: &Registry) -> Sandbox {
    let sandbox = Sandbox::new();
    upgrade(&sandbox, registry, "");
    sandbox
}

fn json(sandbox: &Sandbox) -> serde_json::Value {
    serde_json::from_str(&sandbox.ok(&["generations", "--json"]).stdout).unwrap()
}

#[test]
fn a_rollback_over_an_upgrade_and_back_calls_the_release_of_its_generation() {
    let registry = Registry::start();
    let sandbox = upgraded(&registry);
    assert_eq!(greets(&sandbox), SECOND);
    registry.take_log();
    let back = sandbox.ok(&["rollback"]);
    assert!(back.stderr.contains("my-org/greeting:0.2.0 → 0.1.0\n"), "{}", back.stderr);
    let done = "done: 1 extension is live in profile `default` (generation 1)\n";
    assert!(back.stderr.contains(done) && back.stderr.contains("goes forward again"), "{}", back.stderr);
    assert_eq!(greets(&sandbox), FIRST);
    sandbox.run(&["rollback"]).fails(66, &["there is no generation before the live one", "sesame generations"]);
    sandbox.ok(&["rollback", "2"]);
    assert_eq!(greets(&sandbox), SECOND);
    let again = sandbox.ok(&["rollback", "2"]).stderr;
    assert_eq!(again, "up to date: 1 extension is live in profile `default` (generation 2)\n");
    sandbox.ok(&["sync"]).fails(0, &["up to date", "(generation 2)"]);
    sandbox.run(&["rollback", "3"]).fails(66, &["there is no generation 3 in the profile `default`", "there are 1, 2"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    // The manifest still wants the upgrade: a sync goes there from wherever it is.
    sandbox.ok(&["rollback", "1"]);
    sandbox.ok(&["sync"]).fails(0, &["(generation 3)"]);
    assert_eq!(greets(&sandbox), SECOND);
}

#[test]
fn generations_are_listed_with_what_they_changed() {
    let registry = Registry::start();
    let sandbox = Sandbox::new();
    let none = sandbox.ok(&["generations"]).stdout;
    assert_eq!(none, "there are no generations in profile `default`\n");
    let sandbox = upgraded(&registry);
    sandbox.ok(&["rollback"]);
    let listed = sandbox.ok(&["generations"]).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("2  20") && lines[0].ends_with("Z  1 extension"), "{listed}");
    assert!(lines[1].starts_with("    ~ greeting  ") && lines[1].contains(":0.1.0 → "), "{listed}");
    assert!(lines[2].starts_with("1  20") && lines[2].ends_with("Z  1 extension  active"), "{listed}");
    assert_eq!(lines.len(), 3);
    let json = json(&sandbox);
    assert_eq!(json["data"]["active"], 1);
    assert_eq!(json["data"]["generations"][0]["number"], 2);
    assert_eq!(json["data"]["generations"][0]["extensions"][0]["name"], "greeting");
    // One that is damaged does not hide the others.
    let second = sandbox.data().join("profiles/default/generations/2.toml");
    fs::set_permissions(&second, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&second, "version = ").unwrap();
    let listed = sandbox.ok(&["generations"]).stdout;
    assert!(listed.starts_with("2  damaged: ") && listed.contains("\n1  20"), "{listed}");
}

#[test]
fn a_rollback_compiles_only_what_the_cache_lost_and_refuses_what_the_store_lost() {
    let registry = Registry::start();
    let sandbox = upgraded(&registry);
    let warm = sandbox.ok(&["rollback", "-v"]);
    assert!(!warm.stderr.contains("compiled"), "{}", warm.stderr);
    sandbox.ok(&["rollback", "2"]);
    fs::remove_dir_all(sandbox.cache()).unwrap();
    let cold = sandbox.ok(&["rollback", "1"]);
    assert!(cold.stderr.contains("  compiled   greeting"), "{}", cold.stderr);
    assert_eq!(greets(&sandbox), FIRST);
    fs::remove_dir_all(sandbox.cache()).unwrap();
    fs::remove_dir_all(sandbox.data().join("blobs")).unwrap();
    sandbox.run(&["rollback", "2"]).fails(76, &["generation 2 needs components that are lost: greeting", "hint: "]);
    let listed = json(&sandbox);
    assert_eq!(listed["data"]["active"], 1, "nothing was changed");
}

#[test]
fn a_rollback_goes_on_where_it_cannot_be_told_what_is_live() {
    let registry = Registry::start();
    let sandbox = upgraded(&registry);
    let current = sandbox.data().join("profiles/default/current");
    fs::remove_file(&current).unwrap();
    fs::write(&current, b"\xff").unwrap();
    fs::set_permissions(&current, fs::Permissions::from_mode(0o400)).unwrap();
    sandbox.run(&["rollback"]).fails(74, &["cannot tell what is live", "profiles/default/current"]);
    sandbox.ok(&["rollback", "1"]);
    assert_eq!(greets(&sandbox), FIRST);
}

#[test]
fn a_rollback_obeys_the_policy_of_the_machine() {
    let registry = Registry::start();
    let sandbox = upgraded(&registry);
    fs::create_dir_all(sandbox.path("home/config/pds")).unwrap();
    let policy = sandbox.path("home/config/pds/policy.toml");
    fs::write(&policy, "blocked_namespaces = [\"my-org\"]\n").unwrap();
    sandbox.run(&["rollback"]).fails(77, &["greeting", "my-org"]);
    fs::write(&policy, "[limits]\nmax_fuel = 1000\n").unwrap();
    sandbox.run(&["rollback"]).fails(78, &["the policy of this machine was changed since `greeting` was made live"]);
    fs::remove_file(&policy).unwrap();
    sandbox.ok(&["rollback"]);
}

#[test]
fn generations_are_deleted_all_or_none_and_never_the_live_one() {
    let registry = Registry::start();
    let sandbox = upgraded(&registry);
    sandbox.run(&["generations", "delete", "1", "2"]).fails(2, &["generation 2 is the live one", "sesame rollback N"]);
    sandbox.run(&["generations", "delete", "1", "7"]).fails(66, &["there is no generation 7", "there are 1, 2"]);
    let held = {
        sandbox.ok(&["rollback", "1"]);
        let held = live(&sandbox);
        sandbox.ok(&["rollback", "2"]);
        held
    };
    sandbox.run(&["generations", "delete", "1"]).fails(77, &["extensions of generation 1", "are running"]);
    let context = context(&sandbox);
    let profile = ProfileName::default();
    assert!(matches!(delete(&context, &profile, &[1]), Err(Error::Profile(ProfileError::InUse { number: 1, .. }))));
    drop(held);
    let deleted = sandbox.ok(&["generations", "delete", "1"]);
    assert_eq!(deleted.stderr, "removed generation 1 of profile `default`\n");
    assert_eq!(greets(&sandbox), SECOND);
}

#[test]
fn a_held_generation_outlives_the_last_ten() {
    let sandbox = Sandbox::new();
    let sync = |number: usize| {
        sandbox.write("a.wasm", component(&format!("a{number}")));
        sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
        sandbox.ok(&["sync", "-q"]);
    };
    let numbers = || {
        let listed = json(&sandbox);
        let numbers = listed["data"]["generations"].as_array().unwrap().iter().rev();
        numbers.map(|generation| generation["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    sync(1);
    let held = live(&sandbox);
    for number in 2..=13 {
        sync(number);
    }
    assert_eq!(numbers(), [&[1][..], &(4..=13).collect::<Vec<_>>()].concat());
    let extension = held.load(&"a".parse().unwrap()).unwrap();
    let report = sesame::ops::run::call::call(&extension, "a", &request("run", &[]), &Default::default()).unwrap();
    assert_eq!(report.text.as_deref(), Some("7"));
    drop((extension, held));
    sync(14);
    assert_eq!(numbers(), (5..=14).collect::<Vec<_>>());
}

#[test]
fn a_profile_that_is_not_there_is_an_error_with_the_closest_name() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.ok(&["sync"]);
    for command in [
        &["generations"][..],
        &["rollback"],
        &["status"],
        &["extension", "list"],
        &["extension", "info", "a"],
        &["extension", "call", "a", "run"],
    ] {
        let run = |profile: &str| sandbox.run(&[command, &["--profile", profile]].concat());
        run("defalt").fails(66, &["there is no profile `defalt`", "did you mean `default`?"]);
        run("nope").fails(66, &["there is no profile `nope`"]);
    }
}

#[test]
fn a_held_rollback_stays_until_it_is_released() {
    let sandbox = Sandbox::new();
    let add = |name: &str| {
        sandbox.write(&format!("{name}.wasm"), component(name));
        sandbox.ok(&["add", "--path", &format!("{name}.wasm")]);
    };
    sandbox.write("sesame.toml", "[extensions]\n");
    add("a");
    add("b");
    let plain = sandbox.ok(&["rollback"]).stderr;
    assert!(
        plain.contains("the next `sesame sync` goes forward again; `sesame rollback --hold` keeps this one"),
        "{plain}"
    );
    sandbox
        .ok(&["rollback", "--hold", "1"])
        .fails(0, &["held: 1 extension is live in profile `default` (generation 1)"]);
    let state = || (sandbox.trace(&sandbox.data().join("profiles")), sandbox.trace(&sandbox.path("project")));
    let before = state();
    let held = ["held: 1 extension is live", "`sesame rollback --release` lets `sesame sync` change it again"];
    for command in [&["sync"][..], &["sync", "--locked"], &["sync", "--adopt"]] {
        sandbox.ok(command).fails(0, &held);
    }
    for command in [&["sync", "--check"][..], &["status"], &["diff"]] {
        let run = sandbox.run(command);
        assert!(run.status == 1 && held.iter().all(|text| run.stdout.contains(text)), "{command:?}: {}", run.stdout);
    }
    let doctor = sandbox.run(&["doctor"]).stdout;
    assert!(doctor.contains("the profile is held at generation 1"), "{doctor}");
    assert_eq!(state(), before);
    // `--locked` promises that the lock is there, whatever is active.
    let lock = sandbox.read("sesame.lock");
    fs::remove_file(sandbox.path("project/sesame.lock")).unwrap();
    sandbox.run(&["sync", "--locked"]).fails(65, &["sesame.lock"]);
    sandbox.write("sesame.lock", lock);
    let json: Value = serde_json::from_str(&sandbox.ok(&["sync", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json) && json["data"]["outcome"] == "held", "{json}");
    // Another generation can be chosen, and stays held; what is added is written and not activated.
    sandbox.ok(&["rollback", "2"]).fails(0, &["held: 2 extensions are live"]);
    add("c");
    let list = sandbox.ok(&["list"]).stdout;
    assert!(
        sandbox.read("sesame.lock").contains("c.wasm") && !list.lines().any(|line| line.starts_with("  c ")),
        "{list}"
    );
    sandbox.ok(&["verify"]);
    sandbox.ok(&["gc"]);
    let json: Value = serde_json::from_str(&sandbox.ok(&["rollback", "--release", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json) && json["data"]["was_held"] == true, "{json}");
    sandbox.ok(&["rollback", "--release"]).fails(0, &["nothing to release: profile `default` is not held"]);
    sandbox.ok(&["sync"]).fails(0, &["done: 3 extensions are live"]);
}

#[test]
fn of_a_held_set_what_is_removed_or_revoked_goes_and_nothing_else() {
    let sandbox = Sandbox::new();
    for name in ["a", "b", "c"] {
        sandbox.write(&format!("{name}.wasm"), component(name));
    }
    let entry = |name: &str| {
        let capabilities = "env = [\"A\", \"B\"], secret-read = true";
        format!(
            "{name} = {{ path = \"{name}.wasm\", capabilities = {{ {capabilities} }}, limits = {{ timeout_ms = 900 }} }}\n"
        )
    };
    sandbox.write("sesame.toml", format!("[extensions]\n{}{}{}", entry("a"), entry("b"), entry("c")));
    sandbox.ok(&["sync"]);
    // The manifest goes on without an extension and a grant that the held set has.
    let lower = |entry: String| entry.replace(", secret-read = true", "").replace("900", "800");
    sandbox.write("sesame.toml", format!("[extensions]\n{}{}", lower(entry("a")), entry("b").replace(", \"B\"", "")));
    sandbox.ok(&["sync"]);
    sandbox.ok(&["rollback", "--hold"]);
    sandbox.ok(&["revoke", "a", "env=A", "--yes"]).fails(0, &["held: 3 extensions are live"]);
    let granted = |name: &str| {
        let list: Value = serde_json::from_str(&sandbox.ok(&["list", "--json"]).stdout).unwrap();
        let extensions = list["data"]["extensions"].as_array().unwrap().clone();
        extensions.iter().find(|one| one["name"] == name).map(|one| one["capabilities"].to_string())
    };
    let all = Some("[\"env=A,B\",\"secret-read\"]".to_owned());
    let left = Some("[\"env=B\",\"secret-read\"]".to_owned());
    assert_eq!((granted("a"), granted("b"), granted("c")), (left, all.clone(), all.clone()));
    let info: Value = serde_json::from_str(&sandbox.ok(&["info", "a", "--json"]).stdout).unwrap();
    assert_eq!(info["data"]["timeout_ms"], 900, "{info}");
    // What only the held set has can be revoked, and `add` narrows it.
    sandbox.ok(&["revoke", "a", "secret-read", "--yes"]);
    assert_eq!(granted("a").as_deref(), Some("[\"env=B\"]"));
    sandbox.ok(&["add", "--path", "b.wasm", "--grant", "secret-read=pin"]).fails(0, &["held: 3 extensions are live"]);
    let narrowed = Some("[\"env=A,B\",\"secret-read=pin\"]".to_owned());
    assert_eq!((granted("b"), granted("c")), (narrowed.clone(), all.clone()));
    sandbox.ok(&["remove", "a"]).fails(0, &["held: 2 extensions are live"]);
    assert_eq!((granted("a"), granted("b"), granted("c")), (None, narrowed.clone(), all.clone()));
    // A sync that is refused narrows nothing of it.
    let manifest = sandbox.read("sesame.toml");
    sandbox.write("sesame.toml", format!("{manifest}nonsense = 1\n"));
    sandbox.run(&["sync"]).fails(65, &["nonsense"]);
    sandbox.write("sesame.toml", "[extensions]\n");
    sandbox.ok(&["sync"]).fails(0, &["held: 2 extensions"]);
    assert_eq!((granted("b"), granted("c")), (narrowed, all));
    // A set that is damaged cannot be held any longer.
    let profile = sandbox.data().join("profiles/default");
    let number = fs::read_to_string(profile.join("current")).unwrap().split(' ').next().unwrap().to_owned();
    let damaged = profile.join(format!("generations/{number}.toml"));
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, "damaged").unwrap();
    sandbox.run(&["sync"]).fails(74, &["sesame sync --adopt"]);
    sandbox.ok(&["sync", "--adopt"]).fails(0, &["done: "]);
    sandbox.ok(&["rollback", "--release"]).fails(0, &["nothing to release"]);
}
