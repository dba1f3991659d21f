//! The credentials that people already have: where they are looked for, to whom they are sent, and to whom never.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::artifact::{Artifact, component};
use crate::support::ca::Ca;
use crate::support::registry::{Registry, Tokens, basic};
use crate::support::sandbox::{Run, Sandbox};

const DOCKER: &str = "../home/.docker/config.json";
const PODMAN: &str = "../home/config/containers/auth.json";
const POLICY: &str = "../home/config/pds/policy.toml";

/// A project with one extension of a registry.
fn project() -> (Sandbox, Registry) {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    (sandbox, registry)
}

/// A file of docker's with a password of `me` for each key.
fn auths(entries: &[(&str, &str)]) -> String {
    let entry = |password: &str| json!({ "auth": basic("me", password).trim_start_matches("Basic ") });
    let entries = entries.iter().map(|(key, password)| ((*key).to_owned(), entry(password)));
    json!({ "auths": entries.collect::<serde_json::Map<String, Value>>() }).to_string()
}

/// What a registry is sent as `Authorization` during a run, each once.
fn sent(registry: &Registry, command: &mut Command) -> (Vec<String>, Run) {
    let before = registry.authorizations().len();
    let run = Run::of(command);
    let mut sent = registry.authorizations().split_off(before);
    sent.sort();
    sent.dedup();
    (sent, run)
}

#[test]
fn the_first_place_that_has_credentials_for_the_host_is_taken() {
    let (sandbox, registry) = project();
    registry.want_basic("me", "none of these");
    let host = registry.host();
    let places = [
        ("../named.json", "named"),
        ("../run/containers/auth.json", "runtime"),
        (PODMAN, "configuration"),
        ("../docker/config.json", "docker"),
        (DOCKER, "home"),
    ];
    for (path, password) in places {
        sandbox.write(path, auths(&[(&host, password)]));
    }
    let mut command = sandbox.command(&["lock"]);
    command.env("REGISTRY_AUTH_FILE", sandbox.path("named.json"));
    command.env("XDG_RUNTIME_DIR", sandbox.path("run"));
    command.env("DOCKER_CONFIG", sandbox.path("docker"));
    command.env("DOCKER_AUTH_CONFIG", auths(&[(&host, "variable")]));
    let taken = |command: &mut Command, password: &str, place: &str| {
        let (sent, run) = sent(&registry, command);
        assert_eq!(sent, [basic("me", password)], "{}", run.stderr);
        run.fails(77, &["does not accept the credentials of", place]);
    };
    for (at, (path, password)) in places[..4].iter().enumerate() {
        taken(&mut command, password, &sandbox.path(path.trim_start_matches("../")).display().to_string());
        // A place that is not there, or has nothing for the host, is passed over.
        match at % 2 {
            0 => sandbox.write(path, auths(&[("elsewhere.test", "x")])),
            _ => fs::remove_file(sandbox.path(path.trim_start_matches("../"))).unwrap(),
        }
    }
    taken(&mut command, "variable", "$DOCKER_AUTH_CONFIG");
    command.env_remove("DOCKER_CONFIG");
    taken(&mut command, "home", "home/.docker/config.json");
    fs::remove_file(sandbox.path("home/.docker/config.json")).unwrap();
    taken(&mut command, "variable", "$DOCKER_AUTH_CONFIG");
    command.env_remove("DOCKER_AUTH_CONFIG");
    let (sent, run) = sent(&registry, &mut command);
    assert_eq!(sent, Vec::<String>::new());
    run.fails(77, &["there are none", &format!("hint: `sesame registry login {host}`")]);
}

#[test]
fn a_namespace_goes_before_its_registry_and_is_whole_components() {
    let (sandbox, registry) = project();
    registry.want_basic("me", "none of these");
    let host = registry.host();
    let (repository, org, part) = (format!("{host}/org/a"), format!("{host}/org"), format!("{host}/or"));
    let lock = |entries: &[(&str, &str)]| {
        sandbox.write(DOCKER, auths(entries));
        sent(&registry, &mut sandbox.command(&["lock"]))
    };
    let only = |password: &str| vec![basic("me", password)];
    let all = [(part.as_str(), "part"), (&host, "host"), (&org, "org"), (&repository, "repository")];
    assert_eq!(lock(&all).0, only("repository"));
    assert_eq!(lock(&all[..3]).0, only("org"));
    assert_eq!(lock(&all[..2]).0, only("host"));
    assert_eq!(lock(&[(&format!("https://{host}/v1/"), "url")]).0, only("url"));
    let (sent, run) = lock(&all[..1]);
    assert_eq!(sent, Vec::<String>::new());
    run.fails(77, &["there are none"]);
    sandbox.want(&registry, &[("a", &format!("{repository}:1")), ("b", &format!("{host}/other/b:1"))]);
    let mut both = vec![basic("me", "org"), basic("me", "host")];
    both.sort();
    assert_eq!(lock(&all[..3]).0, both);
}

