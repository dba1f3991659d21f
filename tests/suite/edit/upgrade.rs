//! `outdated` tells what each newer version asks for, and `upgrade` grants it to none without consent.

use serde_json::Value;

use crate::edit::install::at_a_terminal;
use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component, importing};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

const CONFIG: &str = "open-sesame:host/config-read@0.1.0";
const NOTIFY: &str = "open-sesame:host/notification@0.1.0";
const SECRETS: &str = "open-sesame:host/secret-read@0.1.0";

/// `plain`, whose newer version asks for nothing more, and `asks`, whose newer one that fits asks for notifications, and whose
/// newest for secrets.
fn synced(registry: &Registry) -> Sandbox {
    let sandbox = Sandbox::new();
    registry.push("org/plain", "1.0.0", &Artifact::wkg(&component("plain 1")));
    registry.push("org/asks", "1.0.0", &Artifact::wkg(&importing("asks 1", &[CONFIG])));
    declare(&sandbox, registry, "");
    sandbox.ok(&["sync"]);
    registry.push("org/plain", "1.1.0", &Artifact::wkg(&component("plain 2")));
    registry.push("org/asks", "1.1.0", &Artifact::wkg(&importing("asks 2", &[CONFIG, NOTIFY])));
    registry.push("org/asks", "2.0.0", &Artifact::wkg(&importing("asks 3", &[SECRETS])));
    sandbox
}

fn declare(sandbox: &Sandbox, registry: &Registry, more: &str) {
    let host = registry.host();
    let entries = format!(
        "plain = {{ oci = \"{host}/org/plain\", version = \"^1\" }}\n\
         asks = {{ oci = \"{host}/org/asks\", version = \"^1\", capabilities = {{ config-read = true }} }} # mine\n{more}"
    );
    sandbox.write("sesame.toml", format!("[extensions]\n{entries}[registries.\"{host}\"]\nplain-http = true\n"));
}

/// The locked tags of `asks` and `plain`.
fn locked(sandbox: &Sandbox) -> [String; 2] {
    let lock = sandbox.read("sesame.lock");
    ["asks", "plain"].map(|name| {
        let tag = lock.split(&format!("/org/{name}:")).nth(1).unwrap();
        tag.split('"').next().unwrap().to_owned()
    })
}

#[test]
fn each_version_has_its_own_capabilities_in_outdated() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let run = sandbox.run(&["outdated"]);
    let words: Vec<&str> = run.stdout.split_whitespace().collect();
    let words = words.join(" ");
    for text in [
        "asks 1.0.0 1.1.0 +notification 2.0.0 +secret-read -config-read",
        "plain 1.0.0 1.1.0 1.1.0",
        "`sesame upgrade plain` takes what fits",
        "`sesame upgrade asks --grant notification` takes what fits, and grants what it requires",
        "--name asks --version '^2.0.0' --grant secret-read` allows the newest release of asks, and grants what that requires",
    ] {
        assert!(words.contains(text), "no `{text}` in:\n{}", run.stdout);
    }
    let json: Value = serde_json::from_str(&sandbox.run(&["outdated", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json), "{json}");
    let asks = &json["data"]["extensions"][0];
    assert_eq!(asks["fits_capabilities"], serde_json::json!({ "added": ["notification"] }), "{json}");
    assert_eq!(
        asks["newest_capabilities"],
        serde_json::json!({ "added": ["secret-read"], "removed": ["config-read"] }),
        "{json}"
    );
}

#[test]
fn without_consent_only_what_asks_for_nothing_is_upgraded() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let manifest = sandbox.read("sesame.toml");
    let json = sandbox.run(&["upgrade", "--json"]);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    assert_eq!((json.status, &document["data"]["left"][0]["capabilities"][0]), (1, &Value::from("notification")));
    assert_eq!(locked(&sandbox), ["1.0.0", "1.1.0"]);
    assert_eq!(sandbox.read("sesame.toml"), manifest);
    sandbox.ok(&["status"]);
    let run = sandbox.run(&["upgrade"]);
    let host = registry.host();
    let left = format!("not upgraded: asks  {host}/org/asks:1.0.0 → 1.1.0  requires notification\n");
    run.fails(1, &[&left, "`sesame upgrade asks --grant notification` grants it"]);

    sandbox.ok(&["upgrade", "asks", "--grant", "notification"]);
    assert_eq!(locked(&sandbox), ["1.1.0", "1.1.0"]);
    let granted = manifest.replace("{ config-read = true }", "{ config-read = true, notification = true }");
    assert_eq!(sandbox.read("sesame.toml"), granted);
    assert!(sandbox.ok(&["extension", "list"]).stdout.contains("config-read, notification"));
    sandbox.ok(&["upgrade"]);
}

