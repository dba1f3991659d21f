//! Where extensions come from: what is accepted, what is refused by which name, mirrors, tokens, faults.

use std::fs;

use crate::support::artifact::{Artifact, INDEX, component, index};
use crate::support::ca::Ca;
use crate::support::layout;
use crate::support::registry::{Fault, Registry};
use crate::support::sandbox::{Run, Sandbox};
use sesame::model::digest::Digest;

#[test]
fn each_thing_that_is_no_extension_is_refused_by_its_name_with_advice() {
    let registry = Registry::start();
    let mut tar = vec![b'x'; 1024];
    tar[99] = 0;
    tar[257..262].copy_from_slice(b"ustar");
    let good = component("good");
    let module = wat::parse_str("(module)").unwrap();
    let wasm = "application/wasm";
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    let cosign = "application/vnd.dev.cosign.simplesigning.v1+json";
    let layers = |layers: &[(&str, &[u8])]| Artifact::image("application/vnd.oci.empty.v1+json", b"{}", layers);
    let native = Artifact::wkg(&good);
    let entries = index(&[(&native, Some(("linux", "amd64"))), (&native, Some(("linux", "arm64")))]);
    let rows: Vec<(&str, Artifact, &str, &str)> = vec![
        ("module", Artifact::wkg(&module), "is a core WebAssembly module", "wasm-tools component new"),
        (
            "elf",
            Artifact::wkg(b"\x7fELF\x02\x01\x01 and more"),
            "is an ELF file",
            "publish the component that it was compiled from",
        ),
        ("tar", Artifact::wkg(&tar), "is a tar archive", "not an archive or a container image"),
        ("text", Artifact::wkg(b"hello, world"), "is text", "names the right artifact"),
        ("wat", Artifact::wkg(b"(component)"), "is WebAssembly text", "wasm-tools parse"),
        ("two", layers(&[(wasm, &good), (wasm, &module)]), "2 wasm layers", "a reference of its own"),
        (
            "image",
            layers(&[(gzip, b"\x1f\x8b"), (gzip, b"\x1f\x8b2")]),
            "it has 2 layers, and none of wasm",
            "container image",
        ),
        ("none", layers(&[]), "has no layers", "container image"),
        (
            "index",
            Artifact { media_type: INDEX, manifest: entries, blobs: vec![] },
            "only for linux/amd64, linux/arm64",
            "container image",
        ),
        (
            "spin",
            Artifact::image("application/vnd.fermyon.spin.application.v1+config", b"{}", &[(wasm, &good)]),
            "Spin application",
            "publish the component itself",
        ),
        ("signature", layers(&[(cosign, b"{}")]), "is a signature", "the tag of the extension itself"),
    ];
    for (name, artifact, what, advice) in rows {
        let sandbox = Sandbox::new();
        let reference = registry.push(&format!("org/{name}"), "1", &artifact);
        sandbox.want(&registry, &[("x", &reference)]);
        sandbox.run(&["lock"]).fails(65, &["x: ", what, advice]);
        assert!(!sandbox.path("project/sesame.lock").exists());
        let staged = sandbox.files(&sandbox.data().join("staging"));
        assert!(staged.is_empty(), "{name} left {staged:?}");
    }
}

#[test]
fn a_component_is_accepted_under_every_media_type_that_is_in_use() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let bytes = component("a");
    let config = "application/vnd.unknown.config.v1+json";
    let types = [
        "application/wasm",
        "application/vnd.wasm.component.v1+wasm",
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
        "application/octet-stream",
    ];
    let artifacts = types.iter().map(|media_type| Artifact::image(config, b"{}", &[(media_type, &bytes)]));
    let references: Vec<String> =
        artifacts.enumerate().map(|(i, artifact)| registry.push(&format!("org/e{i}"), "1", &artifact)).collect();
    let names: Vec<String> = (0..types.len()).map(|number| format!("e{number}")).collect();
    let wanted: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(references.iter().map(String::as_str)).collect();
    sandbox.want(&registry, &wanted);
    sandbox.sync(Some(&registry), &[]);
}

