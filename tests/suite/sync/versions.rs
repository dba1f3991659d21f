//! Requirements instead of tags: the newest that fits is locked, what is newer is told, and taken when asked for.

use crate::support::artifact::{Artifact, component};
use crate::support::registry::{Fault, Registry};
use crate::support::sandbox::Sandbox;

/// The manifest wants what fits of one repository.
fn want(sandbox: &Sandbox, registry: &Registry, repository: &str, requirement: &str, more: &str) {
    let host = registry.host();
    sandbox.write(
        "sesame.toml",
        format!(
            "[extensions.a]\noci = \"{host}/{repository}\"\nversion = \"{requirement}\"\n{more}\n\
             [registries.\"{host}\"]\nplain-http = true\n"
        ),
    );
}

fn push(registry: &Registry, tags: &[&str]) {
    for tag in tags {
        registry.push("org/a", tag, &Artifact::wkg(&component(tag)));
    }
}

fn locked(sandbox: &Sandbox) -> String {
    let lock = sandbox.read("sesame.lock");
    let reference = lock.lines().find_map(|line| line.strip_prefix("reference = ")).unwrap();
    reference.trim_matches('"').rsplit(':').next().unwrap().to_owned()
}

#[test]
fn the_newest_that_fits_is_locked_and_stays_until_an_upgrade() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    push(&registry, &["latest", "1.2", "1.2.0", "v1.10.1", "1.9.9", "2.0.0", "1.11.0-rc.1"]);
    want(&sandbox, &registry, "org/a", "^1.2", "");
    sandbox.sync(Some(&registry), &[]);
    assert_eq!(locked(&sandbox), "v1.10.1");
    push(&registry, &["1.12.0"]);
    registry.take_log();
    assert!(sandbox.ok(&["sync"]).stderr.contains("up to date"));
    assert_eq!(registry.take_log(), Vec::<String>::new(), "what is locked fits");
    let run = sandbox.run(&["outdated"]);
    assert_eq!(run.status, 1);
    let row = "  a     v1.10.1  1.12.0  2.0.0\n";
    assert!(run.stdout.contains(row) && run.stdout.contains("`sesame upgrade a` takes what fits"), "{}", run.stdout);
    assert_eq!(locked(&sandbox), "v1.10.1", "nothing is changed by looking");
    let said = sandbox.ok(&["upgrade"]).stderr;
    assert!(said.contains("org/a:v1.10.1 → 1.12.0\n"), "{said}");
    assert!(said.contains("1 extension is live in profile `default` (generation 2)"), "{said}");
    assert_eq!(locked(&sandbox), "1.12.0");
    sandbox.sync(Some(&registry), &["--locked"]);
    let row = "  a     1.12.0  1.12.0  2.0.0\n";
    assert!(sandbox.run(&["outdated"]).stdout.contains(row), "a newer one that does not fit is told");
    want(&sandbox, &registry, "org/a", "*", "");
    sandbox.run(&["sync", "--locked"]).fails(0, &["up to date"]);
    sandbox.ok(&["upgrade", "a"]);
    assert_eq!(
        sandbox.ok(&["outdated"]).stdout,
        "up to date: none of 1 extension has a newer version, and no locked tag was moved\n"
    );
    // What does not fit any more is resolved again.
    want(&sandbox, &registry, "org/a", "~1.9", "");
    sandbox.run(&["sync", "--locked"]).fails(65, &["sesame.lock is stale", "org/a ~1.9"]);
    sandbox.ok(&["sync"]);
    assert_eq!(locked(&sandbox), "1.9.9");
}

#[test]
fn many_tags_come_over_pages_and_each_repository_is_asked_once() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let artifact = Artifact::wkg(&component("many"));
    for number in 0..2500 {
        registry.push("org/a", &format!("1.{number}.0"), &artifact);
    }
    registry.push("org/a", "2.0.0", &Artifact::wkg(&component("two")));
    want(&sandbox, &registry, "org/a", "^1.2", "");
    let text = sandbox.read("sesame.toml");
    let host = registry.host();
    sandbox.write("sesame.toml", format!("{text}\n[extensions.b]\noci = \"{host}/org/a\"\nversion = \"~1.7\"\n"));
    registry.take_log();
    sandbox.ok(&["sync"]);
    let pages = |log: Vec<String>| log.iter().filter(|line| line.contains("/tags/list")).count();
    assert_eq!(pages(registry.take_log()), 26, "2,501 tags, a hundred at a time, for both");
    let lock = sandbox.read("sesame.lock");
    assert!(lock.contains("org/a:1.2499.0\"") && lock.contains("org/a:1.7.0\""), "{lock}");
    registry.push("org/a", "1.2500.0", &artifact);
    registry.take_log();
    let said = sandbox.run(&["outdated"]).stdout;
    assert!(said.contains("1.2499.0  1.2500.0  2.0.0") && said.contains("1.7.0     1.7.0     2.0.0"), "{said}");
    assert_eq!(pages(registry.take_log()), 26);
    sandbox.ok(&["upgrade"]);
    assert_eq!(pages(registry.take_log()), 26);
    assert!(sandbox.read("sesame.lock").contains("org/a:1.2500.0\""));
}

