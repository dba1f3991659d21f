//! What does not agree is told, each with the command that mends it; and that command does.

use std::fs;

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

fn manifest(sandbox: &Sandbox, registry: &Registry, entries: &str) {
    let registries = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    sandbox.write("sesame.toml", format!("[extensions]\n{entries}\n{registries}"));
}

/// What is said of a sandbox in which something differs.
fn differs(sandbox: &Sandbox, arguments: &[&str]) -> String {
    ends_with(sandbox, 1, arguments)
}

fn ends_with(sandbox: &Sandbox, status: i32, arguments: &[&str]) -> String {
    let run = sandbox.run(&[&["status"], arguments].concat());
    assert_eq!(run.status, status, "{}{}", run.stdout, run.stderr);
    let json = sandbox.run(&[&["status", "--json"], arguments].concat());
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    assert_eq!(json.status, status);
    run.stdout
}

#[test]
fn each_difference_is_told_with_what_mends_it() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&component("b")));
    let agrees = || {
        registry.take_log();
        let before = sandbox.trace(&sandbox.path("home"));
        let run = sandbox.ok(&["status"]);
        assert!(run.stdout.starts_with("up to date: "), "{}", run.stdout);
        assert_eq!(sandbox.trace(&sandbox.path("home")), before, "a look changes nothing");
        assert_eq!(registry.take_log(), Vec::<String>::new());
    };
    manifest(&sandbox, &registry, &format!("a = \"{a}\"\n"));
    let said = differs(&sandbox, &[]);
    assert!(said.contains("manifest and lock\n  a: it is not locked  ⇒ sesame lock\n"), "{said}");
    sandbox.ok(&["lock"]);
    let said = differs(&sandbox, &[]);
    assert!(said.contains("lock and store\n  a: its manifest") || said.contains("store and cache\n"), "{said}");
    assert!(said.contains("lock and live set\n  nothing is live yet  ⇒ sesame sync\n"), "{said}");
    sandbox.ok(&["sync"]);
    agrees();
    manifest(&sandbox, &registry, &format!("a = \"{a}\"\nb = \"{b}\"\n"));
    assert!(differs(&sandbox, &[]).contains("  b: it is not locked  ⇒ sesame lock\n"));
    sandbox.ok(&["sync"]);
    agrees();
    fs::remove_dir_all(sandbox.cache().join("cwasm")).unwrap();
    let said = differs(&sandbox, &[]);
    assert!(said.contains("store and cache\n  a: it is not compiled yet  ⇒ sesame sync\n"));
    fs::remove_dir_all(sandbox.data().join("blobs")).unwrap();
    let said = differs(&sandbox, &[]);
    assert!(
        said.contains("lock and store\n  a: its ") && said.contains(" is not in the store  ⇒ sesame sync"),
        "{said}"
    );
    sandbox.ok(&["sync"]);
    agrees();
    sandbox.ok(&["rollback"]);
    let said = differs(&sandbox, &[]);
    assert!(said.contains("lock and live set\n  + b  ") && said.contains("  ⇒ sesame sync\n"), "{said}");
    assert!(said.ends_with("differs: 1 extension is live in profile `default` (generation 1)\n"), "{said}");
    sandbox.ok(&["sync"]);
    agrees();
}

#[test]
fn what_the_policy_of_the_machine_refuses_is_said_before_a_sync_is() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    manifest(&sandbox, &registry, &format!("a = \"{a}\"\n"));
    sandbox.ok(&["sync"]);
    sandbox.write("../home/config/pds/policy.toml", "allowed_registries = [\"ghcr.io\"]\n");
    let refused = sandbox.run(&["sync"]);
    assert_eq!(refused.status, 77, "{}", refused.stderr);
    let said = ends_with(&sandbox, 77, &[]);
    assert!(said.contains("manifest and this machine\n  a: ") && said.contains("policy.toml"), "{said}");
    assert!(said.contains("`sesame sync` would be refused: ") && !said.contains("⇒ sesame sync"), "{said}");
    for command in [&["diff"][..], &["sync", "--check"], &["sync", "--dry-run"]] {
        sandbox.run(command).fails(77, &["policy.toml"]);
    }
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.status == 1 && doctor.stdout.contains("wrong   policy: "), "{}", doctor.stdout);
}

#[test]
fn registries_are_asked_only_if_they_are_meant() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let (first, second) = (Artifact::wkg(&component("a")), Artifact::wkg(&component("b")));
    let a = registry.push("org/a", "1", &first);
    manifest(&sandbox, &registry, &format!("a = \"{a}\"\n"));
    sandbox.ok(&["sync"]);
    assert!(sandbox.ok(&["status", "--remote"]).stdout.starts_with("up to date: "));
    registry.push("org/a", "1", &second);
    registry.take_log();
    sandbox.ok(&["status"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    let said = differs(&sandbox, &["--remote"]);
    let moved = format!(
        "lock and registry\n  a: the tag of {a} names {} by now  ⇒ sesame lock -P a\n",
        second.digest().short()
    );
    assert!(said.contains(&moved), "{said}");
    registry.forget(&format!("/v2/org/a/manifests/{}", first.digest()));
    let said = differs(&sandbox, &["--remote"]);
    assert!(said.contains("  a: what is locked: ") && said.contains("⇒ sesame lock -P a"), "{said}");
    sandbox.ok(&["lock", "-P", "a"]);
    sandbox.ok(&["sync"]);
    assert!(sandbox.ok(&["status", "--remote"]).stdout.starts_with("up to date: "));
    registry.forget("/v2/org/a/manifests/1");
    let said = differs(&sandbox, &["--remote"]);
    assert!(said.contains("  a: the tag of ") && said.contains(" cannot be resolved: "), "{said}");
    registry.push("org/a", "1", &second);
    // A mirror that has what is locked need not have tags; a registry that is down says nothing about either.
    sandbox.ok(&["bundle", "export", "set"]);
    let mirror = format!("mirrors = [\"oci-layout:set\"]\n[registries.\"{}\"]\n", registry.host());
    let text = sandbox.read("sesame.toml");
    sandbox.write("sesame.toml", text.replace("plain-http = true", "plain-http = false"));
    let said = differs(&sandbox, &["--remote"]);
    let check = format!("⇒ sesame registry check {}", registry.host());
    assert!(said.contains("cannot be reached") && said.contains(&check), "{said}");
    let settings = format!("plain-http = true\nmirrors-only = true\n{}", mirror.lines().next().unwrap());
    sandbox.write("sesame.toml", text.replace("plain-http = true", &settings));
    assert!(sandbox.ok(&["status", "--remote"]).stdout.starts_with("up to date: "));
}

#[test]
fn a_limit_of_fuel_that_was_set_is_not_called_another_engine() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\", limits.max_fuel = 1_000_000 }\n");
    let said = differs(&sandbox, &[]);
    assert!(said.contains("a limit of fuel was set or removed") && !said.contains("engine"), "{said}");
    sandbox.ok(&["sync"]);
    sandbox.ok(&["status"]);
}