#[test]
fn a_layout_serves_full_references_and_bare_tags_of_one_repository() {
    let sandbox = Sandbox::new();
    let (full, bare) = (Artifact::wkg(&component("full")), Artifact::wkg(&component("bare")));
    layout::write(&sandbox.path("project/vendor"), &[("ghcr.io/org/full:1", &full), ("1", &bare)]);
    let with = |pattern: &str, reference: &str| {
        sandbox.write(
            "sesame.toml",
            format!(
                "[extensions]\nx = \"{reference}\"\n[registries.\"{pattern}\"]\nmirrors = [\"oci-layout:vendor\"]\nmirrors-only = true\n"
            ),
        );
        let _ = fs::remove_file(sandbox.path("project/sesame.lock"));
        sandbox.run(&["lock", "--offline"])
    };
    with("ghcr.io", "ghcr.io/org/full:1").fails(0, &["+ x"]);
    with("ghcr.io", "ghcr.io/org/bare:1").fails(69, &["oci-layout:", "does not have ghcr.io/org/bare:1"]);
    with("ghcr.io/org/bare", "ghcr.io/org/bare:1").fails(0, &["+ x"]);
    assert!(sandbox.read("sesame.lock").contains(&bare.digest().to_string()));
    layout::write(&sandbox.path("project/vendor"), &[("1", &full), ("1", &bare)]);
    with("ghcr.io/org/bare", "ghcr.io/org/bare:1").fails(69, &["has 2 different entries for ghcr.io/org/bare:1"]);
    fs::remove_file(sandbox.path("project/vendor/oci-layout")).unwrap();
    with("ghcr.io", "ghcr.io/org/full:1")
        .fails(78, &["vendor is not an OCI image layout\n  caused by: it has no file `oci-layout`", "skopeo copy"]);
}

#[test]
fn mirrors_serve_digests_and_the_registry_its_tags() {
    let (sandbox, registry, mirror) = (Sandbox::new(), Registry::start(), Registry::start());
    let artifact = Artifact::wkg(&component("a"));
    let a = registry.push("org/a", "1", &artifact);
    mirror.push("org/a", "1", &Artifact::wkg(&component("another under the same tag")));
    mirror.push("org/a", "other", &artifact);
    let settings =
        format!("[registries.\"{}\"]\nplain-http = true\nmirrors = [\"http://{}\"]\n", registry.host(), mirror.host());
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n{settings}"));
    sandbox.ok(&["lock"]);
    assert_eq!(registry.take_log(), ["GET /v2/org/a/manifests/1"]);
    assert_eq!(mirror.take_log().len(), 1);
    sandbox.empty_home();
    sandbox.ok(&["sync"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    assert_eq!(mirror.take_log().len(), 2);
    assert!(!sandbox.read("sesame.lock").contains(&mirror.host()));
}

#[test]
fn a_mirror_without_the_bytes_or_with_wrong_ones_is_passed_over() {
    let (sandbox, registry, mirror) = (Sandbox::new(), Registry::start(), Registry::start());
    let bytes = component("a");
    let artifact = Artifact::wkg(&bytes);
    let a = registry.push("org/a", "1", &artifact);
    let settings =
        format!("[registries.\"{}\"]\nplain-http = true\nmirrors = [\"http://{}\"]\n", registry.host(), mirror.host());
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n{settings}"));
    sandbox.ok(&["lock"]);
    mirror.push("org/a", "1", &artifact);
    mirror.misbehave(
        &Digest::of(&bytes).to_string(),
        Fault::Bytes(b"<html>A portal asks for your name.</html>".repeat(50)[..bytes.len()].to_vec()),
    );
    sandbox.empty_home();
    let run = sandbox.ok(&["sync"]);
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("gives other bytes"), "{}", run.stderr);
    registry.misbehave(&Digest::of(&bytes).to_string(), Fault::Status(500));
    sandbox.empty_home();
    sandbox.run(&["sync"]).fails(76, &["no source gives sha256:", "gives other bytes", "answered 500"]);
}

#[test]
fn a_mirror_that_does_not_work_is_soon_passed_over_and_told_once() {
    let (sandbox, registry, mirror) = (Sandbox::new(), Registry::start(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&component("b")));
    let extensions = format!("extensions = {{ a = \"{a}\", b = \"{b}\" }}\n");
    mirror.misbehave("", Fault::Status(503));
    let other = format!("http://{}", mirror.host());
    for (mirror, fault) in [(other.as_str(), "answered 503"), ("oci-layout:nothere", "there is no such folder")] {
        let settings = format!("[registries.\"{}\"]\nmirrors = [\"{mirror}\"]\n", registry.host());
        sandbox.write("sesame.toml", format!("{extensions}{settings}"));
        sandbox.empty_home();
        let run = sandbox.ok(&["sync"]);
        let told = run.stderr.lines().filter(|line| line.starts_with("warning: a mirror is passed over: ")).count();
        assert!(told == 1 && run.stderr.contains(fault), "{}", run.stderr);
    }
    let log = mirror.take_log();
    assert_eq!(log.len(), 4, "two components, each asked for twice: {log:?}");
}

#[test]
fn what_answers_400_on_this_machine_may_speak_tls() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n"));
    registry.misbehave("", Fault::Status(400));
    sandbox
        .run(&["lock"])
        .fails(69, &["answered 400", "hint: on this machine HTTP is assumed", "`plain-http = false`"]);
}

