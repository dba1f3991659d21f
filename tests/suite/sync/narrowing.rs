//! Taking away always works: whatever else is wrong, a sync removes from the active set what its manifest no longer declares
//! or grants, and adds nothing. Where the manifest cannot be read whole, it says which grants stay.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component, importing};
use crate::support::guest;
use crate::support::library_host::{context, live, surroundings};
use crate::support::registry::{Fault, Registry};
use crate::support::sandbox::{Run, Sandbox};
use sesame::model::fault::FaultKind;
use sesame::model::name::ProfileName;
use sesame::ops::run::active::{ActiveSet, HostEnvironment};

const WIDE: &str = "{ path = \"g.wasm\", capabilities = { config-read = true, secret-read = true } }";
const NARROW: &str = "{ path = \"g.wasm\", capabilities = { config-read = true } }";

/// A greeting that is granted more than it imports, beside another extension, active as generation 1.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("g.wasm", guest("greeting-0.1.0"));
    sandbox.write("other.wasm", component("other"));
    declare(&sandbox, WIDE, "");
    sandbox.ok(&["sync"]);
    sandbox
}

/// A manifest of `g` and an extension beside it, which comes from `other.wasm`.
fn declare(sandbox: &Sandbox, g: &str, more: &str) {
    sandbox.write("sesame.toml", format!("[extensions]\ng = {g}\nother = {{ path = \"other.wasm\" }}\n{more}"));
}

/// Makes every sync fail: the file of an extension is missing.
const BROKEN: &str = "broken = { path = \"nowhere.wasm\" }\n";

fn current(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.data().join("profiles/default/current")).unwrap()
}

fn grants(sandbox: &Sandbox) -> Vec<String> {
    let list = sandbox.ok(&["extension", "list", "--json"]);
    let document: Value = serde_json::from_str(&list.stdout).unwrap();
    let extensions = document["data"]["extensions"].as_array().unwrap().clone();
    let of = |extension: &Value| format!("{} {}", extension["name"].as_str().unwrap(), extension["capabilities"]);
    extensions.iter().map(of).collect()
}

fn greets(sandbox: &Sandbox) -> i32 {
    sandbox.run(&["extension", "call", "--profile", "default", "g", "greet", "x"]).status
}

#[test]
fn a_revoked_grant_goes_even_if_the_component_needs_it() {
    let sandbox = synced();
    declare(&sandbox, "{ path = \"g.wasm\", capabilities = {} }", "");
    let refusal = "`g` needs what sesame.toml:2:1 does not grant: config-read";
    // Those that change nothing say the same, and what would go.
    for command in [&["sync", "--check"][..], &["sync", "--dry-run"], &["diff"]] {
        let narrow = "narrow   generation 2 of profile default  2 extensions  (the manifest declares less)";
        sandbox.run(command).fails(77, &[refusal, "~ g  grants: -config-read; -secret-read", narrow]);
    }
    let status = sandbox.run(&["status"]);
    assert!(
        status.stdout.contains("it would narrow the active set:\n    ~ g  grants: -config-read"),
        "{}",
        status.stdout
    );
    assert_eq!(status.status, 77);
    let doctor = sandbox.run(&["doctor", "--offline"]);
    assert!(
        doctor.stdout.contains("sync: the next one is refused and narrows the active set: ~ g"),
        "{}",
        doctor.stdout
    );
    assert_eq!((doctor.status, current(&sandbox).as_str(), greets(&sandbox)), (1, "1\n", 0));

    let held = live(&sandbox);
    assert!(!held.changed());
    sandbox.run(&["sync"]).fails(77, &[refusal, "narrowed: 2 extensions", "~ g  grants: -config-read; -secret-read"]);
    assert!(held.changed() && !held.reload().unwrap().changed());
    assert_eq!((current(&sandbox).as_str(), greets(&sandbox)), ("2\n", 77));
    assert_eq!(grants(&sandbox), ["g []", "other []"]);
    // Once is enough.
    let again = sandbox.run(&["sync"]);
    again.fails(77, &[refusal]);
    assert!(!again.stderr.contains("narrowed"), "{}", again.stderr);
    assert_eq!(current(&sandbox), "2\n");
    // The generation before has the wider grants, and so has the manifest if it grants them again.
    sandbox.ok(&["rollback"]);
    assert_eq!(greets(&sandbox), 0);
    sandbox.run(&["sync"]).fails(77, &["narrowed: "]);
    declare(&sandbox, WIDE, "");
    sandbox.ok(&["sync"]);
    assert_eq!(greets(&sandbox), 0);
}

