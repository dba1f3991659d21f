//! Against the reference registry server (CNCF distribution), which each test starts on a free port. Needs the
//! program `docker-registry`; CI installs it and runs the ignored tests.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sesame::model::digest::Digest;

use crate::support::artifact::{Artifact, INDEX, index};
use crate::support::guest;
use crate::support::registry::get;
use crate::support::sandbox::Sandbox;

struct Server {
    child: Child,
    host: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let storage = folder.join("registry");
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {host}}}\n",
            storage.display()
        );
        let path = folder.join("registry.yml");
        fs::write(&path, config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let server = Self { child, host };
        for _ in 0..500 {
            if get(&server.host, "/v2/").is_ok() {
                return server;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("docker-registry does not answer");
    }

    /// Pushes as the distribution specification says: blobs in one PUT each, then the manifest.
    fn push(&self, repository: &str, tag: &str, artifact: &Artifact) {
        for blob in &artifact.blobs {
            let answer = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[]);
            let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap().trim().to_owned();
            let path = &location[location.find("/v2/").unwrap()..];
            let put = format!("{path}&digest={}", Digest::of(blob));
            assert!(self.send("PUT", &put, "application/octet-stream", blob).contains(" 201 "));
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.send("PUT", &path, artifact.media_type, &artifact.manifest);
        assert!(answer.contains(" 201 "), "{answer}");
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let host = &self.host;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
