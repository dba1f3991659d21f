//! Registries as they are: certificates that people make, tags that tools write, answers that servers give, credentials as
//! docker keeps them.

use std::fs;

use crate::support::artifact::{Artifact, component};
use crate::support::ca::{Ca, SelfSigned};
use crate::support::registry::{Fault, Registry, basic};
use crate::support::sandbox::{Run, Sandbox};

const DOCKER: &str = "../home/.docker/config.json";

/// A project that wants `org/a:1` of a registry that speaks TLS, whose certificates the machine's policy names.
fn trusting(registry: &Registry, pem: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let reference = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.write("../home/config/pds/ca.pem", pem);
    sandbox.write("../home/config/pds/policy.toml", format!("[registries.\"{}\"]\nca = \"ca.pem\"\n", registry.host()));
    sandbox.write("sesame.toml", format!("extensions.a = \"{reference}\"\n"));
    sandbox
}

#[test]
fn a_certificate_that_signed_itself_is_trusted_where_it_is_named_and_fits() {
    let own = SelfSigned::new(&["127.0.0.1"]);
    let registry = Registry::start_self_signed(&own);
    trusting(&registry, &own.pem()).ok(&["sync"]);
    // Beside others in the same file, too.
    trusting(&registry, &(Ca::new().pem() + &own.pem())).ok(&["lock"]);
    // Another of the same name, one that has expired, and one for another name are not.
    let other = SelfSigned::new(&["127.0.0.1"]);
    trusting(&registry, &other.pem()).run(&["lock"]).fails(69, &["is not trusted\n  caused by: ", "hint: "]);
    let old = SelfSigned::valid_until(&["127.0.0.1"], 2021);
    let registry = Registry::start_self_signed(&old);
    trusting(&registry, &old.pem())
        .run(&["lock"])
        .fails(69, &["is not trusted\n  caused by: it has expired", "the clock"]);
    for names in [&["elsewhere.test"][..], &[]] {
        let elsewhere = SelfSigned::new(names);
        let registry = Registry::start_self_signed(&elsewhere);
        let why = if names.is_empty() { "it has no subject alternative name" } else { "it is for another name" };
        trusting(&registry, &elsewhere.pem()).run(&["lock"]).fails(69, &["is not trusted\n  caused by: ", why]);
    }
}

#[test]
fn a_certificate_of_a_server_is_trusted_where_it_is_named_without_its_issuer() {
    let ca = Ca::new();
    let (registry, own) = Registry::start_named(&ca);
    trusting(&registry, &ca.pem()).ok(&["sync"]);
    trusting(&registry, &own).ok(&["sync"]);
    let stranger = SelfSigned::new(&["127.0.0.1"]).pem();
    trusting(&registry, &stranger).run(&["lock"]).fails(69, &["it is not signed by a CA that this machine trusts"]);
    // Another CA of the same name.
    let why = "it is not signed with the key of the CA that it names";
    trusting(&registry, &Ca::new().pem()).run(&["lock"]).fails(69, &[why]);
}

#[test]
fn the_next_page_of_tags_is_asked_of_the_host_that_was_asked_before() {
    for link in ["https://other.test/v2/org/a/tags/list?n=1000&last=1.0.0", "/v2/org/a/tags/list?n=1000&last=1.0.0"] {
        let (sandbox, registry) = (Sandbox::new(), Registry::start());
        for tag in ["1.0.0", "1.1.0"] {
            registry.push("org/a", tag, &Artifact::wkg(&component(tag)));
        }
        let host = registry.host();
        sandbox.write("sesame.toml", format!("[extensions.a]\noci = \"{host}/org/a\"\nversion = \"1\"\n"));
        registry.misbehave_times("/tags/list", 1, Fault::Header("Link", format!("<{link}>; rel=\"next\"")));
        sandbox.ok(&["lock"]).fails(0, &["org/a:1.1.0"]);
        let asked = registry.take_log();
        let pages: Vec<&String> = asked.iter().filter(|line| line.contains("/tags/list")).collect();
        assert_eq!(pages, ["GET /v2/org/a/tags/list?n=1000", "GET /v2/org/a/tags/list?n=1000&last=1.0.0"], "{link}");
    }
}

