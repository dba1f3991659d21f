//! `why` names the line, the lock entry and the generation that an extension or a grant comes from.

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{component, importing};
use crate::support::sandbox::Sandbox;

const CONFIG: &str = "open-sesame:host/config-read@0.1.0";

/// An extension that came with generation 1, was granted more with 2, and became another component with 3.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", importing("a 1", &[CONFIG]));
    sandbox.write("b.wasm", component("b"));
    sandbox.write("sesame.toml", "[extensions]\nb = { path = \"b.wasm\" }\n\n[extensions.a]\npath = \"a.wasm\"\ncapabilities = { config-read = [\"ui\"] }\n");
    sandbox.ok(&["sync"]);
    sandbox.ok(&["grant", "a", "env=LANG", "notification", "--yes"]);
    sandbox.write("a.wasm", importing("a 2", &[CONFIG]));
    sandbox.ok(&["sync"]);
    sandbox
}

fn why(sandbox: &Sandbox, question: &str) -> String {
    sandbox.ok(&["why", question]).stdout
}

#[test]
fn an_extension_is_explained_with_all_its_grants() {
    let sandbox = synced();
    let told = why(&sandbox, "a");
    let row = |start: &str| {
        told.lines().find(|line| line.trim().starts_with(start)).unwrap_or_else(|| panic!("no {start} in {told}"))
    };
    assert!(row("declared").contains("at sesame.toml:4:13: a.wasm"), "{told}");
    assert!(row("locked").contains("in sesame.lock: a.wasm ("), "{told}");
    assert!(row("active").contains("since generation 3 ("), "{told}");
    assert!(
        row("config-read=ui")
            .contains("granted at sesame.toml:6:18; imported by its component; active since generation 1 (")
    );
    assert!(
        row("env=LANG").contains("granted at sesame.toml:6:")
            && row("env=LANG").contains("; active since generation 2 (")
    );
    assert!(row("notification").contains("not imported by its component; active since generation 2"), "{told}");
    std::fs::remove_file(sandbox.path("project/sesame.lock")).unwrap();
    let told = why(&sandbox, "a");
    assert!(told.contains("not locked yet, so its imports are unknown") && !told.contains("imported by"), "{told}");
    sandbox.run(&["why", "c"]).fails(66, &["there is no extension `c` in sesame.toml"]);
    sandbox.run(&["why", "Wrong"]).fails(2, &["invalid value 'Wrong'"]);
}

#[test]
fn a_capability_is_explained_for_each_extension_that_has_to_do_with_it() {
    let sandbox = synced();
    let told = why(&sandbox, "config-read");
    assert!(told.starts_with("a\n") && !told.contains("env=LANG") && !told.contains("\nb\n"), "{told}");
    assert_eq!(why(&sandbox, "secret-read"), "no extension imports secret-read or is granted it\n");
    // What differs between manifest and machine is told of each.
    sandbox.ok(&["grant", "a", "env=LANG,TZ", "--yes", "--no-sync"]);
    let told = why(&sandbox, "env");
    assert!(
        told.contains("env=LANG,TZ  granted at") && told.contains("active as env=LANG since generation 2"),
        "{told}"
    );
    sandbox.write("sesame.toml", "[extensions]\na = { path = \"a.wasm\" }\n");
    let told = why(&sandbox, "config-read");
    assert!(
        told.contains("config-read  not granted; imported by its component; active as config-read=ui since"),
        "{told}"
    );
    let json: Value = serde_json::from_str(&sandbox.ok(&["why", "config-read", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json), "{json}");
    assert_eq!(json["data"]["extensions"][0]["grants"][0]["is_imported"], true);
    // What no longer exists anywhere but in the active set is explained, too.
    sandbox.write("sesame.toml", "[extensions]\n");
    let told = why(&sandbox, "a");
    let declared = told.lines().find(|line| line.starts_with("  declared ")).unwrap();
    assert!(declared.ends_with(" nowhere"), "{told}");
}

#[test]
fn a_grant_of_a_file_of_its_own_has_the_line_there() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.write("a.wasm", importing("a", &[CONFIG]));
    sandbox.ok(&["extension", "install", "--from-file", "a.wasm", "--grant-all"]);
    assert!(why(&sandbox, "a").contains("granted at extensions/a.toml:7:1"), "{}", why(&sandbox, "a"));
}

#[test]
fn where_generations_were_removed_it_may_be_there_for_longer() {
    let sandbox = synced();
    sandbox.ok(&["generations", "delete", "1"]);
    assert!(why(&sandbox, "config-read").contains("active since generation 2 or earlier ("));
}

#[test]
fn two_generations_are_compared() {
    let sandbox = synced();
    let all = sandbox.ok(&["generations", "diff", "1", "3"]).stdout;
    assert!(all.contains("~ a  component ") && all.contains("grants: +env=LANG; +notification"), "{all}");
    let back = sandbox.ok(&["generations", "diff", "3", "1"]).stdout;
    assert!(back.contains("-env=LANG; -notification"), "{back}");
    let last = sandbox.ok(&["generations", "diff", "2"]).stdout;
    assert!(last.contains("component") && !last.contains("grants"), "{last}");
    assert_eq!(sandbox.ok(&["generations", "diff", "2", "2"]).stdout, "generations 2 and 2 are the same set\n");
    sandbox.run(&["generations", "diff", "1", "7"]).fails(66, &["there is no generation 7", "there are 1, 2, 3"]);
    let json: Value = serde_json::from_str(&sandbox.ok(&["generations", "diff", "1", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json) && json["data"]["to"] == 3, "{json}");
}

#[test]
fn what_an_author_says_is_in_info_and_outdated() {
    let sandbox = Sandbox::new();
    let push = |seed: &str, tag: &str, annotations: &[&str]| {
        sandbox.write("c.wasm", component(seed));
        let reference = format!("oci-layout:registry:ghcr.io/my-org/clock:{tag}");
        let options = annotations.iter().flat_map(|text| ["--annotation", text]);
        sandbox.ok(&["push", "c.wasm", &reference].into_iter().chain(options).collect::<Vec<_>>());
    };
    let key = |key: &str, value: &str| format!("org.opencontainers.image.{key}={value}");
    let description = key("description", "Tells \u{202e}the time");
    let documentation = key("documentation", "https://example.org/clock");
    push("1", "1.0.0", &[&description, &key("licenses", "MIT"), &documentation]);
    let registry = "[registries.\"ghcr.io\"]\nmirrors = [\"oci-layout:registry\"]\nmirrors-only = true\n";
    sandbox.write(
        "sesame.toml",
        format!("{registry}[extensions]\nclock = {{ oci = \"ghcr.io/my-org/clock\", version = \"^1\" }}\n"),
    );
    sandbox.ok(&["sync"]);
    let info = sandbox.ok(&["info", "clock"]).stdout;
    for row in
        ["description    Tells \\u{202e}the time", "licence        MIT", "documentation  https://example.org/clock"]
    {
        assert!(info.contains(row), "no `{row}` in {info}");
    }
    push("2", "1.1.0", &[&key("source", "https://example.org/src")]);
    let outdated = sandbox.run(&["outdated"]).stdout;
    assert!(outdated.contains("clock 1.1.0\n  source code  https://example.org/src\n"), "{outdated}");
    for command in [&["info", "clock"][..], &["outdated"]] {
        let run = sandbox.run(&[command, &["--json"]].concat());
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(validator("output.json").is_valid(&json), "{json}");
    }
}
