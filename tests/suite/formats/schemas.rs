//! The committed JSON Schemas: current, and of one mind with the parsers.

use std::fs;

use jsonschema::Validator;
use serde_json::Value;

use crate::support::sandbox::Sandbox;
use crate::support::{expect_text, fixture};

use super::invalid_files::entries;

/// The committed schema of a format.
pub fn validator(name: &str) -> Validator {
    let path = fixture("../schema").join(schema_file(name));
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

fn schema_file(name: &str) -> String {
    if name.ends_with(".json") { name.to_owned() } else { format!("{name}.json") }
}

fn as_json(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(text).ok()?;
    serde_json::to_value(table).ok()
}

#[test]
fn the_committed_schemas_are_current() {
    let sandbox = Sandbox::new();
    for name in ["sesame.toml", "extension.toml", "sesame.lock", "host.toml", "output.json"] {
        let printed = sandbox.ok(&["schema", name]).stdout;
        expect_text(&fixture("../schema").join(schema_file(name)), &printed);
    }
}

#[test]
fn the_schema_of_the_hosts_settings_is_of_one_mind_with_their_reader() {
    let schema = validator("host.toml");
    for (text, is_valid) in [
        ("", true),
        ("profile = \"work\"\nmemory_mib = 256\n", true),
        (
            "[backends]\nsecrets = \"file:a.toml\"\nclipboard = \"none\"\nnotification = \"print\"\nipc = \"bus\"\n",
            true,
        ),
        ("[run.clock]\nevery = \"5m\"\ncall = \"tick\"\n[run.a]\nat = \"start\"\ncall = \"x\"\n", true),
        ("memory_mib = 0\n", false),
        ("memory = 5\n", false),
        ("profile = \"Work\"\n", false),
        ("[backends]\nsecrets = \"file:\"\n", false),
        ("[backends]\nclipboard = \"x11\"\n", false),
        ("[run.clock]\ncall = \"tick\"\n", false),
        ("[run.clock]\nevery = \"5m\"\nat = \"start\"\ncall = \"tick\"\n", false),
        ("[run.clock]\nevery = \"5\"\ncall = \"tick\"\n", false),
        ("[run.clock]\nevery = \"5m\"\n", false),
        ("[run.Clock]\nevery = \"5m\"\ncall = \"tick\"\n", false),
    ] {
        let read = sesame::model::host_settings::HostSettings::parse("host.toml", "/".as_ref(), text.as_bytes());
        assert_eq!(read.is_ok(), is_valid, "{text}");
        assert_eq!(schema.is_valid(&as_json(text).unwrap()), is_valid, "{text}");
    }
}

#[test]
fn the_schema_of_the_output_takes_nothing_else() {
    let output = validator("output.json");
    let document = |rest: Value| {
        let mut document = serde_json::json!({ "version": 2, "command": "status", "warnings": [] });
        document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        output.is_valid(&document)
    };
    let fault = serde_json::json!({ "exit": 1, "kind": "data", "message": "it is broken" });
    let data = serde_json::json!({ "files": [] });
    assert!(document(serde_json::json!({ "error": fault })) && document(serde_json::json!({ "data": data })));
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({ "data": data, "error": fault }),
        serde_json::json!({ "data": {} }),
        serde_json::json!({ "data": { "outcome": "banana", "steps": 7, "live": 3 } }),
        // As version 1 had it.
        serde_json::json!({ "data": { "profile": "p", "extensions": 1, "differences": [
            { "between": "lock-and-live", "what": "a sentence", "remedy": "sesame sync" }
        ] } }),
        serde_json::json!({ "version": 1, "data": data }),
    ] {
        assert!(!document(wrong.clone()), "{wrong}");
    }
}

#[test]
fn every_good_fixture_validates_and_names_its_schema() {
    let (manifest, drop_in, lock) = (validator("sesame.toml"), validator("extension.toml"), validator("sesame.lock"));
    let mut files: Vec<(std::path::PathBuf, &Validator, &str)> = Vec::new();
    let folders = entries("manifests/valid", "toml").into_iter().chain([fixture("demo")]);
    for path in folders {
        if path.is_dir() {
            files.push((path.join("sesame.toml"), &manifest, "sesame.toml"));
            let drop_ins = fs::read_dir(path.join("extensions")).unwrap();
            files.extend(drop_ins.map(|entry| (entry.unwrap().path(), &drop_in, "extension.toml")));
        } else {
            files.push((path, &manifest, "sesame.toml"));
        }
    }
    files.extend(entries("locks/valid", "lock").into_iter().map(|path| (path, &lock, "sesame.lock")));
    assert!(files.len() >= 10, "{files:?}");
    for (path, validator, name) in files {
        let text = fs::read_to_string(&path).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&as_json(&text).unwrap()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).unwrap_or_default();
        let target = path.parent().unwrap().join(named).canonicalize();
        let target = target.unwrap_or_else(|error| panic!("{} names `{named}`: {error}", path.display()));
        assert!(target.ends_with(format!("schema/{}", schema_file(name))), "{}", target.display());
    }
}

/// Bad fixtures whose fault is between two places of a file, which no schema can tell.
const BEYOND_A_SCHEMA: [&str; 9] = [
    "config-set-twice",
    "mirrors-only-without-mirrors",
    "name-twice",
    "not-sorted",
    "one-provenance-two-components",
    "reference-bad-port",
    "registry-ca-and-insecure",
    "registry-with-scheme",
    "version-disagrees",
];

#[test]
fn a_bad_fixture_that_a_schema_can_tell_does_not_validate() {
    let mut told = 0;
    for (folder, ending, schema) in
        [("manifests/invalid", "toml", "sesame.toml"), ("locks/invalid", "lock", "sesame.lock")]
    {
        let validator = validator(schema);
        for path in entries(folder, ending).into_iter().filter(|path| path.is_file()) {
            let Some(document) = fs::read_to_string(&path).ok().and_then(|text| as_json(&text)) else { continue };
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            if BEYOND_A_SCHEMA.contains(&stem.as_str()) {
                assert!(validator.is_valid(&document), "a schema can tell {} after all", path.display());
            } else {
                assert!(!validator.is_valid(&document), "no schema tells {}", path.display());
                told += 1;
            }
        }
    }
    assert!(told >= 30, "{told}");
}