#[test]
fn a_helper_is_asked_for_its_registry_and_the_store_for_the_others() {
    let (sandbox, registry) = project();
    registry.want_basic("me", "right");
    let answer = r#"{"ServerURL":"x","Username":"me","Secret":"right"}"#;
    sandbox.credential_helper("own", &format!("echo \"$1 $(cat)\" >> ../asked-own\necho '{answer}'"));
    sandbox.credential_helper("all", &format!("echo \"$1 $(cat)\" >> ../asked-all\necho '{answer}'"));
    let host = registry.host();
    for (helpers, file, other) in [
        (json!({ "credHelpers": { &host: "own" }, "credsStore": "all" }), "asked-own", "asked-all"),
        (json!({ "credHelpers": { "ghcr.io": "own" }, "credsStore": "all", "auths": { &host: {} } }), "asked-all", ""),
    ] {
        sandbox.write(DOCKER, helpers.to_string());
        let _ = fs::remove_dir_all(sandbox.path("home/data"));
        let (sent, run) = sent(&registry, &mut sandbox.command_with_helpers(&["sync", "-vvv"]));
        assert_eq!((run.status, sent), (0, vec![basic("me", "right")]), "{}", run.stderr);
        assert_eq!(fs::read_to_string(sandbox.path(file)).unwrap(), format!("get {host}\n"));
        assert!(other.is_empty() || !sandbox.path(other).exists(), "{other}");
    }
}

#[test]
fn an_identity_token_is_posted_to_the_token_server() {
    let answer = r#"{"ServerURL":"x","Username":"<token>","Secret":"identity-5e1f"}"#;
    for of_helper in [true, false] {
        let (sandbox, registry) = project();
        registry.want_tokens(Tokens { refresh: Some("identity-5e1f".to_owned()), ..Tokens::default() });
        sandbox.credential_helper("desktop", &format!("cat > /dev/null; echo '{answer}'"));
        let in_file = json!({ "auths": { registry.host(): { "auth": "bWU6", "identitytoken": "identity-5e1f" } } });
        let file = if of_helper { json!({ "credsStore": "desktop" }) } else { in_file };
        sandbox.write(DOCKER, file.to_string());
        let (sent, run) = sent(&registry, &mut sandbox.command_with_helpers(&["sync", "-vvv"]));
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(sent.iter().all(|sent| sent.starts_with("Bearer ")), "{sent:?}");
        assert!(registry.take_log().contains(&"POST /token".to_owned()));
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("identity-5e1f"), "{}", run.stderr);
        registry.want_tokens(Tokens { refresh: Some("another".to_owned()), ..Tokens::default() });
        fs::remove_file(sandbox.path("project/sesame.lock")).unwrap();
        Run::of(&mut sandbox.command_with_helpers(&["lock"])).fails(77, &["does not accept the credentials of"]);
    }
}

#[test]
fn a_missing_helper_is_a_warning_and_an_anonymous_try() {
    let (sandbox, registry) = project();
    registry.want_token("for-anybody");
    sandbox.write(DOCKER, json!({ "credsStore": "nowhere" }).to_string());
    let run = Run::of(&mut sandbox.command_with_helpers(&["sync"]));
    run.fails(0, &["warning: ", "`docker-credential-nowhere`", "home/.docker/config.json", "is not found on PATH"]);
}

#[test]
fn a_helper_that_fails_is_a_warning_without_its_words() {
    let scripts = [
        ("echo hush-1; echo hush-2 >&2; exit 1", Some("it failed")),
        ("echo 'hush-1 {'; echo hush-2 >&2", Some("it answers what is no credential")),
        // What docker's own helpers say where they have nothing.
        ("echo 'credentials not found in native keychain'; exit 1", None),
    ];
    for (script, why) in scripts {
        let (sandbox, registry) = project();
        registry.want_token("for-anybody");
        sandbox.write(DOCKER, json!({ "credsStore": "bad" }).to_string());
        sandbox.credential_helper("bad", &format!("cat > /dev/null; {script}"));
        let run = Run::of(&mut sandbox.command_with_helpers(&["sync", "-vvv"]));
        run.fails(0, &[why.unwrap_or_default(), why.map_or("", |_| "`docker-credential-bad`")]);
        assert_eq!(run.stderr.contains("warning: "), why.is_some(), "{}", run.stderr);
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("hush"), "{}", run.stderr);
    }
}

