//! Only what nothing needs is thrown away.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::artifact::{Artifact, INDEX, component, index};
use crate::support::library_host::live;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use sesame::model::digest::Digest;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn manifest(sandbox: &Sandbox, registry: &Registry, entries: &str) {
    let registries = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    sandbox.write("sesame.toml", format!("[extensions]\n{entries}\n{registries}"));
}

/// The names of all blobs.
fn blobs(sandbox: &Sandbox) -> BTreeSet<PathBuf> {
    sandbox.files(&sandbox.data().join("blobs")).into_iter().collect()
}

fn has(sandbox: &Sandbox, digest: &Digest) -> bool {
    sandbox.data().join("blobs/sha256").join(digest.hex()).exists()
}

fn code(sandbox: &Sandbox) -> usize {
    sandbox.files(&sandbox.cache().join("cwasm")).len()
}

#[test]
fn what_generations_and_locks_need_stays_and_the_rest_goes() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let (old, new) = (Artifact::wkg(&component("old")), Artifact::wkg(&component("new")));
    let above = index(&[(&new, None)]);
    let first = registry.push("org/a", "1", &old);
    registry.push("org/a", "2", &new);
    let top = Artifact { media_type: INDEX, manifest: above.clone(), blobs: Vec::new() };
    let second = registry.push("org/a", "3", &top);
    manifest(&sandbox, &registry, &format!("a = \"{first}\"\n"));
    sandbox.ok(&["sync"]);
    manifest(&sandbox, &registry, &format!("a = \"{second}\"\n"));
    sandbox.ok(&["sync"]);
    let everything = blobs(&sandbox);
    assert_eq!((everything.len(), code(&sandbox)), (5, 2), "two components, two manifests and an index");
    assert_eq!(sandbox.ok(&["gc"]).stderr, "up to date: nothing to remove\n");
    assert_eq!((blobs(&sandbox), code(&sandbox)), (everything.clone(), 2));
    sandbox.ok(&["generations", "delete", "1"]);
    let said = sandbox.ok(&["gc", "--dry-run"]).stderr;
    assert!(said.starts_with("would remove ") && said.contains(" of blobs, "), "{said}");
    assert_eq!((blobs(&sandbox), code(&sandbox)), (everything, 2));
    assert_eq!(sandbox.ok(&["gc"]).stderr, said.replace("would remove", "removed"));
    assert_eq!((blobs(&sandbox).len(), code(&sandbox)), (3, 1));
    assert!(!has(&sandbox, &old.digest()) && has(&sandbox, &new.digest()) && has(&sandbox, &Digest::of(&above)));
    registry.take_log();
    sandbox.ok(&["sync"]).fails(0, &["up to date"]);
    assert_eq!(sandbox.ok(&["extension", "call", "a", "run"]).stdout, "7\n");
    assert_eq!(registry.take_log(), Vec::<String>::new());
}

#[test]
fn a_lock_is_a_root_before_it_is_live() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let (a, b) = (Artifact::wkg(&component("a")), Artifact::wkg(&component("b")));
    let (first, second) = (registry.push("org/a", "1", &a), registry.push("org/b", "1", &b));
    manifest(&sandbox, &registry, &format!("a = \"{first}\"\n"));
    sandbox.ok(&["sync"]);
    manifest(&sandbox, &registry, &format!("a = \"{first}\"\nb = \"{second}\"\n"));
    sandbox.ok(&["lock"]);
    sandbox.ok(&["gc"]).fails(0, &["nothing to remove"]);
    assert!(has(&sandbox, &b.digest()));
    // A lock that cannot be read may name anything.
    let lock = sandbox.read("sesame.lock");
    sandbox.write("sesame.lock", "<<<<<<< ours\n");
    let before = blobs(&sandbox);
    sandbox.run(&["gc"]).fails(65, &["sesame.lock:1:1"]);
    assert_eq!(blobs(&sandbox), before);
    // One that is gone names nothing, but what is live stays.
    sandbox.write("sesame.lock", lock);
    fs::remove_file(sandbox.path("project/sesame.lock")).unwrap();
    sandbox.ok(&["gc"]).fails(0, &["removed "]);
    assert!(has(&sandbox, &a.digest()) && !has(&sandbox, &b.digest()));
    assert_eq!(sandbox.ok(&["extension", "call", "a", "run"]).stdout, "7\n");
}

#[test]
fn nothing_goes_where_a_generation_cannot_be_read() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let reference = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    manifest(&sandbox, &registry, &format!("a = \"{reference}\"\n"));
    sandbox.ok(&["sync"]);
    let generation = sandbox.data().join("profiles/default/generations/1.toml");
    fs::set_permissions(&generation, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&generation, "").unwrap();
    let before = blobs(&sandbox);
    sandbox.run(&["gc"]).fails(74, &["cannot tell what is live", "generations/1.toml"]);
    assert_eq!(blobs(&sandbox), before);
    sandbox.ok(&["gc", "--cache"]);
}

#[test]
fn what_runs_stays() {
    let sandbox = Sandbox::new();
    let sync = |seed: &str| {
        sandbox.write("a.wasm", component(seed));
        sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
        sandbox.ok(&["sync"]);
    };
    sync("1");
    let held = live(&sandbox);
    for seed in 2..=12 {
        sync(&seed.to_string());
    }
    sandbox.ok(&["gc"]);
    assert!(has(&sandbox, &Digest::of(&component("1"))) && !has(&sandbox, &Digest::of(&component("2"))));
    held.load(&"a".parse().unwrap()).unwrap();
}

#[test]
fn beginnings_of_downloads_stay_a_week_and_what_is_not_sesames_for_ever() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    let staging = sandbox.data().join("staging");
    let blobs = sandbox.data().join("blobs/sha256");
    fs::create_dir_all(&staging).unwrap();
    fs::create_dir_all(&blobs).unwrap();
    let now = SystemTime::now();
    let put = |path: PathBuf, changed: SystemTime| {
        fs::write(&path, "part").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
        path
    };
    let partial = |digit: &str| staging.join(format!("{}.partial", digit.repeat(64)));
    let young = put(partial("1"), now - DAY * 6);
    let old = put(partial("2"), now - DAY * 8);
    let future = put(partial("3"), now + DAY * 3650);
    let foreign = [put(staging.join("notes.txt"), now - DAY * 8), put(blobs.join("README"), now)];
    let document: Value = serde_json::from_str(&sandbox.ok(&["gc", "--json"]).stdout).unwrap();
    assert_eq!(document["data"]["removed"]["partial"], serde_json::json!({ "files": 1, "bytes": 4 }));
    let cache = sandbox.cache();
    let others = [
        cache.join("cwasm/mine/notes"),
        cache.join(format!("cwasm/{}/notes", "0".repeat(32))),
        cache.join("stamps/notes"),
    ];
    for other in &others {
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::write(other, "mine").unwrap();
    }
    sandbox.ok(&["gc"]);
    assert!(others.iter().all(|path| path.exists()));
    assert!(!old.exists() && young.exists() && future.exists() && foreign.iter().all(|path| path.exists()));
}
