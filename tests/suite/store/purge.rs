//! `purge` removes all that is sesame's and nothing else, once the person has seen it.

use std::fs;

use serde_json::Value;

use crate::edit::install::at_a_terminal;
use crate::formats::schemas::validator;
use crate::support::artifact::component;
use crate::support::library_host::live;
use crate::support::sandbox::Sandbox;

/// A machine on which everything was used.
fn used() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    sandbox.ok(&["call", "a", "run", "-v"]);
    sandbox.ok(&["sync", "--profile", "other"]);
    sandbox.write("../home/config/pds/policy.toml", "allowed_registries = []\n");
    sandbox.write("../home/config/pds/host.toml", "[backends]\nsecrets = \"file:secrets.toml\"\n");
    sandbox.write("../home/config/pds/secrets.toml", "");
    let secrets = sandbox.path("home/config/pds/secrets.toml");
    fs::set_permissions(secrets, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    sandbox.run(&["host", "secret", "remove", "mail"]).fails(1, &["there was no such secret"]);
    sandbox.ok(&["host", "enable"]);
    sandbox.write("../home/state/pds/host.log", "ready\n");
    // Other programs of the desktop have files in the same folder.
    sandbox.write("../home/data/pds/desktop.db", "theirs");
    sandbox
}

#[test]
fn every_file_is_listed_and_removed_and_those_of_others_stay() {
    let sandbox = used();
    let own = ["home/data/pds", "home/cache/pds", "home/state/pds"].map(|folder| sandbox.path(folder));
    let before = sandbox.trace(&sandbox.path("home"));
    let all: Vec<String> =
        own.iter().flat_map(|folder| sandbox.files(folder)).map(|file| file.display().to_string()).collect();
    let listed = sandbox.ok(&["purge", "--dry-run"]).stdout;
    for file in &all {
        assert_eq!(listed.lines().any(|line| line == file), !file.ends_with("desktop.db"), "{file}: {listed}");
    }
    assert!(
        listed.contains("kept: ") && listed.contains("policy.toml") && listed.contains("project/sesame.toml"),
        "{listed}"
    );
    assert_eq!(sandbox.trace(&sandbox.path("home")), before, "a dry run removes nothing");
    let json: Value = serde_json::from_str(&sandbox.ok(&["purge", "--dry-run", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json) && json["data"]["dry_run"] == true, "{json}");
    let counted: u64 =
        json["data"]["parts"].as_array().unwrap().iter().map(|part| part["size"]["files"].as_u64().unwrap()).sum();
    // And the unit, its link and the file for the bus.
    assert_eq!(counted, all.len() as u64 - 1 + 3);
    assert!(listed.contains("open-sesame-extensions.service") && listed.contains("host.toml"), "{listed}");

    sandbox
        .run(&["purge"])
        .fails(77, &["the removal of all files that sesame created needs your consent", "`--yes` gives it"]);
    let (code, said) = at_a_terminal(&sandbox, &["purge"], || {}, b"n\n");
    assert!(
        code == Some(77) && said.contains("remove these files? [y/N]") && said.contains("the key of this machine"),
        "{said}"
    );
    let running = live(&sandbox);
    sandbox.run(&["purge", "--yes"]).fails(77, &["are running"]);
    drop(running);
    assert_eq!(all.iter().filter(|file| fs::symlink_metadata(file).is_err()).count(), 0);

    sandbox.ok(&["purge", "--yes"]).fails(0, &["removed "]);
    let left: Vec<_> = own.iter().flat_map(|folder| sandbox.files(folder)).collect();
    assert_eq!(left, [sandbox.path("home/data/pds/desktop.db")]);
    assert!(!sandbox.path("home/cache/pds").exists() && !sandbox.path("home/state/pds").exists());
    assert!(sandbox.path("home/config/pds/policy.toml").exists() && !sandbox.read("sesame.lock").is_empty());
    assert!(sandbox.ok(&["purge", "--dry-run"]).stdout.contains("sesame has no files on this machine"));
    sandbox.ok(&["purge", "--yes"]).fails(0, &["sesame has no files"]);
    fs::remove_file(sandbox.path("home/config/pds/policy.toml")).unwrap();
    sandbox.ok(&["sync"]).fails(0, &["done: 1 extension"]);
}
