//! `tags` lists what a repository has, and an error about a tag that is missing names the closest.

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

fn registry() -> Registry {
    let registry = Registry::start();
    for tag in ["1.0.0", "v1.10.0", "1.9.0", "2.0.0", "latest", "2.1.0-rc.1"] {
        registry.push("org/clock", tag, &Artifact::wkg(&component(tag)));
    }
    registry
}

#[test]
fn versions_come_newest_first_with_what_fits_and_what_is_locked() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let repository = format!("{}/org/clock", registry.host());
    let plain = sandbox.ok(&["tags", &repository]).stdout;
    let tags: Vec<&str> = plain.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(tags[..6], ["2.1.0-rc.1", "2.0.0", "v1.10.0", "1.9.0", "1.0.0", "latest"], "{plain}");
    assert!(plain.contains("2.0.0       newest release") && plain.contains("latest      not a version"), "{plain}");
    assert!(plain.contains(&format!("`sesame add {repository}` takes the newest release")), "{plain}");
    sandbox.write(
        "sesame.toml",
        format!(
            "[extensions]\nclock = {{ oci = \"{repository}\", version = \"^1\" }}\nfile = {{ path = \"f.wasm\" }}\n"
        ),
    );
    sandbox.write("f.wasm", component("f"));
    sandbox.ok(&["sync"]);
    registry.push("org/clock", "1.11.0", &Artifact::wkg(&component("1.11.0")));
    let declared = sandbox.ok(&["tags", "clock"]).stdout;
    let row = |tag: &str| {
        let row = declared.lines().find(|line| line.split_whitespace().next() == Some(tag));
        row.unwrap_or_else(|| panic!("no {tag} in {declared}")).split_whitespace().skip(1).collect::<Vec<_>>()
    };
    assert_eq!(row("TAG"), ["FITS", "LOCKED"]);
    assert_eq!(row("1.11.0"), ["clock"]);
    assert_eq!(row("v1.10.0"), ["clock", "clock"]);
    assert_eq!(row("2.0.0"), ["newest", "release"]);
    let json = sandbox.ok(&["tags", "clock", "--json"]).stdout;
    let document: Value = serde_json::from_str(&json).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    assert_eq!(document["data"]["newest"], "2.0.0");
    for (named, status, texts) in [
        ("clok", 66, &["there is no extension `clok` in sesame.toml", "did you mean `clock`?"][..]),
        ("file", 2, &["`file` is made from f.wasm, and a file has no tags"]),
        ("Clock", 2, &["invalid value 'Clock'"]),
        (&format!("{}/org/none", registry.host()), 69, &["does not have"]),
    ] {
        sandbox.run(&["tags", named]).fails(status, texts);
    }
}

#[test]
fn an_error_about_a_missing_tag_names_the_closest() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let host = registry.host();
    for (tag, closest) in [
        ("v1.0.0", "the closest tags that it has: 1.0.0, v1.10.0, 1.9.0; `sesame tags 127.0.0.1:"),
        ("1", "the closest tags that it has: v1.10.0, 2.0.0;"),
        ("lates", "the closest tags that it has: latest, 2.0.0;"),
    ] {
        let reference = format!("{host}/org/clock:{tag}");
        sandbox.run(&["add", &reference]).fails(69, &[&format!("does not have {reference}"), closest]);
    }
    // In a folder it is the same; there a repository that is not there at all has no tags to name.
    sandbox.write("c.wasm", component("c"));
    sandbox.ok(&["push", "c.wasm", "oci-layout:registry:ghcr.io/my-org/clock:1.0.0"]);
    let registries = "[registries.\"ghcr.io\"]\nmirrors = [\"oci-layout:registry\"]\nmirrors-only = true\n";
    sandbox.write("sesame.toml", format!("{registries}[extensions]\nclock = \"ghcr.io/my-org/clock:1.1.0\"\n"));
    sandbox.run(&["sync"]).fails(69, &["the closest tags that it has: 1.0.0;"]);
    sandbox.write("sesame.toml", format!("{registries}[extensions]\nclock = \"ghcr.io/my-org/other:1.1.0\"\n"));
    let run = sandbox.run(&["sync"]);
    assert!(run.status == 69 && !run.stderr.contains("closest"), "{}", run.stderr);
}
