//! Where this machine lets extensions come from: `allowed_registries` and `blocked_namespaces`, in `policy.toml` and in
//! the host's own `config.toml`.

use std::fs;

use crate::support::artifact::{Artifact, component};
use crate::support::layout;
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};

/// A file of policies, and what stands in it around them.
type File = (&'static str, &'static str);

const OWN: File = ("policy.toml", "[limits]\nmax_memory_mib = 64\n");

/// The host's own configuration has much that is none of our business.
const HOSTS: File = (
    "config.toml",
    "theme = \"dark\"\nallowed_registries = 3\n\n[window]\nblocked_namespaces = [\"org\"]\n\n[extensions]\nenabled = true\n\
     blocked_namespaces = \"org\"\n\n[extensions.policy]\nmode = \"strict\"\nsigned = { by = [\"me\"] }\n",
);

/// Writes a file with some lines of policies.
fn rule(sandbox: &Sandbox, (file, rest): File, lines: &str) {
    let text = if file == "policy.toml" { format!("{lines}\n{rest}") } else { format!("{rest}{lines}\n") };
    sandbox.write(&format!("../home/config/pds/{file}"), text);
}

fn unrule(sandbox: &Sandbox, (file, _): File) {
    fs::remove_file(sandbox.path("home/config/pds").join(file)).unwrap();
}

/// A project whose one extension is live.
fn project() -> (Sandbox, Registry) {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["sync"]);
    registry.take_log();
    (sandbox, registry)
}

/// Refused because of a list in a file.
fn refused(run: &Run, file: &str, list: &str) {
    run.fails(77, &[&format!("`{list}` of "), &format!("home/config/pds/{file}"), "hint: use another source"]);
}

#[test]
fn what_is_not_allowed_or_blocked_is_refused_by_every_command_and_nobody_is_asked() {
    for file in [OWN, HOSTS] {
        let (sandbox, registry) = project();
        let host = registry.host();
        let b = registry.push("org/b", "1", &Artifact::wkg(&component("b")));
        let (allowed, blocked) = ("allowed_registries", "blocked_namespaces");
        for (lines, list) in [
            (format!("{allowed} = [\"ghcr.io\"]"), allowed),
            (format!("{allowed} = [\"ghcr.io\", \"{host}/other\", \"{host}/or\"]"), allowed),
            (format!("{allowed} = []"), allowed),
            (format!("{blocked} = [\"evil\", \"org\"]"), blocked),
            (format!("{blocked} = [\"{host}/org\"]"), blocked),
            (format!("{blocked} = [\"{host}\"]"), blocked),
        ] {
            rule(&sandbox, file, &lines);
            let live = sandbox.trace(&sandbox.data().join("profiles"));
            let syncs = [&["sync"][..], &["sync", "--locked"], &["sync", "--frozen"], &["sync", "--dry-run"]];
            let others = [&["lock"][..], &["lock", "--upgrade"], &["diff"], &["extension", "install", &b]];
            for arguments in syncs.into_iter().chain(others) {
                refused(&sandbox.run(arguments), file.0, list);
            }
            assert_eq!(registry.take_log(), Vec::<String>::new(), "{lines}");
            assert!(!sandbox.path("project/extensions").exists(), "{lines}");
            assert_eq!(sandbox.trace(&sandbox.data().join("profiles")), live);
            unrule(&sandbox, file);
            sandbox.ok(&["sync"]).fails(0, &["up to date"]);
        }
    }
}

#[test]
fn on_a_fresh_machine_nothing_is_asked_or_written_either() {
    for file in [OWN, HOSTS] {
        let (sandbox, registry) = (Sandbox::new(), Registry::start());
        let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
        sandbox.want(&registry, &[("a", &a)]);
        rule(&sandbox, file, "blocked_namespaces = [\"org\"]");
        for command in ["lock", "sync", "diff"] {
            refused(&sandbox.run(&[command]), file.0, "blocked_namespaces");
        }
        assert_eq!(registry.take_log(), Vec::<String>::new());
        assert!(!sandbox.path("project/sesame.lock").exists());
    }
}

