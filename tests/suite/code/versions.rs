//! That every place that names the version of wasmtime names the same one.

use std::fs;

use regex::Regex;

use crate::support::fixture;

/// The places, each with what stands around the version there.
const PLACES: [(&str, &str); 7] = [
    ("Cargo.toml", r#"(?m)^wasmtime = \{ version = "=([0-9.]+)""#),
    ("Cargo.toml", r#"(?m)^wasmtime-wasi = \{ version = "=([0-9.]+)""#),
    ("Cargo.lock", r#"name = "wasmtime"\nversion = "([0-9.]+)""#),
    ("Cargo.lock", r#"name = "wasmtime-wasi"\nversion = "([0-9.]+)""#),
    ("tests/fuzz/Cargo.lock", r#"name = "wasmtime"\nversion = "([0-9.]+)""#),
    ("src/engine/key.rs", r#"const WASMTIME: &str = "([0-9.]+)""#),
    ("README.md", r"sesame [0-9.]+, wasmtime ([0-9.]+) inside"),
];

/// The crates of wasm-tools that are used beside wasmtime, which must be of the version that wasmtime uses.
const TOOLS: [(&str, &str); 4] = [
    ("wasmparser", r#"(?m)^wasmparser = "([0-9]+\.[0-9]+)"#),
    ("wit-component", r#"(?m)^wit-component = "([0-9]+\.[0-9]+)"#),
    ("wasm-encoder", r#"(?m)^wasm-encoder = \{ version = "~([0-9]+\.[0-9]+)"#),
    ("wat", r#"(?m)^wat = "~1\.([0-9]+)"#),
];

fn found(file: &str, pattern: &str) -> String {
    let text = fs::read_to_string(fixture(&format!("../{file}"))).unwrap();
    let captures = Regex::new(pattern).unwrap().captures(&text);
    captures.unwrap_or_else(|| panic!("{file} does not have `{pattern}`"))[1].to_owned()
}

#[test]
fn every_place_names_the_same_wasmtime() {
    let versions = PLACES.map(|(file, pattern)| (file, found(file, pattern)));
    let is_same = versions.iter().all(|(_, version)| *version == versions[0].1);
    assert!(is_same, "upgrade wasmtime in all of these places: {versions:#?}");
    assert!(versions[0].1.starts_with("48."), "48 is the long-term release: {versions:#?}");
}

#[test]
fn the_tools_beside_wasmtime_are_of_its_version() {
    let versions = TOOLS.map(|(name, pattern)| (name, found("Cargo.toml", pattern)));
    let minor = |version: &str| version.rsplit('.').next().unwrap().to_owned();
    let is_same = versions.iter().all(|(_, version)| minor(version) == minor(&versions[0].1));
    // wasmtime brings its own; a second version would be in the lock beside it.
    let lock = fs::read_to_string(fixture("../Cargo.lock")).unwrap();
    let parsers = lock.matches("name = \"wasmparser\"\n").count();
    assert!(is_same && parsers == 1, "{versions:#?}, and {parsers} versions of wasmparser in Cargo.lock");
}
