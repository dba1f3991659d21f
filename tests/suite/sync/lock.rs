//! `lock`: the same bytes everywhere, nothing asked without need, nothing ungranted let in.

use std::fs;

use crate::support::artifact::{Artifact, INDEX, component, importing, index};
use crate::support::layout;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

#[test]
fn the_lock_is_the_same_from_any_home_order_and_source() {
    let registry = Registry::start();
    let (a, b) = (Artifact::wkg(&component("a")), Artifact::oras("application/vnd.oci.empty.v1+json", &component("b")));
    registry.push("org/a", "1", &a);
    registry.push("org/group/b", "2", &b);
    registry.push("mirror/org/a", "1", &a);
    registry.push("mirror/org/group/b", "2", &b);
    let host = registry.host();
    let (ref_a, ref_b) = (format!("{host}/org/a:1"), format!("{host}/org/group/b:2"));
    let remote = format!("[registries.\"{host}\"]\nplain-http = true\n");
    let layout_settings = format!("[registries.\"{host}\"]\nmirrors = [\"oci-layout:vendor\"]\nmirrors-only = true\n");
    let mirror = format!("[registries.\"{host}\"]\nmirrors = [\"http://{host}/mirror\"]\nmirrors-only = true\n");
    let extensions = format!("[extensions]\na = \"{ref_a}\"\nb = \"{ref_b}\"\n");
    let shuffled = format!("[extensions.b]\noci = '{ref_b}' # note\n\n[extensions]\n\"a\" = \"{ref_a}\"\n");
    let mut locks = Vec::new();
    for text in [
        format!("{remote}{extensions}"),
        format!("{shuffled}{remote}"),
        format!("{layout_settings}{extensions}"),
        format!("{mirror}{shuffled}"),
    ] {
        let sandbox = Sandbox::new();
        layout::write(&sandbox.path("project/vendor"), &[(&ref_a, &a), (&ref_b, &b)]);
        sandbox.write("sesame.toml", text);
        sandbox.ok(&["lock"]);
        locks.push(sandbox.read("sesame.lock"));
        sandbox.sync(None, &["--locked"]);
    }
    assert!(locks[0].contains("exports = [\n    \"run\",\n]"), "{}", locks[0]);
    assert!(locks.iter().all(|lock| *lock == locks[0]), "{locks:#?}");
}

#[test]
fn an_index_is_pinned_with_the_manifest_below_it() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let wasm = Artifact::wkg(&component("a"));
    let native = Artifact::wkg(&component("native"));
    registry.push("org/a", "inner", &wasm);
    let above = index(&[(&native, Some(("linux", "amd64"))), (&wasm, Some(("wasip2", "wasm")))]);
    let above = Artifact { media_type: INDEX, manifest: above, blobs: Vec::new() };
    let a = registry.push("org/a", "1", &above);
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.sync(Some(&registry), &[]);
    let lock = sandbox.read("sesame.lock");
    assert!(lock.contains(&format!("provenance = \"{}\"\nmanifest = \"{}\"", above.digest(), wasm.digest())), "{lock}");
    sandbox.empty_home();
    registry.take_log();
    sandbox.sync(Some(&registry), &["--locked"]);
    assert_eq!(registry.take_log().len(), 3);
}

#[test]
fn a_pinned_reference_asks_for_no_tag() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let old = Artifact::wkg(&component("old"));
    let a = registry.push("org/a", "1", &old);
    registry.push("org/a", "1", &Artifact::wkg(&component("new")));
    sandbox.want(&registry, &[("a", &format!("{a}@{}", old.digest()))]);
    sandbox.ok(&["lock"]);
    let log = registry.take_log();
    assert!(log.iter().all(|line| !line.ends_with("/1")), "{log:?}");
    let lock = sandbox.read("sesame.lock");
    assert!(lock.contains(&format!("reference = \"{a}\"\nprovenance = \"{}\"", old.digest())), "{lock}");
}

#[test]
fn only_what_is_stale_or_named_is_resolved_again() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&component("b")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    registry.take_log();
    sandbox.want(&registry, &[("a", &a), ("b", &b)]);
    sandbox.ok(&["lock"]);
    assert!(registry.take_log().iter().all(|line| line.contains("/org/b/")));
    registry.push("org/b", "1", &Artifact::wkg(&component("b2")));
    sandbox.ok(&["lock", "-P", "a"]);
    assert_eq!(registry.take_log().len(), 1);
    let before = sandbox.read("sesame.lock");
    let run = sandbox.ok(&["lock", "-P", "b"]);
    assert!(run.stderr.contains("~ b"), "{}", run.stderr);
    assert_ne!(sandbox.read("sesame.lock"), before);
    sandbox.run(&["lock", "-P", "bb"]).fails(66, &["there is no extension `bb`", "did you mean `b`?"]);
}

