//! What people are warned of is in the JSON document too: each kind of warning is provoked twice in the same state, once in
//! words and once as JSON.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::compiler::compiled_functions::corrupt;
use crate::compiler::workload::{cwasm, functions, larges, want};
use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component};
use crate::support::ca::Ca;
use crate::support::fixture;
use crate::support::registry::Registry;
use crate::support::registry_fixture::{PASSWORD, USER};
use crate::support::sandbox::{Run, Sandbox};

/// Those that take a disk that refuses one removal, or a kernel without seccomp.
const ELSEWHERE: [&str; 3] = ["compiler-unconfined", "left-over", "not-pruned"];

/// Runs a command in words and as JSON, each time in a state prepared anew. Both warn of the same, in the same order.
///
/// Returns the kinds of the warnings.
fn warned(sandbox: &Sandbox, arguments: &[&str], prepare: impl Fn()) -> BTreeSet<String> {
    compare(arguments, |json| {
        prepare();
        if json { sandbox.run(&[arguments, &["--json"]].concat()) } else { sandbox.run(arguments) }
    })
}

fn compare(named: &[&str], run: impl Fn(bool) -> Run) -> BTreeSet<String> {
    let words = run(false);
    let told: Vec<&str> = words.stderr.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    let json = run(true);
    assert_eq!(json.stderr, "", "{named:?}");
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document:#}");
    let warnings = document["warnings"].as_array().unwrap();
    let messages: Vec<&str> = warnings.iter().map(|warning| warning["message"].as_str().unwrap()).collect();
    assert!(!told.is_empty() && messages == told, "{named:?}: {messages:#?}\n{}", words.stderr);
    warnings.iter().map(|warning| warning["kind"].as_str().unwrap().to_owned()).collect()
}

/// The kinds of the schema.
fn kinds() -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(fixture("../schema/output.json")).unwrap()).unwrap();
    let variants = schema["definitions"]["Warning"]["oneOf"].as_array().unwrap();
    variants.iter().map(|variant| variant["properties"]["kind"]["const"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_warning_is_in_json_too() {
    let mut seen = BTreeSet::new();
    for provoke in
        [of_the_manifest, of_refused_syncs, of_the_machine, of_sources, of_credentials, of_compiled_functions]
    {
        seen.extend(provoke());
    }
    seen.extend(ELSEWHERE.map(str::to_owned));
    assert_eq!(seen, kinds());
}

fn of_the_manifest() -> BTreeSet<String> {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("a".to_owned(), component("a"))].into());
    sandbox.write("../home/config/pds/policy.toml", "[limits]\nmax_memory_mib = 16\n");
    let rest = "[extensions.a]\npath = \"a.wasm\"\nlimits.max_memory_mib = 64\n";
    sandbox.write("sesame.toml", format!("{rest}capabilities = {{ config-read = true, fs-read = [\"nowhere\"] }}\n"));
    let mut seen = warned(&sandbox, &["sync", "--dry-run"], || {});
    let manifest = "[extensions.a]\npath = \"a.wasm\"\ncapabilities.env = [\"A\", \"B\"]\n";
    sandbox.write("sesame.toml", manifest);
    for profile in ["second", "default"] {
        sandbox.ok(&["sync", "--profile", profile]);
    }
    seen.extend(warned(&sandbox, &["remove", "a"], || sandbox.write("sesame.toml", manifest)));
    seen
}

fn of_refused_syncs() -> BTreeSet<String> {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("a".to_owned(), component("a"))].into());
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\", capabilities.notification = true }\n");
    sandbox.ok(&["sync"]);
    let mut seen = warned(&sandbox, &["upgrade", "--grant", "config-read"], || {});
    let other = "profile = \"other\"\nextensions.a = { path = \"a.wasm\" }\n";
    sandbox.write("sesame.toml", other);
    seen.extend(warned(&sandbox, &["sync", "--dry-run"], || {}));
    sandbox.write("sesame.toml", "extensions.a = {\n");
    seen.extend(warned(&sandbox, &["sync"], || {}));
    fs::rename(sandbox.path("project/sesame.toml"), sandbox.path("project/work.toml")).unwrap();
    sandbox.write("work.toml", "");
    seen.extend(warned(&sandbox, &["lock", "--check", "--manifest", "work.toml"], || {}));
    seen
}

fn of_the_machine() -> BTreeSet<String> {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("a".to_owned(), component("a"))].into());
    warned(&sandbox, &["sync"], || {
        sandbox.empty_home();
        sandbox.ok(&["sync"]);
        let code = &sandbox.files(&cwasm(&sandbox))[0];
        fs::remove_file(code).unwrap();
        fs::write(code, "damaged").unwrap();
        fs::set_permissions(code, fs::Permissions::from_mode(0o400)).unwrap();
        fs::set_permissions(sandbox.data(), fs::Permissions::from_mode(0o777)).unwrap();
    })
}

fn of_sources() -> BTreeSet<String> {
    let (sandbox, registry) = (Sandbox::new(), Registry::start_tls(&Ca::new()));
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let host = registry.host();
    let settings = format!("[registries.\"{host}\"]\ninsecure = true\nmirrors = [\"oci-layout:nothere\"]\n");
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n{settings}"));
    sandbox.ok(&["lock"]);
    let mut seen = warned(&sandbox, &["sync"], || sandbox.empty_home());
    let unreachable = "extensions.a = { oci = \"127.0.0.1:1/org/a\", version = \"1\" }\n";
    sandbox.write("sesame.toml", unreachable);
    seen.extend(warned(&sandbox, &["outdated"], || {}));
    seen
}

fn of_credentials() -> BTreeSet<String> {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    let docker = "../home/.docker/config.json";
    let mut seen = warned(&sandbox, &["sync"], || {
        sandbox.empty_home();
        registry.want_token("for-anybody");
        sandbox.write(docker, "{ hush");
    });
    fs::remove_file(sandbox.path("home/.docker/config.json")).unwrap();
    registry.want_basic(USER, PASSWORD);
    let other = json!({ "auths": { registry.host(): { "auth": "bWU6b3RoZXI=" } } });
    sandbox.write("../home/config/containers/auth.json", other.to_string());
    let host = registry.host();
    let login = |json: bool| {
        let options = if json { &["--json"][..] } else { &[] };
        crate::registry::login::login(&sandbox, &registry, PASSWORD, options)
    };
    seen.extend(compare(&["registry", "login"], login));
    seen.extend(warned(&sandbox, &["registry", "logout", &host], || {}));
    seen
}

fn of_compiled_functions() -> BTreeSet<String> {
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(5));
    let mut seen = warned(&sandbox, &["sync"], || {
        sandbox.empty_home();
        fs::create_dir_all(sandbox.cache()).unwrap();
        fs::write(functions(&sandbox), "no folder").unwrap();
    });
    fs::remove_file(functions(&sandbox)).unwrap();
    seen.extend(warned(&sandbox, &["sync", "--function-cache", "1"], || {
        fs::remove_dir_all(sandbox.cache()).unwrap();
    }));
    fs::remove_dir_all(sandbox.cache()).unwrap();
    sandbox.ok(&["sync"]);
    seen.extend(warned(&sandbox, &["sync"], || {
        corrupt(&sandbox, false);
        fs::remove_dir_all(cwasm(&sandbox)).unwrap();
    }));
    seen
}