#[test]
fn a_helper_is_run_once_for_all_repositories_of_a_host() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let names: Vec<String> = (0..5).map(|n| format!("e{n}")).collect();
    let push = |name: &String| registry.push(&format!("org/{name}"), "1", &Artifact::wkg(&component(name)));
    let references: Vec<String> = names.iter().map(push).collect();
    let wanted = names.iter().map(String::as_str).zip(references.iter().map(String::as_str));
    sandbox.want(&registry, &wanted.collect::<Vec<_>>());
    registry.want_basic("me", "right");
    sandbox.write(DOCKER, json!({ "credsStore": "slow" }).to_string());
    let answer = r#"{"Username":"me","Secret":"right"}"#;
    sandbox.credential_helper("slow", &format!("cat > /dev/null; echo run >> ../runs; sleep 0.2; echo '{answer}'"));
    let run = Run::of(&mut sandbox.command_with_helpers(&["sync"]));
    run.fails(0, &["5 extensions are live"]);
    assert_eq!(fs::read_to_string(sandbox.path("runs")).unwrap(), "run\n");
}

#[test]
fn a_file_that_cannot_be_used_is_a_warning_and_an_anonymous_try() {
    let entry = |auth: &str, host: &str| json!({ "auths": { host: { "auth": auth } } }).to_string();
    for (auth, why) in [("{ hush", "no JSON"), ("hu!sh", "not base64"), ("aHVzaA==", "not base64 of `user:password`")] {
        let (sandbox, registry) = project();
        registry.want_token("for-anybody");
        let text = if why == "no JSON" { auth.to_owned() } else { entry(auth, &registry.host()) };
        for path in [PODMAN, DOCKER] {
            sandbox.write(path, &text);
        }
        let files = ["home/config/containers/auth.json", "home/.docker/config.json"];
        let run = sandbox.run(&["sync", "-vvv"]);
        run.fails(0, &["warning: ", files[0], files[1], why]);
        assert!(!run.stderr.contains("hu!sh") && !run.stderr.contains("hush"), "{}", run.stderr);
    }
    let (sandbox, registry) = project();
    registry.want_token("for-anybody");
    fs::create_dir_all(sandbox.path("home/.docker/config.json")).unwrap();
    sandbox.run(&["sync"]).fails(0, &["warning: ", "home/.docker/config.json cannot be read"]);
}

#[test]
fn a_mirror_gets_its_own_credentials_and_never_those_of_the_registry() {
    for mirror_has_credentials in [true, false] {
        let ((sandbox, registry), mirror) = (project(), Registry::start());
        mirror.push("org/a", "1", &Artifact::wkg(&component("a")));
        registry.want_basic("me", "for-the-registry");
        mirror.want_basic("me", "for-the-mirror");
        let (host, other) = (registry.host(), mirror.host());
        let settings = format!("[registries.\"{host}\"]\nmirrors = [\"http://{other}\"]\n");
        sandbox.write("sesame.toml", format!("extensions.a = \"{host}/org/a:1\"\n{settings}"));
        let entries = [(host.as_str(), "for-the-registry"), (&other, "for-the-mirror")];
        sandbox.write(DOCKER, auths(if mirror_has_credentials { &entries } else { &entries[..1] }));
        let (sent, run) = sent(&registry, &mut sandbox.command(&["sync"]));
        assert_eq!((run.status, sent), (0, vec![basic("me", "for-the-registry")]), "{}", run.stderr);
        let of_mirror = mirror.authorizations();
        assert!(of_mirror.iter().all(|sent| *sent == basic("me", "for-the-mirror")), "{of_mirror:?}");
        assert_eq!(of_mirror.is_empty(), !mirror_has_credentials);
        assert!(mirror.take_log().iter().any(|line| line.contains("/blobs/")), "the mirror goes first");
    }
}

#[test]
fn a_password_that_is_wrong_is_said_with_its_place() {
    let (sandbox, registry) = project();
    sandbox.write(DOCKER, auths(&[(&registry.host(), "wrong")]));
    let refused = format!("{} does not accept the credentials of {}", registry.host(), sandbox.path("home").display());
    let hint = format!("hint: `sesame registry login {}`", registry.host());
    registry.want_basic("me", "right");
    sandbox.run(&["sync"]).fails(77, &[&refused, "/.docker/config.json", &hint]);
    let credentials = Some(("me".to_owned(), "right".to_owned()));
    registry.want_tokens(Tokens { credentials, ..Tokens::default() });
    sandbox.run(&["sync"]).fails(77, &[&refused, "/.docker/config.json", &hint]);
    fs::remove_file(sandbox.path("home/.docker/config.json")).unwrap();
    sandbox.run(&["sync"]).fails(77, &["wants credentials for", "there are none", "`sesame registry login"]);
}