#[test]
fn at_a_terminal_a_person_is_asked_about_each_that_asks_for_more() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let (status, said) = at_a_terminal(&sandbox, &["upgrade"], || {}, b"n\n");
    assert!(said.contains("notification  asked for") && said.contains("not upgraded: asks"), "{said}");
    assert_eq!((status, locked(&sandbox)), (Some(1), ["1.0.0".into(), "1.1.0".into()]));
    let (status, said) = at_a_terminal(&sandbox, &["upgrade"], || {}, b"y\n");
    assert_eq!((status, locked(&sandbox)), (Some(0), ["1.1.0".into(), "1.1.0".into()]), "{said}");
    assert!(sandbox.read("sesame.toml").contains("notification = true"));
    // A range is replaced only if the person agrees.
    let reference = format!("{}/org/asks:2.0.0", registry.host());
    let add = ["add", &reference, "--grant", "secret-read"];
    let (status, said) = at_a_terminal(&sandbox, &add, || {}, b"n\n");
    assert!(said.contains("version ^1 does not allow this one; it would replace the range"), "{said}");
    assert_eq!((status, &locked(&sandbox)[0]), (Some(77), &"1.1.0".to_owned()), "{said}");
    let (status, said) = at_a_terminal(&sandbox, &add, || {}, b"y\n");
    assert_eq!((status, &locked(&sandbox)[0]), (Some(0), &"2.0.0".to_owned()), "{said}");
}

#[test]
fn a_grant_without_a_name_is_only_for_the_one_that_asks() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let host = registry.host();
    registry.push("org/too", "1.0.0", &Artifact::wkg(&component("too 1")));
    declare(&sandbox, &registry, &format!("too = {{ oci = \"{host}/org/too\", version = \"^1\" }}\n"));
    sandbox.ok(&["sync"]);
    registry.push("org/too", "1.1.0", &Artifact::wkg(&importing("too 2", &[NOTIFY])));
    let before = (sandbox.read("sesame.toml"), sandbox.read("sesame.lock"));
    let run = sandbox.run(&["upgrade", "--grant", "notification"]);
    run.fails(
        2,
        &["more than one extension asks for a new capability: asks, too", "`sesame upgrade asks --grant CAPABILITY`"],
    );
    assert_eq!((sandbox.read("sesame.toml"), sandbox.read("sesame.lock")), before);
    sandbox.ok(&["upgrade", "asks", "too", "--grant", "notification"]);
    assert_eq!(locked(&sandbox), ["1.1.0", "1.0.0"]);
    sandbox.ok(&["upgrade", "--grant", "notification"]);
    assert_eq!(locked(&sandbox), ["1.1.0", "1.1.0"]);
}

#[test]
fn a_grant_of_items_takes_the_place_of_the_whole_and_is_reported() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let reference = registry.push("org/asks", "1.0.0", &Artifact::wkg(&importing("asks", &[SECRETS])));
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    let entry =
        |scope: &str| format!("asks = {{ oci = \"{reference}\", capabilities = {{ secret-read = {scope} }} }} # why\n");
    sandbox.write("sesame.toml", format!("[extensions]\n{}{settings}", entry("true")));
    sandbox.ok(&["sync"]);
    let run = sandbox.ok(&["add", &reference, "--grant", "secret-read=tok"]);
    assert!(run.stderr.contains("no longer granted as a whole: secret-read\n"), "{}", run.stderr);
    assert!(run.stderr.contains("  secret-read=tok\n"), "{}", run.stderr);
    assert!(sandbox.read("sesame.toml").contains(&entry("[\"tok\"]")), "{}", sandbox.read("sesame.toml"));
    assert!(sandbox.ok(&["extension", "list"]).stdout.contains("secret-read=tok"));
    // More items are added to a list.
    let run = sandbox.ok(&["add", &reference, "--grant", "secret-read=pin"]);
    assert!(!run.stderr.contains("as a whole"), "{}", run.stderr);
    assert!(sandbox.read("sesame.toml").contains(&entry("[\"tok\", \"pin\"]")), "{}", sandbox.read("sesame.toml"));
}