#[test]
fn what_is_removed_goes_whatever_else_is_refused_and_nothing_comes() {
    let sandbox = synced();
    sandbox.write("sesame.toml", format!("[extensions]\ng = {NARROW}\nnew = {{ path = \"other.wasm\" }}\n{BROKEN}"));
    let json = sandbox.run(&["sync", "--json"]);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    let narrowing = &document["error"]["narrowing"];
    assert_eq!((json.status, &document["error"]["exit"]), (65, &Value::from(65)), "{document}");
    assert_eq!(narrowing["steps"][0]["action"], "narrow", "{document}");
    assert_eq!(
        (&narrowing["generation"], &narrowing["outcome"]),
        (&Value::from(2), &Value::from("done")),
        "{document}"
    );
    assert_eq!(grants(&sandbox), ["g [\"config-read\"]"]);
    assert_eq!(greets(&sandbox), 0);
    // All is removed that is no longer declared, up to the last.
    sandbox.write("sesame.toml", format!("[extensions]\n{BROKEN}"));
    sandbox.run(&["sync"]).fails(65, &["narrowed: 0 extensions"]);
    assert_eq!(grants(&sandbox), Vec::<String>::new());
}

#[test]
fn a_lower_limit_counts_at_once_and_a_limit_of_fuel_only_with_its_code() {
    let sandbox = synced();
    let limited = |limits: &str| WIDE.replace(" } }", &format!(" }}, limits = {{ {limits} }} }}"));
    declare(&sandbox, &limited("timeout_ms = 20_000, max_fuel = 9"), BROKEN);
    sandbox.run(&["sync"]).fails(65, &[]);
    assert_eq!(current(&sandbox), "1\n");
    declare(&sandbox, &limited("timeout_ms = 500, max_fuel = 9"), BROKEN);
    sandbox.run(&["sync"]).fails(65, &["narrowed: 2 extensions", "~ g  timeout_ms 10000 → 500"]);
    let info = sandbox.ok(&["extension", "info", "g", "--json"]);
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!((&info["data"]["timeout_ms"], &info["data"]["fuel"]), (&Value::from(500), &Value::Null), "{info}");
    assert_eq!(greets(&sandbox), 0);
}

#[test]
fn a_failing_registry_does_not_keep_a_grant_in_force() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let secrets = importing("secrets", &[]);
    let a = registry.push("org/a", "1.0.0", &Artifact::wkg(&secrets));
    let b = registry.push("org/b", "1.0.0", &Artifact::wkg(&component("b")));
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    let manifest = |grant: &str, more: &str| {
        sandbox.write("sesame.toml", format!("[extensions]\na = {{ oci = \"{a}\"{grant} }}\n{more}{settings}"));
    };
    manifest(", capabilities = { secret-read = true, notification = true }", "");
    sandbox.ok(&["sync"]);
    registry.misbehave("", Fault::Status(503));
    manifest(", capabilities = { notification = true }", &format!("b = \"{b}\"\n"));
    sandbox.run(&["sync"]).fails(69, &["narrowed: 1 extension", "~ a  grants: -secret-read"]);
    assert_eq!(grants(&sandbox), ["a [\"notification\"]"]);
    registry.behave();
    sandbox.ok(&["sync"]);
    assert_eq!(grants(&sandbox), ["a [\"notification\"]", "b []"]);
}

#[test]
fn a_refused_sync_that_revokes_nothing_leaves_the_active_set_alone() {
    let sandbox = synced();
    let profile = sandbox.data().join("profiles");
    let before = sandbox.trace(&profile);
    // One bad of several, a new grant, another component, higher limits.
    let more = WIDE.replace("secret-read = true", "secret-read = true, notification = true");
    let limits = WIDE.replace("true } }", "true }, limits = { max_memory_mib = 512, max_fuel = 9_000_000 } }");
    for g in [WIDE, &more, &limits, &WIDE.replace("g.wasm", "other.wasm")] {
        declare(&sandbox, g, BROKEN);
        let run = sandbox.run(&["sync"]);
        run.fails(65, &["nowhere.wasm"]);
        assert!(!run.stderr.contains("narrow"), "{}", run.stderr);
        assert_eq!(sandbox.trace(&profile), before, "{g}");
    }
}