#[test]
fn a_list_of_tags_that_takes_for_ever_is_given_up_by_its_time() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    registry.push("org/a", "1.0.0", &Artifact::wkg(&component("a")));
    let host = registry.host();
    sandbox.write("sesame.toml", format!("[extensions.a]\noci = \"{host}/org/a\"\nversion = \"1\"\n"));
    registry.misbehave("/tags/list", Fault::EndlessTags);
    let began = std::time::Instant::now();
    let run = Run::of(sandbox.command(&["lock"]).env("SESAME_TEST_PACE", "0.01"));
    run.fails(69, &["has not listed all tags of", "org/a", "within 120 s", "pages were read", "name an exact tag"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn build_metadata_in_tags_counts_and_what_is_passed_over_is_told_when_asked() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    for tag in ["1.0.0", "1.1.0_2026-01-14", "latest", "main"] {
        registry.push("org/a", tag, &Artifact::wkg(&component(tag)));
    }
    let host = registry.host();
    sandbox.write("sesame.toml", format!("[extensions.a]\noci = \"{host}/org/a\"\nversion = \"^1\"\n"));
    let run = sandbox.ok(&["lock", "-v"]);
    run.fails(0, &["org/a:1.1.0_2026-01-14", "passed over a  no versions: latest, main"]);
    sandbox.ok(&["sync"]).fails(0, &["1 extension is live"]);
    sandbox.ok(&["lock"]).fails(0, &["up to date"]);
}

#[test]
fn what_a_registry_says_of_what_it_does_not_have_is_shown() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let words = "no repository o/g in registry 1234\u{1b}[31m\u{202e}";
    let body = serde_json::json!({ "errors": [{ "code": "NAME_UNKNOWN", "message": words }] }).to_string();
    let answer = || Fault::Answer { status: 404, headers: Vec::new(), body: body.clone().into_bytes() };
    let host = registry.host();
    sandbox.write("sesame.toml", format!("extensions.g = \"{host}/o/g:1\"\n"));
    sandbox.write("a.wasm", component("a"));
    registry.misbehave("", answer());
    let shown = "no repository o/g in registry 1234\\u{1b}[31m\\u{202e}";
    sandbox
        .run(&["lock"])
        .fails(69, &[&format!("does not have {host}/o/g:1: {shown}"), "whether the reference is right"]);
    let push = sandbox.run(&["extension", "push", "a.wasm", &format!("{host}/o/g:1")]);
    push.fails(69, &["has no repository to push", shown, "create the repository there first"]);
}

/// What a project's `lock` sends with this text as docker's file, and how it ends. `AUTH` stands for the base64 of
/// `me:secret`, `HOST` for the registry.
fn with_docker_file(registry: &Registry, text: &str) -> (Vec<String>, Run) {
    let sandbox = Sandbox::new();
    let host = registry.host();
    let reference = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.write("sesame.toml", format!("extensions.a = \"{reference}\"\n"));
    let auth = basic("me", "secret");
    let auth = auth.trim_start_matches("Basic ");
    sandbox.write(DOCKER, text.replace("AUTH", auth).replace("HOST", &host));
    sandbox.credential_helper("none", "echo 'credentials not found in native keychain'; exit 1");
    let before = registry.authorizations().len();
    let run = Run::of(&mut sandbox.command_with_helpers(&["lock"]));
    let mut sent = registry.authorizations().split_off(before);
    sent.dedup();
    (sent, run)
}

#[test]
fn credentials_are_read_as_docker_reads_them() {
    let registry = Registry::start();
    registry.want_basic("me", "secret");
    for text in [
        r#"{"auths":{"HOST":{"auth":"AUTH\n"}}}"#,
        r#"{"auths":{"HOST":{"auth":" AUTH\r\n\t"}}}"#,
        r#"{"auths":{"HOST":{"auth":"","username":"me","password":"secret"}}}"#,
        r#"{"auths":{"HOST/":{"auth":"AUTH"}}}"#,
        r#"{"auths":{"HOST/v1/":{"auth":"AUTH"}}}"#,
        r#"{"auths":{"HOST/v2":{"auth":"AUTH"}}}"#,
        r#"{"auths":{"https://HOST/v1/":{"auth":"AUTH"}}}"#,
        r#"{"auths":{"https://HOST/of/a/part":{"auth":"AUTH"}}}"#,
        // An empty helper means the file itself, whatever keeps the others.
        r#"{"auths":{"HOST":{"auth":"AUTH"}},"credHelpers":{"HOST":""},"credsStore":"none"}"#,
        r#"{"auths":{"HOST":{"auth":"AUTH","identitytoken":""}}}"#,
    ] {
        let (sent, run) = with_docker_file(&registry, text);
        assert_eq!((run.status, sent), (0, vec![basic("me", "secret")]), "{text}: {}", run.stderr);
    }
}

#[test]
fn the_credentials_of_a_part_of_a_registry_are_not_those_of_all_of_it() {
    let registry = Registry::start();
    registry.want_token("anybody");
    for part in ["HOST/team", "HOST/org/v1", "HOST/v1/org/v2"] {
        let text = format!("{{\"auths\":{{\"{part}\":{{\"auth\":\"AUTH\"}}}}}}");
        let (sent, run) = with_docker_file(&registry, &text);
        assert_eq!((run.status, sent), (0, vec!["Bearer anybody".to_owned()]), "{text}: {}", run.stderr);
    }
}