#[test]
fn a_public_repository_behind_tokens_is_read() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    registry.want_token("opaque-token");
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.sync(Some(&registry), &[]);
    let log = registry.take_log();
    let tokens: Vec<&String> = log.iter().filter(|line| line.contains("/token")).collect();
    assert_eq!(tokens, ["GET /token?service=test&scope=repository%3Aorg%2Fa%3Apull"]);
    assert_eq!(log.len(), 4, "{log:?}");
}

#[test]
fn offline_asks_nobody_and_says_what_it_lacks() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox
        .run(&["sync", "--offline"])
        .fails(69, &["--offline forbids asking 127.0.0.1", "hint: run it once without `--offline`"]);
    sandbox.ok(&["lock"]);
    sandbox.empty_home();
    registry.take_log();
    sandbox.run(&["sync", "--offline"]).fails(69, &["--offline forbids asking"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    sandbox.ok(&["sync"]);
    sandbox.ok(&["sync", "--offline"]);
}

#[test]
fn a_registry_that_nobody_runs_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "sesame.toml",
        "extensions.a = \"127.0.0.1:1/org/a:1\"\n[registries.\"127.0.0.1:1\"]\nplain-http = true\n",
    );
    sandbox.run(&["lock"]).fails(69, &["a: 127.0.0.1:1 cannot be reached", "hint: look at the network"]);
    sandbox.write("sesame.toml", "extensions.a = \"registry.invalid/org/a:1\"\n");
    sandbox.run(&["lock"]).fails(69, &["a: registry.invalid cannot be reached"]);
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (sandbox, registry, other) = (Sandbox::new(), Registry::start(), Registry::start());
    let bytes = component("a");
    let artifact = Artifact::wkg(&bytes);
    let (a, digest) = (registry.push("org/a", "1", &artifact), Digest::of(&bytes).to_string());
    other.push("elsewhere", "1", &artifact);
    sandbox.want(&registry, &[("a", &a)]);
    registry.misbehave(&digest, Fault::Redirect(format!("http://{}/v2/org/a/blobs/{digest}", registry.host())));
    sandbox.run(&["lock"]).fails(69, &["it redirects too often"]);
    assert_eq!(registry.take_log().len(), 7, "the manifest, the blob, and five redirects");
    registry.behave();
    registry.misbehave(&digest, Fault::Redirect(format!("http://{}/v2/elsewhere/blobs/{digest}", other.host())));
    sandbox.sync(Some(&registry), &[]);
    assert_eq!(other.take_log(), [format!("GET /v2/elsewhere/blobs/{digest}")]);
}

