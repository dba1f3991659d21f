//! Against the reference registry server (CNCF distribution), which each test starts on a free port. Needs the
//! program `docker-registry`; CI installs it and runs the ignored tests.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::artifact::{Artifact, INDEX, index};
use crate::support::ca::Ca;
use crate::support::guest;
use crate::support::real_registry::{PASSWORD, Server, USER};
use crate::support::sandbox::{Run, Sandbox};
use sesame::model::digest::Digest;

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
    sandbox.run(&["lock"]).fails(69, &["does not have", "my-org/wordcount:9", "the closest tags that it has: 1.0.0"]);
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

/// Writes the machine's policy: how it reaches a host.
fn trust(sandbox: &Sandbox, host: &str, ca: &Ca) {
    let folder = sandbox.path("home/config/pds");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    fs::write(folder.join("policy.toml"), format!("[registries.\"{host}\"]\nca = \"ca.pem\"\n")).unwrap();
}

fn login(sandbox: &Sandbox, host: &str, password: &str) -> Run {
    let mut command = sandbox.command(&["registry", "login", host, "--username", USER, "--password-stdin", "-vvv"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    let run = Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!run.stdout.contains(password) && !run.stderr.contains(password), "{}", run.stderr);
    run
}

#[test]
#[ignore = "needs docker-registry; CI installs it and runs this"]
fn a_private_registry_over_tls_is_logged_in_to_pushed_to_and_synced_from() {
    let (sandbox, ca) = (Sandbox::new(), Ca::new());
    let server = Server::start_private(&sandbox.path("tmp"), &ca.issue(&["127.0.0.1"]));
    let host = &server.host;
    trust(&sandbox, host, &Ca::new());
    login(&sandbox, host, PASSWORD)
        .fails(69, &["is not trusted\n  caused by: it is not signed with the key of the CA that it names", "ca = "]);
    trust(&sandbox, host, &ca);
    login(&sandbox, host, "wrong").fails(77, &["does not accept the credentials of this login"]);
    assert!(!sandbox.path("home/.docker").exists());
    sandbox.run(&["registry", "check", host]).fails(1, &[]);
    login(&sandbox, host, PASSWORD).fails(0, &["logged in to", "home/.docker/config.json", "HTTP/2.0"]);
    let check = sandbox.ok(&["registry", "check", host]).stdout;
    assert!(
        check.contains("HTTP/2.0") && check.contains("a name and a password") && check.contains("let in"),
        "{check}"
    );

    let file = crate::support::fixture("guests/built/greeting-0.1.0.wasm").display().to_string();
    let reference = format!("{host}/my-org/greeting:0.1.0");
    let pushed = sandbox.ok(&["extension", "push", &file, &reference]).stderr;
    assert!(pushed.contains("pushed ") && pushed.contains("@sha256:"), "{pushed}");
    sandbox.ok(&["extension", "push", &file, &reference]).fails(0, &["there already"]);
    sandbox.write(
        "sesame.toml",
        format!("[extensions.greeting]\noci = \"{reference}\"\ncapabilities.config-read = true\n"),
    );
    sandbox.ok(&["lock"]);
    sandbox.sync(None, &["--locked"]);
    assert_eq!(sandbox.ok(&["extension", "call", "greeting", "greet", "World"]).stdout, "Hello, World!\n");

    fs::remove_dir_all(sandbox.path("home/data")).unwrap();
    let config = sandbox.path("home/.docker/config.json");
    let right = fs::read_to_string(&config).unwrap();
    let wrong = right.replace("d2FuZGE6", "d2FuZGI6");
    assert_ne!(right, wrong);
    fs::write(&config, wrong).unwrap();
    sandbox.run(&["sync"]).fails(77, &["does not accept the credentials of", "config.json"]);
    sandbox.ok(&["registry", "logout", host]).fails(0, &["logged out of"]);
    sandbox.run(&["sync"]).fails(77, &["wants credentials", "there are none", "sesame registry login"]);
}

#[test]
#[ignore = "needs docker-registry; CI installs it and runs this"]
fn a_certificate_that_has_expired_or_is_for_another_name_is_told_so() {
    let ca = Ca::new();
    for (certificate, text) in [
        (ca.issue_expired(&["127.0.0.1"]), "is not trusted\n  caused by: it has expired"),
        (ca.issue(&["127.0.0.2"]), "is not trusted\n  caused by: it is for another name"),
    ] {
        let sandbox = Sandbox::new();
        let server = Server::start_private(&sandbox.path("tmp"), &certificate);
        trust(&sandbox, &server.host, &ca);
        sandbox.write("sesame.toml", format!("extensions.a = \"{}/my-org/greeting:0.1.0\"\n", server.host));
        sandbox.run(&["sync"]).fails(69, &["the certificate of 127.0.0.1", text, "hint: "]);
        sandbox.run(&["registry", "check", &server.host]).fails(69, &[text]);
    }
}

#[test]
#[ignore = "needs docker-registry and skopeo; CI installs them and runs this"]
fn a_bundle_goes_through_a_registry_whole() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    let server = Server::start(&one.path("tmp"));
    server.push("my-org/greeting", "0.1.0", &Artifact::wkg(&guest("greeting-0.1.0")));
    let reference = format!("{}/my-org/greeting:0.1.0", server.host);
    want(
        &one,
        &server.host,
        &format!("[extensions]\ngreeting = {{ oci = \"{reference}\", capabilities.config-read = true }}\n"),
    );
    one.ok(&["sync"]);
    one.ok(&["bundle", "export", "../set"]);
    let copy = |more: &[&str], from: &str, to: &str| {
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["--insecure-policy", "copy", "--quiet"]).args(more).args([from, to]);
        assert!(skopeo.status().unwrap().success(), "{from} to {to}");
    };
    let published = format!("docker://{}/sets/laptop:1", server.host);
    copy(&["--dest-tls-verify=false"], &format!("oci:{}", one.path("set").display()), &published);
    let archive = other.path("set.tar").display().to_string();
    copy(&["--src-tls-verify=false"], &published, &format!("oci-archive:{archive}"));
    drop(server);
    other.ok(&["bundle", "import", &archive, "--grant-all"]);
    assert_eq!(other.ok(&["extension", "call", "greeting", "greet", "World"]).stdout, "Hello, World!\n");
}