#[test]
fn add_with_a_tag_keeps_a_range_that_has_it_and_asks_before_it_replaces_another() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    for tag in ["1.0.0", "1.1.0", "1.2.0", "2.0.0"] {
        registry.push("org/plain", tag, &Artifact::wkg(&component(tag)));
    }
    let host = registry.host();
    let entry = format!("plain = {{ oci = \"{host}/org/plain\", version = \"^1\" }} # mine\n");
    sandbox.write("sesame.toml", format!("[extensions]\n{entry}[registries.\"{host}\"]\nplain-http = true\n"));
    sandbox.ok(&["sync"]);
    let manifest = sandbox.read("sesame.toml");
    let run = sandbox.ok(&["add", &format!("{host}/org/plain:1.1.0")]);
    assert!(run.stderr.contains("org/plain:1.1.0 instead of "), "{}", run.stderr);
    assert_eq!(sandbox.read("sesame.toml"), manifest, "the range is kept");
    assert!(sandbox.read("sesame.lock").contains("org/plain:1.1.0"), "{}", sandbox.read("sesame.lock"));
    assert!(sandbox.ok(&["sync"]).stderr.contains("up to date"));
    // A pin to a digest cannot be kept in a range.
    let digest = sandbox.read("sesame.lock");
    let digest = digest.split("provenance = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let run = sandbox.run(&["add", &format!("{host}/org/plain:1.1.0@{digest}")]);
    run.fails(2, &["`plain` is declared with version ^1, which cannot be pinned to ", "leave the digest out"]);
    for more in [&[][..], &["--grant-all"]] {
        let reference = format!("{host}/org/plain:2.0.0");
        let run = sandbox.run(&[&["add", &reference], more].concat());
        run.fails(2, &["`plain` is declared with version ^1, which does not allow ", "add `--exact`"]);
        assert_eq!(sandbox.read("sesame.toml"), manifest);
    }
}

#[test]
fn choosing_capability_by_capability_ends_with_the_question_about_the_range() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let manifest = sandbox.read("sesame.toml");
    let reference = format!("{}/org/asks:2.0.0", registry.host());
    let add = ["add", &reference];
    for (answers, status) in [(&b"c\npin\nn\n"[..], 77), (b"c\npin\n\x04", 77)] {
        let (code, said) = at_a_terminal(&sandbox, &add, || {}, answers);
        assert!(code == Some(status) && said.contains("replace the range ^1? [y/N]"), "{answers:?}: {code:?}: {said}");
        assert_eq!(sandbox.read("sesame.toml"), manifest);
    }
    let (code, said) = at_a_terminal(&sandbox, &add, || {}, b"c\npin\ny\n");
    assert_eq!(code, Some(0), "{said}");
    let written = sandbox.read("sesame.toml");
    assert!(written.contains("org/asks:2.0.0") && written.contains("secret-read = [\"pin\"]"), "{written}");
}

#[test]
fn a_grant_that_nothing_asks_for_is_a_warning_and_one_that_is_denied_is_not_offered() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let run = sandbox.ok(&["upgrade", "plain", "--grant", "env=TZ"]);
    assert!(run.stderr.contains("warning: no newer version asks for env, so it was not granted"), "{}", run.stderr);
    sandbox.write("../home/config/pds/policy.toml", "denied_capabilities = [\"notification\"]\n");
    for command in [&["outdated"][..], &["upgrade"], &["upgrade", "asks", "--grant", "notification"]] {
        let run = sandbox.run(command);
        let said = run.stdout + &run.stderr;
        assert!(said.contains("requires notification, which ") && said.contains(" denies\n"), "{said}");
        assert!(!said.contains("--grant notification`"), "{said}");
        assert_eq!(run.status, 1, "{command:?}: {said}");
    }
    assert_eq!(locked(&sandbox), ["1.0.0", "1.1.0"]);
}