#[test]
fn what_is_allowed_and_not_blocked_goes_on() {
    for file in [OWN, HOSTS] {
        let (sandbox, registry) = (Sandbox::new(), Registry::start());
        let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
        sandbox.want(&registry, &[("a", &a)]);
        let blocked = "blocked_namespaces = [\"or\", \"org/ab\", \"a\", \"ghcr.io/org\"]";
        rule(&sandbox, file, &format!("allowed_registries = [\"ghcr.io\", \"{}/org\"]\n{blocked}", registry.host()));
        sandbox.sync(Some(&registry), &[]);
    }
}

#[test]
fn each_mirror_that_is_not_allowed_is_told() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let mirrors = "mirrors = [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]";
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n[registries.\"{}\"]\n{mirrors}\n", registry.host()));
    rule(&sandbox, OWN, &format!("allowed_registries = [\"{}\"]", registry.host()));
    let said = sandbox.ok(&["sync"]).stderr;
    for mirror in ["`127.0.0.1:1/org/a` is not among", "`127.0.0.1:2/org/a` is not among"] {
        assert!(said.contains(&format!("warning: a mirror is passed over: {mirror}")), "{said}");
    }
}

#[test]
fn a_source_must_be_allowed_by_every_file() {
    let (sandbox, registry) = project();
    let own = format!("allowed_registries = [\"{}\"]", registry.host());
    rule(&sandbox, OWN, &own);
    rule(&sandbox, HOSTS, "allowed_registries = [\"ghcr.io\"]");
    refused(&sandbox.run(&["sync"]), "config.toml", "allowed_registries");
    rule(&sandbox, HOSTS, &own);
    sandbox.ok(&["sync"]);
    rule(&sandbox, OWN, "allowed_registries = [\"ghcr.io\"]");
    refused(&sandbox.run(&["sync"]), "policy.toml", "allowed_registries");
}

#[test]
fn a_frozen_sync_goes_by_what_the_lock_says_too() {
    let (sandbox, registry) = project();
    let b = registry.push("other/b", "1", &Artifact::wkg(&component("b")));
    // The manifest wants something else by now.
    sandbox.want(&registry, &[("a", &b)]);
    rule(&sandbox, OWN, "blocked_namespaces = [\"org\"]");
    refused(&sandbox.run(&["sync", "--frozen"]), "policy.toml", "blocked_namespaces");
    assert_eq!(registry.take_log(), Vec::<String>::new());
    sandbox.ok(&["sync"]);
    rule(&sandbox, OWN, "blocked_namespaces = [\"other\"]");
    refused(&sandbox.run(&["sync", "--frozen"]), "policy.toml", "blocked_namespaces");
}

#[test]
fn one_that_is_refused_keeps_the_others_from_being_changed() {
    let (sandbox, registry) = project();
    let a = registry.push("org/a", "2", &Artifact::wkg(&component("another")));
    let bad = registry.push("evil/b", "1", &Artifact::wkg(&component("b")));
    rule(&sandbox, OWN, "blocked_namespaces = [\"evil\"]");
    sandbox.want(&registry, &[("a", &a), ("b", &bad)]);
    let lock = sandbox.read("sesame.lock");
    for (command, asks_for_others) in [("sync", false), ("lock", true)] {
        let run = sandbox.run(&[command]);
        refused(&run, "policy.toml", "blocked_namespaces");
        assert!(run.stderr.contains("b: `evil` is among") && !run.stderr.contains("a: "), "{}", run.stderr);
        assert_eq!(sandbox.read("sesame.lock"), lock);
        let log = registry.take_log();
        assert!(log.iter().all(|line| !line.contains("evil")), "{log:?}");
        assert!(log.is_empty() || asks_for_others, "{log:?}");
    }
}