#[test]
fn a_proxy_of_the_environment_is_gone_through_and_no_proxy_obeyed() {
    let (sandbox, proxy) = (Sandbox::new(), Registry::start());
    sandbox.write(
        "sesame.toml",
        "extensions.a = \"registry.test/org/a:1\"\n[registries.\"registry.test\"]\nplain-http = true\n",
    );
    let mut command = sandbox.command(&["lock"]);
    command.env("http_proxy", format!("http://{}", proxy.host()));
    Run::of(&mut command).fails(69, &["registry.test does not have registry.test/org/a:1"]);
    // What is not there is followed by the question for what is.
    let asked = ["manifests/1", "tags/list?n=1000"].map(|path| format!("GET http://registry.test/v2/org/a/{path}"));
    assert_eq!(proxy.take_log(), asked);
    command.env("NO_PROXY", "registry.test");
    Run::of(&mut command).fails(69, &["registry.test cannot be reached"]);
    assert_eq!(proxy.take_log(), Vec::<String>::new());
}

#[test]
fn what_is_for_this_machine_goes_through_no_proxy() {
    let (sandbox, registry, proxy) = (Sandbox::new(), Registry::start(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n"));
    let mut command = sandbox.command(&["sync"]);
    command.env("http_proxy", format!("http://{}", proxy.host())).env_remove("NO_PROXY");
    Run::of(&mut command).fails(0, &["1 extension is live"]);
    assert!(proxy.everything_received().is_empty());
}

#[test]
fn an_insecure_registry_is_reached_with_a_warning_each_time_and_nobody_else_is() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start_tls(&Ca::new()));
    let artifact = Artifact::wkg(&component("a"));
    let a = registry.push("org/a", "1", &artifact);
    let with = |setting: &str| {
        let settings = format!("registries.\"{}\".{setting}\n", registry.host());
        sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n{settings}"));
        sandbox.run(&["lock", "--upgrade"])
    };
    with("plain-http = false").fails(69, &["the certificate of 127.0.0.1", "is not trusted", "hint: if it has a CA"]);
    with("ca = \"sesame.toml\"").fails(78, &["the certificates in", "sesame.toml cannot be used", "hint: "]);
    for _ in 0..2 {
        let warning = format!("warning: the certificate of {} is not checked", registry.host());
        with("insecure = true").fails(0, &[&warning]);
    }
    let other = Registry::start_tls(&Ca::new());
    other.push("org/a", "1", &artifact);
    registry.misbehave("/manifests/1", Fault::Redirect(format!("https://{}/v2/org/a/manifests/1", other.host())));
    with("insecure = true").fails(69, &["the certificate of 127.0.0.1 is not trusted"]);
    assert!(other.everything_received().is_empty());
}

#[test]
fn an_https_proxy_is_asked_for_a_tunnel_and_told_nothing_else() {
    let (sandbox, proxy) = (Sandbox::new(), Registry::start());
    sandbox.write("sesame.toml", "extensions.a = \"registry.test/org/a:1\"\n");
    let mut command = sandbox.command(&["lock"]);
    command.env("HTTPS_PROXY", format!("http://{}", proxy.host())).env("SESAME_TEST_PACE", "0.02");
    Run::of(&mut command).fails(69, &["registry.test cannot be reached"]);
    let received = String::from_utf8(proxy.everything_received()).unwrap();
    assert!(received.starts_with("CONNECT registry.test:443 HTTP/1.1\r\n"), "{received}");
    assert!(!received.to_lowercase().contains("authorization") && !received.contains("org/a"), "{received}");
}

#[test]
fn a_registry_without_tls_is_told_by_its_first_bytes() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let settings = format!("registries.\"{}\".plain-http = false\n", registry.host());
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n{settings}"));
    let hint = format!("add `plain-http = true` under `[registries.\"{}\"]`", registry.host());
    sandbox.run(&["lock"]).fails(69, &["cannot be reached", &hint]);
}