/// States that a person's files pass through while something else is at work on them.
#[test]
fn a_project_that_does_not_read_whole_narrows_nothing_and_the_grants_are_named() {
    let kept = [
        "warning: the active set of profile `default` was not narrowed: ",
        "may be stale: `g`: config-read, secret-read\n",
    ];
    let markers = |text: &str| format!("<<<<<<< HEAD\n{text}=======\n>>>>>>> theirs\n");
    type Change = fn(&Sandbox, &dyn Fn(&str) -> String);
    let states: [(&str, i32, Change); 6] = [
        ("a manifest with conflict markers", 65, |sandbox, markers| {
            sandbox.write("sesame.toml", markers("[extensions]\n"));
        }),
        ("a manifest that is cut off", 65, |sandbox, _| sandbox.write("sesame.toml", "[extensions]\ng = { path =")),
        ("a manifest with one problem", 65, |sandbox, _| sandbox.write("sesame.toml", "[extension]\n")),
        ("a drop-in with one problem", 65, |sandbox, _| {
            sandbox.write("sesame.toml", "[extensions]\n");
            sandbox.write("extensions/g.toml", "[extension]\nname = \"g\"\n");
        }),
        ("no manifest", 66, |sandbox, _| fs::remove_file(sandbox.path("project/sesame.toml")).unwrap()),
        ("a link to nowhere", 74, |sandbox, _| {
            fs::remove_file(sandbox.path("project/sesame.toml")).unwrap();
            symlink("gone.toml", sandbox.path("project/sesame.toml")).unwrap();
        }),
    ];
    for (what, status, change) in states {
        let sandbox = synced();
        let before = sandbox.trace(&sandbox.data().join("profiles"));
        change(&sandbox, &markers);
        let run = sandbox.run(&["sync"]);
        run.fails(status, &kept);
        assert_eq!(sandbox.trace(&sandbox.data().join("profiles")), before, "{what}");
        assert_eq!(greets(&sandbox), 0, "{what}");
    }
}

#[test]
fn a_lock_that_cannot_be_read_does_not_keep_a_grant_in_force() {
    for (what, lock) in
        [("a conflict", "<<<<<<< HEAD\n=======\n>>>>>>> theirs\n"), ("another version", "version = 7\n")]
    {
        let sandbox = synced();
        declare(&sandbox, NARROW, "");
        sandbox.write("sesame.lock", lock);
        sandbox.run(&["sync"]).fails(65, &["sesame.lock:1:", "narrowed: 2 extensions", "~ g  grants: -secret-read"]);
        assert_eq!(grants(&sandbox), ["g [\"config-read\"]", "other []"], "{what}");
        let manifest = sandbox.read("sesame.toml");
        sandbox.run(&["remove", "other", "--no-sync"]).fails(65, &["sesame.lock:1:"]);
        assert_eq!((sandbox.read("sesame.lock").as_str(), sandbox.read("sesame.toml")), (lock, manifest));
        sandbox.run(&["remove", "other"]).fails(65, &["removed other from sesame.toml", "narrowed: 1 extension"]);
        assert_eq!(sandbox.read("sesame.lock"), lock);
    }
}

#[test]
fn what_the_policy_denies_is_not_offered_as_a_grant() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", importing("a", &["open-sesame:host/secret-read@0.1.0"]));
    sandbox.write("../home/config/pds/policy.toml", "denied_capabilities = [\"secret-read\"]\n");
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    let commands =
        [&["sync"][..], &["sync", "--check"], &["status"], &["lock"], &["add", "--path", "a.wasm", "--grant-all"]];
    for command in commands {
        let run = sandbox.run(command);
        let said = run.stdout + &run.stderr;
        assert!(
            said.contains("`a` cannot have secret-read: ") && !said.contains("if you trust"),
            "{command:?}: {said}"
        );
        assert_eq!(run.status, 77, "{command:?}: {said}");
    }
}