#[test]
fn empty_credentials_are_none() {
    let registry = Registry::start();
    registry.want_token("anybody");
    for text in [
        r#"{"auths":{"HOST":{"auth":"Og=="}}}"#,
        r#"{"auths":{"HOST":{"auth":""}}}"#,
        r#"{"auths":{"HOST":{"username":"","password":""}}}"#,
        r#"{"auths":{"HOST":{}},"credsStore":"none"}"#,
    ] {
        let (sent, run) = with_docker_file(&registry, text);
        assert_eq!((run.status, sent), (0, vec!["Bearer anybody".to_owned()]), "{text}: {}", run.stderr);
    }
}

#[test]
fn of_several_names_of_one_host_always_the_same_is_taken() {
    let registry = Registry::start();
    registry.want_basic("me", "secret");
    // The name of the whole host goes before URLs that have something behind it.
    let text = r#"{"auths":{"http://HOST/x":{"auth":"b3RoZXI6b3RoZXI="},"HOST/v1/":{"auth":"AUTH"},"https://HOST/z":{"auth":"b3RoZXI6b3RoZXI="}}}"#;
    for _ in 0..8 {
        let (sent, run) = with_docker_file(&registry, text);
        assert_eq!((run.status, sent), (0, vec![basic("me", "secret")]), "{}", run.stderr);
    }
}

#[test]
fn a_token_is_read_in_every_form_that_servers_give_it() {
    let registry = Registry::start();
    registry.want_token("T");
    for answer in [
        r#"{"token":"","access_token":"T"}"#,
        r#"{"access_token":"T","expires_in":"3600"}"#,
        r#"{"token":"T","access_token":"","expires_in":3600.5}"#,
        r#"{"token":"T","expires_in":-1}"#,
        r#"{"token":"T","expires_in":null}"#,
        r#"{"token":"T","expires_in":1e300}"#,
        r#"{"token":"T","expires_in":"soon"}"#,
    ] {
        registry.misbehave("/token", Fault::Bytes(answer.into()));
        let (sent, run) = with_docker_file(&registry, "{}");
        assert_eq!((run.status, sent), (0, vec!["Bearer T".to_owned()]), "{answer}: {}", run.stderr);
        registry.behave();
        registry.want_token("T");
    }
    registry.misbehave("/token", Fault::Bytes(br#"{"token":"","access_token":""}"#.to_vec()));
    with_docker_file(&registry, "{}").1.fails(69, &["gives no token\n  caused by: the answer holds none"]);
}

#[test]
fn why_a_helper_does_not_keep_a_login_is_told_without_what_it_was_given() {
    let registry = Registry::start();
    registry.want_basic("me", "can ary\"pass-1");
    let says = [
        "cat > /dev/null; echo 'the keychain is locked: can ary\"pass-1'; exit 3",
        "input=$(cat); echo \"the keychain is locked: $input\" >&2; exit 3",
        "cat > /dev/null; printf 'the keychain is locked: bWU6Y2FuIGFyeSJwYXNzLTE=\\033[2J' >&2; exit 3",
        // Much of it, after which the helper still ends by itself.
        "cat > /dev/null; echo 'the keychain is locked: ' >&2; head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 3",
    ];
    for script in says {
        let sandbox = Sandbox::new();
        sandbox.write(DOCKER, r#"{"credsStore":"own"}"#);
        sandbox.credential_helper("own", script);
        let mut command = sandbox.command_with_helpers(&[
            "registry",
            "login",
            &registry.host(),
            "--username",
            "me",
            "--password-stdin",
        ]);
        sandbox.write("../tmp/password", "can ary\"pass-1");
        let run = Run::of(command.stdin(fs::File::open(sandbox.path("tmp/password")).unwrap()));
        run.fails(78, &["`docker-credential-own` cannot change what it keeps", "it failed: the keychain is locked: "]);
        for secret in ["can ary", "pass-1", "bWU6Y2Fu", "\u{1b}"] {
            assert!(!run.stderr.contains(secret), "{script}: {}", run.stderr);
        }
    }
}

#[test]
fn a_helper_that_is_named_by_a_url_keeps_the_login() {
    let registry = Registry::start();
    registry.want_basic("me", "secret");
    let sandbox = Sandbox::new();
    let host = registry.host();
    sandbox.write(DOCKER, format!("{{\"credHelpers\":{{\"https://{host}/v1/\":\"own\"}}}}"));
    sandbox.credential_helper("own", "cat >> ../kept");
    sandbox.write("../tmp/password", "secret");
    let mut command =
        sandbox.command_with_helpers(&["registry", "login", &host, "--username", "me", "--password-stdin"]);
    let run = Run::of(command.stdin(fs::File::open(sandbox.path("tmp/password")).unwrap()));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(fs::read_to_string(sandbox.path("kept")).unwrap().contains("secret"));
    let file = fs::read_to_string(sandbox.path("home/.docker/config.json")).unwrap();
    assert!(!file.contains("auth\""), "{file}");
}