#[test]
fn what_is_not_locked_yet_cannot_be_left() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let host = registry.host();
    registry.push("org/too", "1.0.0", &Artifact::wkg(&importing("too", &[NOTIFY])));
    declare(&sandbox, &registry, &format!("too = {{ oci = \"{host}/org/too\", version = \"^1\" }}\n"));
    let before = sandbox.read("sesame.lock");
    sandbox.run(&["upgrade"]).fails(77, &["`too` needs what sesame.toml:4:1 does not grant: notification"]);
    assert_eq!(sandbox.read("sesame.lock"), before);
    sandbox.run(&["upgrade", "too", "--grant", "notification"]).fails(0, &[]);
}

#[test]
fn a_manifest_that_is_changed_during_the_question_gets_no_grant() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let other = sandbox.read("sesame.toml").replace("/org/asks\"", "/org/plain\"");
    let (status, said) = at_a_terminal(&sandbox, &["upgrade"], || sandbox.write("sesame.toml", &other), b"y\n");
    assert!(status == Some(74) && said.contains("sesame.toml was changed"), "{status:?}: {said}");
    assert_eq!(sandbox.read("sesame.toml"), other);
}

#[test]
fn a_dry_run_shows_what_would_be_upgraded_and_changes_nothing() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let state = |sandbox: &Sandbox| {
        [sandbox.trace(&sandbox.data()), sandbox.trace(&sandbox.cache()), sandbox.trace(&sandbox.path("project"))]
    };
    let before = state(&sandbox);
    let run = sandbox.ok(&["upgrade", "--dry-run"]);
    for text in ["~ plain", "1.0.0 → 1.1.0", "not upgraded: asks", "requires notification", "activate"] {
        assert!(run.stdout.contains(text), "no `{text}` in:\n{}", run.stdout);
    }
    let json = sandbox.ok(&["upgrade", "asks", "--grant", "notification", "--dry-run", "--json"]).stdout;
    let document: Value = serde_json::from_str(&json).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    assert_eq!(document["data"]["sync"]["outcome"], "planned");
    assert_eq!(document["data"]["sync"]["lock"]["changes"][0]["name"], "asks");
    assert_eq!(document["data"]["left"], Value::Null);
    assert_eq!(state(&sandbox), before);
    // Of a set that is held, the lock alone would change.
    sandbox.ok(&["rollback", "--hold", "1"]);
    let run = sandbox.ok(&["upgrade", "--dry-run", "plain"]);
    assert!(run.stdout.contains("1.0.0 → 1.1.0") && run.stdout.contains("held: 2 extensions"), "{}", run.stdout);
    assert!(!run.stdout.contains("activate"), "{}", run.stdout);
    sandbox.ok(&["rollback", "--release"]);
    sandbox.ok(&["upgrade", "--grant", "notification"]);
    let run = sandbox.ok(&["upgrade", "--dry-run"]);
    assert!(run.stdout.contains("up to date: there is nothing to upgrade"), "{}", run.stdout);
}

#[test]
fn outdated_is_asked_of_some_and_shows_tags_that_were_moved() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let run = sandbox.run(&["outdated", "plain"]);
    assert!(run.status == 1 && run.stdout.contains("plain") && !run.stdout.contains("asks"), "{}", run.stdout);
    sandbox.run(&["outdated", "plian"]).fails(66, &["there is no extension `plian`", "did you mean `plain`?"]);
    sandbox.ok(&["upgrade", "--grant", "notification"]);
    assert_eq!(sandbox.run(&["outdated", "plain"]).status, 0);
    registry.push("org/plain", "1.1.0", &Artifact::wkg(&importing("plain moved", &[NOTIFY])));
    let run = sandbox.run(&["outdated", "plain"]);
    assert!(run.status == 1 && run.stdout.contains("1.1.0 (moved)"), "{}", run.stdout);
    assert!(run.stdout.contains("`sesame upgrade plain --grant notification`"), "{}", run.stdout);
    let document: Value = serde_json::from_str(&sandbox.run(&["outdated", "plain", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    assert!(document["data"]["extensions"][0]["moved"].as_str().unwrap().starts_with("sha256:"), "{document}");
    sandbox.ok(&["upgrade", "plain", "--grant", "notification"]);
    assert_eq!(sandbox.run(&["outdated", "plain"]).status, 0);
}
