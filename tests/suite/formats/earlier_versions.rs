//! What earlier versions wrote is read for ever: `fixtures/formats` has a machine's files as each format's first version left
//! them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::artifact::Artifact;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::{fixture, guest};

/// Copies what a version wrote to where this one looks for it, with the modes that it had.
fn machine(version: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let from = fixture("formats").join(version);
    for (name, to) in [
        ("dotfiles", "project"),
        ("other", "other"),
        ("data", "home/data/pds"),
        ("state", "home/state/pds"),
        ("cache", "home/cache/pds"),
    ] {
        copy(&from.join(name), &sandbox.path(to), if name.len() == 8 { 0o644 } else { 0o400 });
    }
    fs::set_permissions(sandbox.path("home/state/pds/logs/chatty.log"), Permissions::from_mode(0o600)).unwrap();
    for file in sandbox.files(&sandbox.data().join("staging")) {
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }
    sandbox
}

fn copy(from: &Path, to: &Path, mode: u32) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to, mode);
        } else {
            fs::copy(from, &to).unwrap();
            fs::set_permissions(to, Permissions::from_mode(mode)).unwrap();
        }
    }
}

fn greets(sandbox: &Sandbox, arguments: &[&str]) -> String {
    sandbox.ok(&[&["extension", "call", "--profile", "work"], arguments].concat()).stdout
}

#[test]
fn a_store_of_the_first_version_is_read_and_each_generation_can_be_made_active() {
    let sandbox = machine("1");
    let key = fs::read(sandbox.path("home/state/pds/key")).unwrap();
    for (profile, numbers) in [("work", vec![3, 2, 1]), ("other", vec![2, 1])] {
        let listed = sandbox.ok(&["generations", "--profile", profile, "--json"]).stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let generations = listed["data"]["generations"].as_array().unwrap();
        assert!(generations.iter().all(|generation| generation["extensions"].is_array()), "{listed:#}");
        let found: Vec<u64> = generations.iter().map(|generation| generation["number"].as_u64().unwrap()).collect();
        assert_eq!((found, listed["data"]["active"].as_u64()), (numbers.clone(), Some(numbers[0])));
    }
    sandbox.ok(&["rollback", "1", "--profile", "work"]);
    assert_eq!(greets(&sandbox, &["greeting", "greet", " World "]), "Hello,  World !\n");
    assert_eq!(greets(&sandbox, &["local", "greet", "you"]), "Good day, you.\n");
    assert!(greets(&sandbox, &["pinned", "counts.count", "to be"]).contains("words: 2"));
    sandbox.ok(&["rollback", "3", "--profile", "work"]);
    assert_eq!(greets(&sandbox, &["greeting", "greet", " World "]), "Hello, World!\n");
    sandbox.ok(&["rollback", "2", "--profile", "other"]);
    assert_eq!(sandbox.ok(&["extension", "call", "--profile", "other", "chatty", "run"]).stdout, "done\n");
    let log = sandbox.ok(&["extension", "log", "--profile", "other", "chatty"]).stdout;
    assert!(log.starts_with("2026-11-27T10:09:") && log.lines().count() == 2, "{log}");
    assert_eq!(fs::read(sandbox.path("home/state/pds/key")).unwrap(), key, "the key is another one");
    let verified = sandbox.run(&["verify"]);
    assert_eq!(verified.status, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn a_project_of_the_first_version_is_locked_and_synced_as_it_is() {
    let sandbox = machine("1");
    let files =
        || sandbox.files(&sandbox.path("project")).into_iter().map(|file| (file.clone(), fs::read(file).unwrap()));
    let before: Vec<_> = files().collect();
    let checked = sandbox.ok(&["lock", "--check", "--offline"]).stdout;
    assert!(checked.contains("sesame.lock satisfies the manifest (4 extensions)"), "{checked}");
    // The fixture's manifest was elsewhere.
    let adopted = sandbox.ok(&["sync", "--locked", "--offline", "--adopt"]);
    adopted.fails(0, &["4 extensions are", "profile `work` (generation 4)"]);
    assert_eq!(
        adopted.stderr.matches("\n~ ").count() + adopted.stderr.matches("\n+ ").count(),
        1,
        "{}",
        adopted.stderr
    );
    sandbox.ok(&["sync", "--locked", "--offline"]).fails(0, &["up to date"]);
    assert_eq!(greets(&sandbox, &["greeting", "greet", "you"]), "Hello, you!\n");
    assert_eq!(files().collect::<Vec<_>>(), before, "the project was changed");
}

#[test]
fn a_bundle_of_the_first_version_is_imported() {
    let sandbox = Sandbox::new();
    let bundle = fixture("formats/1/set.tar");
    sandbox.ok(&["bundle", "import", bundle.to_str().unwrap(), "--grant-all"]);
    assert_eq!(greets(&sandbox, &["greeting", "greet", " World "]), "Hello,  World !\n");
    assert_eq!(greets(&sandbox, &["local", "greet", "you"]), "Good day, you.\n");
}

#[test]
fn a_download_of_the_first_version_goes_on_where_it_stopped() {
    let (sandbox, registry) = (machine("1"), Registry::start());
    let component = guest("greeting-0.3.0");
    let reference = registry.push("my-org/later", "1.0.0", &Artifact::wkg(&component));
    let grants = "capabilities = { config-read = true, secret-read = true }";
    sandbox.write(
        "sesame.toml",
        format!("profile = \"later\"\n[extensions]\nlater = {{ oci = \"{reference}\", {grants} }}\n"),
    );
    sandbox.ok(&["sync"]);
    assert_eq!(registry.ranges(), [format!("bytes={}-", component.len() / 2)]);
}