#[test]
fn a_mirror_that_is_not_allowed_is_passed_over() {
    let (sandbox, registry, mirror) = (Sandbox::new(), Registry::start(), Registry::start());
    let artifact = Artifact::wkg(&component("a"));
    let a = registry.push("org/a", "1", &artifact);
    mirror.push("org/a", "1", &artifact);
    mirror.push("copies/org/a", "1", &artifact);
    let settings = |mirrors: &str| format!("[registries.\"{}\"]\n{mirrors}\n", registry.host());
    let mirrors = format!("mirrors = [\"http://{}/copies\"]", mirror.host());
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n{}", settings(&mirrors)));
    for lines in [
        format!("allowed_registries = [\"{}\", \"{}/org\"]", registry.host(), mirror.host()),
        "blocked_namespaces = [\"copies\"]".to_owned(),
    ] {
        rule(&sandbox, OWN, &lines);
        let _ = fs::remove_dir_all(sandbox.path("home/data"));
        sandbox.sync(Some(&registry), &[]).fails(0, &["1 extension is live"]);
        assert_eq!(mirror.take_log(), Vec::<String>::new());
        assert!(registry.take_log().iter().any(|line| line.contains("/blobs/")));
    }
    // Where there is nobody else, the refusal is said.
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n{}mirrors-only = true\n", settings(&mirrors)));
    fs::remove_dir_all(sandbox.path("home/data")).unwrap();
    refused(&sandbox.run(&["sync"]), "policy.toml", "blocked_namespaces");
    assert_eq!((mirror.take_log(), registry.take_log()), (Vec::new(), Vec::new()));
    unrule(&sandbox, OWN);
    sandbox.ok(&["sync"]);
    assert!(!mirror.take_log().is_empty());
}

#[test]
fn files_are_always_allowed_and_a_layout_stands_for_the_registry_that_it_mirrors() {
    let sandbox = Sandbox::new();
    layout::write(&sandbox.path("project/vendor"), &[("ghcr.io/org/b:1", &Artifact::wkg(&component("b")))]);
    sandbox.write("a.wasm", component("a"));
    rule(&sandbox, OWN, "allowed_registries = []\nblocked_namespaces = [\"a\"]");
    rule(&sandbox, HOSTS, "allowed_registries = []");
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.sync(None, &[]);
    sandbox.ok(&["extension", "install", "--from-file", "a.wasm", "--name", "c"]);
    let settings = "registries.\"ghcr.io\" = { mirrors = [\"oci-layout:vendor\"], mirrors-only = true }\n";
    sandbox.write("sesame.toml", format!("extensions.b = \"ghcr.io/org/b:1\"\n{settings}"));
    for arguments in [&["sync"][..], &["lock"], &["extension", "install", "ghcr.io/org/b:1"]] {
        refused(&sandbox.run(arguments), "policy.toml", "allowed_registries");
    }
    let allowed = "allowed_registries = [\"ghcr.io\"]";
    rule(&sandbox, OWN, allowed);
    rule(&sandbox, HOSTS, allowed);
    sandbox.sync(None, &[]);
}

#[test]
fn a_rule_that_cannot_be_read_is_named_with_its_place() {
    let (sandbox, registry) = project();
    let own = [
        ("allowed_registries = \"ghcr.io\"", "policy.toml:1:22"),
        ("allowed_registries = [\"ghcr.io\",\n  3]", "policy.toml:2:3"),
        ("allowed_registries = [\"https://ghcr.io\"]", "policy.toml:1:23"),
        ("blocked_namespaces = { evil = true }", "policy.toml:1:22"),
        ("blocked_namespaces = [\"ok\", \"Evil/\"]", "policy.toml:1:29"),
        ("allowed_registry = []", "policy.toml:1:1"),
    ];
    let hosts = [
        ("allowed_registries = \"ghcr.io\"", "config.toml:14:22"),
        ("blocked_namespaces = [1]", "config.toml:14:23"),
        ("[extensions.policy]", "config.toml:14:"),
    ];
    let rows = own.into_iter().map(|row| (OWN, row)).chain(hosts.map(|row| (HOSTS, row)));
    for (file, (lines, place)) in rows {
        rule(&sandbox, file, lines);
        for arguments in [&["lock"][..], &["sync"], &["sync", "--frozen"]] {
            sandbox.run(arguments).fails(78, &[place]);
        }
        unrule(&sandbox, file);
    }
    assert_eq!(registry.take_log(), Vec::<String>::new());
    // Nothing else of the host's configuration is looked at.
    rule(&sandbox, HOSTS, "");
    sandbox.ok(&["sync"]);
}