#[test]
fn what_cannot_be_resolved_says_what_there_is() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    push(&registry, &["2.0.0", "3.0.0-rc.1", "latest"]);
    want(&sandbox, &registry, "org/a", "^1", "");
    let texts = ["no tag fits `a`", "org/a ^1; the newest release is 2.0.0", "--name a --version '^2.0.0'`"];
    sandbox.run(&["lock"]).fails(66, &texts);
    want(&sandbox, &registry, "org/a", "newest", "");
    sandbox.run(&["lock"]).fails(65, &["sesame.toml:3:11", "`newest` is not a version requirement"]);
    want(&sandbox, &registry, "org/nothing", "1", "");
    registry.misbehave("/v2/org/nothing/tags/list", Fault::Status(404));
    sandbox.run(&["lock"]).fails(69, &["the tag list of ", "org/nothing"]);
    registry.behave();
    want(&sandbox, &registry, "org/a", "2", "");
    for (fault, text) in [
        (Fault::Bytes(b"<html>".to_vec()), "no list of tags"),
        (Fault::Header("Link", "</v2/org/a/tags/list?n=1000>; rel=\"next\"".to_owned()), "has no end"),
    ] {
        registry.misbehave("/v2/org/a/tags/list", fault);
        sandbox.run(&["lock"]).fails(69, &[text]);
        registry.behave();
    }
    sandbox.ok(&["lock"]);
    assert_eq!(locked(&sandbox), "2.0.0");
}

#[test]
fn a_layout_that_stands_for_a_registry_tells_its_tags() {
    let sandbox = Sandbox::new();
    for tag in ["0.1.0", "0.2.0", "1.0.0"] {
        sandbox.write("a.wasm", component(tag));
        sandbox.ok(&["extension", "push", "a.wasm", &format!("oci-layout:vendor:ghcr.io/org/a:{tag}")]);
    }
    sandbox.write(
        "sesame.toml",
        "[extensions.a]\noci = \"ghcr.io/org/a\"\nversion = \"0.1\"\n\
         [registries.\"ghcr.io\"]\nmirrors = [\"oci-layout:vendor\"]\nmirrors-only = true\n",
    );
    sandbox.sync(None, &["--offline"]);
    assert_eq!(locked(&sandbox), "0.1.0");
    assert!(sandbox.run(&["outdated"]).stdout.contains("  a     0.1.0   0.1.0  1.0.0\n"));
}

#[test]
fn only_what_is_newer_is_outdated_and_what_cannot_be_asked_is_no_news() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    push(&registry, &["2", "latest", "1.9.0", "2.0.0-rc.1", "v1.9.0"]);
    let host = registry.host();
    for tag in ["2", "latest", "2.0.0-rc.1", "v1.9.0"] {
        let text = format!("[extensions]\na = \"{host}/org/a:{tag}\"\n\n[registries.\"{host}\"]\nplain-http = true\n");
        sandbox.write("sesame.toml", text);
        sandbox.ok(&["sync"]);
        assert!(sandbox.ok(&["outdated"]).stdout.starts_with("up to date: "), "{tag}");
    }
    let text = sandbox.read("sesame.toml");
    sandbox.write("sesame.toml", text.replace("plain-http = true", "plain-http = false"));
    sandbox.run(&["outdated"]).fails(69, &[]);
    assert!(sandbox.run(&["outdated"]).stderr.contains("warning: a: "));
    sandbox.write("sesame.toml", text.replace("/org/a:", "/org/other:"));
    registry.push("org/other", "1.9.0", &Artifact::wkg(&component("other")));
    assert_eq!(sandbox.run(&["outdated"]).status, 1, "what is locked is of another repository");
}

#[test]
fn a_range_is_not_made_a_pin_by_accident() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    push(&registry, &["1.0.0", "2.0.0"]);
    want(&sandbox, &registry, "org/a", "^1", "");
    sandbox.ok(&["sync"]);
    let before = sandbox.read("sesame.toml");
    let repository = format!("{}/org/a", registry.host());
    let texts = ["`a` is there already, and takes what fits", "org/a ^1", "`sesame upgrade a`"];
    sandbox.run(&["add", &repository]).fails(2, &texts);
    assert_eq!(sandbox.read("sesame.toml"), before);
    sandbox.run(&["add", &format!("{repository}:2.0.0")]).fails(2, &["declared with version ^1"]);
    assert_eq!(sandbox.read("sesame.toml"), before);
}