#[test]
fn another_source_is_another_extension() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1.0.0", &Artifact::wkg(&component("a")));
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    let manifest = |reference: &str| {
        let entry = format!("a = {{ oci = \"{reference}\", capabilities.notification = true }}");
        sandbox.write("sesame.toml", format!("[extensions]\n{entry}\n{settings}"));
    };
    manifest(&a);
    sandbox.ok(&["sync"]);
    registry.misbehave("", Fault::Status(503));
    manifest(&a.replace(":1.0.0", ":2.0.0"));
    sandbox.run(&["sync"]).fails(69, &[]);
    assert_eq!(grants(&sandbox), ["a [\"notification\"]"], "another version is the same extension");
    manifest(&a.replace("org/a", "org/b"));
    sandbox.run(&["sync"]).fails(69, &["narrowed: 0 extensions", "- a  "]);
}

#[test]
fn who_adopts_a_set_can_take_away_from_it() {
    let sandbox = synced();
    fs::rename(sandbox.path("project"), sandbox.path("moved")).unwrap();
    fs::create_dir(sandbox.path("project")).unwrap();
    let revoked = format!("[extensions]\ng = {NARROW}\n{BROKEN}");
    sandbox.write("../moved/sesame.toml", revoked);
    let moved = |arguments: &[&str]| Run::of(sandbox.command(arguments).current_dir(sandbox.path("moved")));
    moved(&["sync"]).fails(77, &["no longer exists", "may be stale"]);
    moved(&["sync", "--adopt"])
        .fails(65, &["nowhere.wasm", "narrowed: 1 extension", "- other  ", "~ g  grants: -secret-read"]);
    assert_eq!(grants(&sandbox), ["g [\"config-read\"]"]);
}

/// Drop-ins stand beside the path that a manifest is reached through.
#[test]
fn a_manifest_that_is_reached_through_a_link_narrows_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("../home/config/pds/g.wasm", guest("greeting-0.1.0"));
    let drop_in = "[extension]\nname = \"g\"\npath = \"../g.wasm\"\n[capabilities]\nconfig-read = true\n";
    sandbox.write("../home/config/pds/extensions/g.toml", drop_in);
    sandbox.write("sesame.toml", "[extensions]\n");
    symlink(sandbox.path("project/sesame.toml"), sandbox.path("home/config/pds/sesame.toml")).unwrap();
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    let elsewhere = |arguments: &[&str]| Run::of(sandbox.command(arguments).current_dir(sandbox.path("elsewhere")));
    elsewhere(&["sync"]).fails(0, &["1 extension is live"]);
    let run = sandbox.run(&["sync", "--locked"]);
    run.fails(65, &["there is no sesame.lock", "was not narrowed"]);
    assert_eq!(grants(&sandbox), ["g [\"config-read\"]"]);
}

#[test]
fn another_manifest_narrows_nothing() {
    let sandbox = synced();
    sandbox.write("../other/sesame.toml", "[extensions]\n");
    let run = Run::of(sandbox.command(&["sync"]).current_dir(sandbox.path("other")));
    run.fails(77, &["is managed by", "may be stale"]);
    assert_eq!((current(&sandbox).as_str(), greets(&sandbox)), ("1\n", 0));
}

/// `git checkout` writes file by file: the manifest is that of the new commit, the lock that of the old one.
#[test]
fn a_half_finished_checkout_takes_away_no_more_than_its_manifest_does() {
    let sandbox = synced();
    let lock = sandbox.read("sesame.lock");
    declare(&sandbox, NARROW, "new = { path = \"new.wasm\" }\n");
    sandbox.run(&["sync", "--locked"]).fails(65, &["narrowed: 2 extensions", "~ g  grants: -secret-read"]);
    assert_eq!(sandbox.read("sesame.lock"), lock);
    assert_eq!((grants(&sandbox), greets(&sandbox)), (vec!["g [\"config-read\"]".into(), "other []".into()], 0));
    // The rest of the checkout.
    sandbox.write("new.wasm", component("new"));
    sandbox.ok(&["sync"]);
}