#[test]
fn an_unchanged_lock_is_not_rewritten() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    let text = sandbox.read("sesame.lock").replace('\n', "\r\n");
    sandbox.write("sesame.lock", &text);
    let before = sandbox.trace(&sandbox.path("project"));
    for arguments in [&["lock"][..], &["lock", "--upgrade"], &["lock", "--check"], &["sync"]] {
        sandbox.ok(arguments);
        assert_eq!(sandbox.trace(&sandbox.path("project")), before, "{arguments:?}");
    }
}

#[test]
fn ungranted_imports_are_refused_at_lock_and_at_sync() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let needs = ["open-sesame:host/config-read@0.1.0", "open-sesame:host/secret-read@0.1.3", "wasi:io/error@0.2.0"];
    let a = registry.push("org/a", "1", &Artifact::wkg(&importing("a", &needs)));
    let odd = registry.push("org/odd", "1", &Artifact::wkg(&importing("odd", &["open-sesame:host/config-reed@0.1.0"])));
    sandbox.want(&registry, &[("a", &a)]);
    let texts = ["does not grant: config-read, secret-read", "`sesame grant a config-read secret-read`"];
    sandbox.run(&["lock"]).fails(77, &texts);
    assert!(!sandbox.path("project/sesame.lock").exists());
    let granted = format!("a = {{ oci = \"{a}\", capabilities = {{ config-read = true, secret-read = true }} }}\n");
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n[extensions]\n", registry.host());
    sandbox.write("sesame.toml", format!("{settings}{granted}"));
    sandbox.sync(Some(&registry), &[]);
    sandbox.write("sesame.toml", format!("{settings}{}", granted.replace("secret-read = true", "secret-read = false")));
    for arguments in [&["lock"][..], &["sync"], &["sync", "--frozen"], &["sync", "--dry-run"]] {
        sandbox.run(arguments).fails(77, &["does not grant: secret-read", "run `sesame grant a secret-read`"]);
    }
    sandbox.want(&registry, &[("odd", &odd)]);
    sandbox.run(&["lock"]).fails(65, &["config-reed@0.1.0 (the closest is open-sesame:host/config-read@0.1.0)"]);
}

#[test]
fn every_extension_that_cannot_be_locked_is_named_and_nothing_is_written() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let good = registry.push("org/good", "1", &Artifact::wkg(&component("good")));
    let missing = format!("{}/org/missing:1", registry.host());
    let module = registry.push("org/module", "1", &Artifact::wkg(&wat::parse_str("(module)").unwrap()));
    sandbox.want(&registry, &[("good", &good), ("missing", &missing), ("module", &module)]);
    sandbox.run(&["lock"]).fails(
        65,
        &[
            "missing: ",
            "does not have",
            "module: ",
            "a core WebAssembly module",
            "2 extensions cannot be used; nothing was changed",
        ],
    );
    assert!(!sandbox.path("project/sesame.lock").exists());
}

#[test]
fn a_lock_through_a_link_leaves_the_link() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.write("../dotfiles/real.lock", "version = 1\n");
    std::os::unix::fs::symlink("../dotfiles/real.lock", sandbox.path("project/sesame.lock")).unwrap();
    sandbox.ok(&["lock"]);
    assert!(fs::symlink_metadata(sandbox.path("project/sesame.lock")).unwrap().is_symlink());
    assert!(fs::read_to_string(sandbox.path("dotfiles/real.lock")).unwrap().contains("org/a:1"));
}

#[test]
fn where_only_the_tag_changes_only_the_tag_is_shown() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let artifact = Artifact::wkg(&component("same"));
    let references = ["1.0.0", "1.1.0"].map(|tag| registry.push("org/a", tag, &artifact));
    sandbox.want(&registry, &[("a", &references[0])]);
    sandbox.ok(&["lock"]);
    sandbox.want(&registry, &[("a", &references[1])]);
    let run = sandbox.run(&["lock", "--check"]);
    assert_eq!(run.status, 1);
    assert!(run.stdout.contains(&format!("~ a  {} → 1.1.0\n--- sesame.lock\n", references[0])), "{}", run.stdout);
}

#[test]
fn a_check_of_a_lock_with_a_conflict_shows_the_merge() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1.0.0", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    let lock = sandbox.read("sesame.lock");
    let empty = lock.split("\n[[extension]]").next().unwrap();
    sandbox.write("sesame.lock", format!("<<<<<<< HEAD\n{lock}=======\n{empty}>>>>>>> theirs\n"));
    let run = sandbox.run(&["lock", "--check"]);
    assert_eq!(run.status, 1);
    assert!(run.stdout.contains("merged a: only our side has it\n"), "{}", run.stdout);
    assert!(!run.stdout.contains("not locked"), "{}", run.stdout);
}