#[test]
fn what_a_project_says_of_the_transport_withholds_credentials_until_the_machine_says_it() {
    let (sandbox, proxy) = (Sandbox::new(), Registry::start());
    let settings = "registries.\"registry.test\".plain-http = true\n";
    sandbox.write("sesame.toml", format!("extensions.a = \"registry.test/org/a:1\"\n{settings}"));
    sandbox.write(DOCKER, auths(&[("registry.test", "right")]));
    proxy.want_basic("me", "right");
    let mut command = sandbox.command(&["lock"]);
    command.env("http_proxy", format!("http://{}", proxy.host()));
    let (withheld, run) = sent(&proxy, &mut command);
    run.fails(77, &["registry.test wants credentials, and gets none", "`plain-http`", "policy.toml"]);
    assert_eq!(withheld, Vec::<String>::new());
    sandbox.write(POLICY, settings);
    let (given, run) = sent(&proxy, &mut command);
    assert_eq!(given, [basic("me", "right")]);
    // The proxy is no registry of that name.
    run.fails(69, &["registry.test does not have registry.test/org/a:1"]);
}

#[test]
fn another_host_gives_tokens_only_if_it_is_known_as_the_registrys() {
    let (sandbox, ca) = (Sandbox::new(), Ca::new());
    let (registry, tokens) = (Registry::start_tls(&ca), Registry::start_tls(&ca));
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.write("sesame.toml", format!("extensions.a = \"{a}\"\n"));
    sandbox.write("../home/config/pds/ca.pem", ca.pem());
    let policy = format!("[registries.\"{}\"]\nca = \"ca.pem\"\n", registry.host());
    sandbox.write(POLICY, &policy);
    sandbox.write(DOCKER, auths(&[(&registry.host(), "right")]));
    let credentials = Some(("me".to_owned(), "right".to_owned()));
    let wanted = Tokens { credentials, ..Tokens::default() };
    // The registry gives a first token itself, which afterwards is the first of the other's too.
    registry.want_tokens(wanted.clone());
    tokens.want_tokens(wanted.clone());
    sandbox.ok(&["lock"]);
    fs::remove_file(sandbox.path("project/sesame.lock")).unwrap();
    let realm = Some(format!("https://{}/token", tokens.host()));
    registry.want_tokens(Tokens { realm, ..wanted });
    let (unknown, run) = sent(&tokens, &mut sandbox.command(&["lock"]));
    run.fails(77, &[&tokens.host(), "not known to be its own", "token-host", "policy.toml"]);
    assert_eq!(unknown, Vec::<String>::new());
    sandbox.write(POLICY, format!("{policy}token-host = \"{}\"\n", tokens.host()));
    let (known, run) = sent(&tokens, &mut sandbox.command(&["lock"]));
    assert_eq!((known, run.status), (vec![basic("me", "right")], 0), "{}", run.stderr);
}

#[test]
fn a_helper_that_reads_nothing_is_heard_and_one_that_never_stops_is_stopped() {
    let (sandbox, registry) = project();
    registry.want_basic("me", "right");
    sandbox.write(DOCKER, json!({ "credsStore": "odd" }).to_string());
    let mut command = sandbox.command_with_helpers(&["lock", "--upgrade"]);
    sandbox.credential_helper("odd", "exec <&-; echo '{\"Username\":\"me\",\"Secret\":\"right\"}'");
    for _ in 0..10 {
        Run::of(&mut command).fails(0, &[]);
    }
    sandbox.credential_helper("odd", "exec yes");
    Run::of(&mut command).fails(77, &["`docker-credential-odd`", "it answers what is no credential"]);
}

#[test]
fn what_stands_in_the_file_goes_before_the_store_that_it_names() {
    let (sandbox, registry) = project();
    registry.want_basic("me", "right");
    for key in [registry.host(), format!("https://{}/v1/", registry.host())] {
        let mut file: Value = serde_json::from_str(&auths(&[(&key, "right")])).unwrap();
        file["credsStore"] = json!("nowhere");
        sandbox.write(DOCKER, file.to_string());
        let run = Run::of(&mut sandbox.command_with_helpers(&["lock", "--upgrade"]));
        assert!(run.status == 0 && !run.stderr.contains("warning:"), "{key}: {}", run.stderr);
    }
}

#[test]
fn what_a_helper_does_not_find_is_told_from_a_helper_that_is_not_found() {
    let (sandbox, registry) = project();
    registry.want_basic("me", "right");
    sandbox.write(DOCKER, json!({ "credsStore": "odd" }).to_string());
    let mut command = sandbox.command_with_helpers(&["lock"]);
    sandbox.credential_helper("odd", "echo 'credentials not found in native keychain'; exit 1");
    let run = Run::of(&mut command);
    assert!(run.status == 77 && !run.stderr.contains("warning:"), "{}", run.stderr);
    sandbox.credential_helper("odd", "echo 'exec: \"pass\": executable file not found in $PATH'; exit 1");
    Run::of(&mut command).fails(77, &["warning: no credentials", "it failed"]);
}