#[test]
fn remove_stays_done_if_the_sync_after_it_is_refused() {
    let sandbox = synced();
    declare(&sandbox, WIDE, BROKEN);
    sandbox.run(&["sync"]).fails(65, &[]);
    sandbox.run(&["remove", "g"]).fails(
        65,
        &[
            "removed g from sesame.toml",
            "locked: sesame.lock, to be committed",
            "nowhere.wasm",
            "narrowed: 1 extension",
            "- g  g.wasm",
        ],
    );
    assert!(!sandbox.read("sesame.toml").contains("g.wasm"), "{}", sandbox.read("sesame.toml"));
    assert_eq!((grants(&sandbox), greets(&sandbox)), (vec!["other []".into()], 66));
    assert!(!sandbox.read("sesame.lock").contains("name = \"g\""), "{}", sandbox.read("sesame.lock"));
    // What was not active is removed all the same, and nothing else is resolved for it.
    let manifest = sandbox.read("sesame.toml");
    for more in [&[][..], &["--no-sync"]] {
        sandbox.write("sesame.toml", format!("{manifest}new = {{ path = \"other.wasm\" }}\n"));
        let run = sandbox.run(&[&["remove", "new"], more].concat());
        run.fails(if more.is_empty() { 65 } else { 0 }, &["removed new from sesame.toml\n"]);
        assert_eq!(sandbox.read("sesame.toml"), manifest);
    }
    let json = sandbox.run(&["remove", "other", "--json"]);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    assert_eq!(document["error"]["removed"][0]["name"], "other", "{document}");
    assert_eq!(document["error"]["narrowing"]["changes"][0]["kind"], "removed", "{document}");
}

#[test]
fn a_policy_holds_at_every_load() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let reference = registry.push("org/g", "1.0.0", &Artifact::wkg(&guest("greeting-0.1.0")));
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    let entry = format!("g = {{ oci = \"{reference}\", capabilities.config-read = true }}");
    sandbox.write("sesame.toml", format!("[extensions]\n{entry}\n{settings}"));
    sandbox.ok(&["sync"]);
    let policy = |text: &str| sandbox.write("../home/config/pds/policy.toml", text);
    let call = ["extension", "call", "g", "greet", "x"];
    sandbox.write("g.wasm", guest("greeting-0.1.0"));
    let file = ["extension", "call", "./g.wasm", "greet", "x", "--grant", "config-read"];
    for (text, said, of_file) in [
        ("blocked_namespaces = [\"org\"]\n", "`org` is among the `blocked_namespaces` of", 0),
        ("allowed_registries = [\"ghcr.io\"]\n", "is not among the `allowed_registries` of", 0),
        ("denied_capabilities = [\"config-read\"]\n", "cannot have config-read: ", 77),
    ] {
        policy(text);
        for command in [&call[..], &["sync"], &["sync", "--check"], &["status"], &["lock"]] {
            let run = sandbox.run(command);
            assert!((run.stdout + &run.stderr).contains(said), "{command:?}");
            assert_eq!(run.status, 77, "{command:?}");
        }
        assert_eq!(sandbox.run(&["doctor", "--offline"]).status, 1);
        assert!(sandbox.ok(&["extension", "list"]).stdout.contains("  denied  "), "{text}");
        assert_eq!(sandbox.run(&file).status, of_file, "{text}");
        assert_eq!(current(&sandbox), "1\n", "a policy narrows nothing");
    }
    policy("denied_capabilities = [\"secret-read\", \"fs-read\"]\n");
    assert_eq!(sandbox.run(&call).status, 0);
    // A set that is open already is held to the policy of now, and so is the host's own configuration.
    let held = HostEnvironment { user: context(&sandbox).user, ..surroundings(&sandbox) };
    let held = ActiveSet::open(held, &ProfileName::default()).unwrap();
    let name = "g".parse().unwrap();
    held.load(&name).unwrap();
    sandbox.write("../home/config/pds/config.toml", "[extensions.policy]\ndenied_capabilities = [\"config-read\"]\n");
    assert_eq!(held.load(&name).err().map(|error| error.kind()), Some(FaultKind::Denied));
    assert_eq!(sandbox.run(&call).status, 77);
    fs::remove_file(sandbox.path("home/config/pds/config.toml")).unwrap();
    assert!(sandbox.ok(&["extension", "list"]).stdout.contains("  ready  "));
    policy("denied_capabilities = 3\n");
    for command in [&call[..], &file, &["sync"]] {
        assert_eq!(sandbox.run(command).status, 78, "an unreadable policy loads nothing: {command:?}");
    }
    // Nor does it keep a grant in force.
    sandbox.write("sesame.toml", format!("[extensions]\n{settings}"));
    sandbox.run(&["sync"]).fails(78, &["narrowed: 0 extensions"]);
}
