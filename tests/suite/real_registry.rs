//! Against the reference registry server (CNCF distribution), which each test starts on a free port. Needs the
//! program `docker-registry`; CI installs it and runs the ignored tests.

use std::fs;

use sesame::model::digest::Digest;

use crate::support::artifact::{Artifact, INDEX, index};
use crate::support::guest;
use crate::support::real_registry::Server;
use crate::support::sandbox::Sandbox;

fn want(sandbox: &Sandbox, host: &str, entries: &str) {
    sandbox.write("sesame.toml", format!("[registries.\"{host}\"]\nplain-http = true\n\n{entries}"));
}

#[test]
#[ignore = "needs docker-registry; CI installs it and runs this"]
fn what_wkg_and_oras_push_is_locked_and_synced() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox.path("tmp"));
    let component = guest("greeting-0.1.0");
    server.push("my-org/wkg", "0.1.0", &Artifact::wkg(&component));
    for (repository, config) in [
        ("my-org/oras", "application/vnd.oci.empty.v1+json"),
        ("my-org/group/oras-py", "application/vnd.unknown.config.v1+json"),
    ] {
        server.push(repository, "0.1.0", &Artifact::oras(config, &component));
    }
    let host = &server.host;
    let entry = |name: &str, repository: &str| {
        format!("[extensions.{name}]\noci = \"{host}/my-org/{repository}:0.1.0\"\ncapabilities.config-read = true\n")
    };
    let entries = [entry("wkg", "wkg"), entry("oras", "oras"), entry("oras-py", "group/oras-py")].concat();
    want(&sandbox, host, &entries);
    let run = sandbox.sync(None, &[]);
    assert!(run.stderr.contains("3 extensions are live"), "{}", run.stderr);
    let lock = sandbox.read("sesame.lock");
    assert_eq!(lock.matches(&format!("component = \"{}\"", Digest::of(&component))).count(), 3);
    let blobs = sandbox.files(&sandbox.data().join("blobs"));
    assert_eq!(blobs.len(), 4, "three manifests and one component: {blobs:?}");
}

#[test]
#[ignore = "needs docker-registry; CI installs it and runs this"]
fn a_moved_tag_is_seen_only_by_upgrade() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox.path("tmp"));
    server.push("my-org/greeting", "latest", &Artifact::wkg(&guest("greeting-0.1.0")));
    let host = &server.host;
    let grants = "capabilities = { config-read = true, secret-read = true }";
    want(&sandbox, host, &format!("[extensions.greeting]\noci = \"{host}/my-org/greeting:latest\"\n{grants}\n"));
    sandbox.sync(None, &[]);
    server.push("my-org/greeting", "latest", &Artifact::wkg(&guest("greeting-0.3.0")));
    sandbox.ok(&["sync"]).fails(0, &["up to date"]);
    sandbox.ok(&["lock", "--upgrade"]).fails(0, &["~ greeting", "capabilities: +secret-read"]);
    sandbox.sync(None, &["--locked"]).fails(0, &["generation 2"]);
}

#[test]
#[ignore = "needs docker-registry; CI installs it and runs this"]
fn an_index_is_followed_and_a_missing_tag_is_named() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox.path("tmp"));
    let wasm = Artifact::wkg(&guest("wordcount-1.0.0"));
    server.push("my-org/wordcount", "wasm", &wasm);
    let above = index(&[(&wasm, Some(("wasip2", "wasm")))]);
    server.push("my-org/wordcount", "1.0.0", &Artifact { media_type: INDEX, manifest: above, blobs: Vec::new() });
    let host = &server.host;
    want(&sandbox, host, &format!("[extensions]\nwordcount = \"{host}/my-org/wordcount:1.0.0\"\n"));
    sandbox.sync(None, &[]);
    want(&sandbox, host, &format!("[extensions]\nwordcount = \"{host}/my-org/wordcount:9\"\n"));
    sandbox.run(&["lock"]).fails(69, &["does not have", "my-org/wordcount:9", "still published"]);
}

#[test]
#[ignore = "needs docker-registry; CI installs it and runs this"]
fn what_is_pushed_is_installed_listed_called_and_configured() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox.path("tmp"));
    server.push("my-org/greeting-extension", "0.1.0", &Artifact::wkg(&guest("greeting-0.1.0")));
    let reference = format!("{}/my-org/greeting-extension:0.1.0", server.host);
    sandbox.ok(&["extension", "install", &reference, "--grant", "config-read"]).fails(0, &["1 extension is live"]);
    let list = sandbox.ok(&["extension", "list"]).stdout;
    assert!(list.contains("greeting-extension") && list.contains("0.1.0") && list.contains("ready"), "{list}");
    let greet = ["extension", "call", "greeting-extension", "greet", "World"];
    assert_eq!(sandbox.ok(&greet).stdout, "Hello, World!\n");
    let manifest = sandbox.path("home/config/pds/extensions/greeting-extension.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("config = {{ greeting.template = \"Bonjour, {{}}\" }}\n{text}")).unwrap();
    sandbox.sync(None, &[]);
    assert_eq!(sandbox.ok(&greet).stdout, "Bonjour, World\n");
    sandbox.ok(&["extension", "remove", "greeting-extension"]).fails(0, &["0 extensions are live"]);
}
