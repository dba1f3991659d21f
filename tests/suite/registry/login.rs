//! `sesame registry …`: who is let in where, and what is kept of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component};
use crate::support::registry::{Fault, Registry, basic};
use crate::support::registry_fixture::{PASSWORD, USER, log_in, tokens};
use crate::support::sandbox::{Run, Sandbox};

const DOCKER: &str = "home/.docker/config.json";

/// A helper that keeps one thing, as docker's own do, and notes what it was told.
const KEEPER: &str = r#"
case "$1" in
    store) cat > ../kept ;;
    get) cat > /dev/null; cat ../kept 2> /dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
    erase) cat > ../erased; rm ../kept ;;
esac"#;

/// A project with one extension of a registry that lets in who has the name and the password.
fn project() -> (Sandbox, Registry) {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    registry.want_basic(USER, PASSWORD);
    (sandbox, registry)
}

/// The same with a registry that wants tokens.
fn project_behind_tokens() -> (Sandbox, Registry) {
    let (sandbox, registry) = project();
    registry.want_tokens(tokens());
    (sandbox, registry)
}

/// Logs in with a password, which must not be shown.
pub fn login(sandbox: &Sandbox, registry: &Registry, password: &str, options: &[&str]) -> Run {
    let host = registry.host();
    let arguments = [&["registry", "login", &host, "--username", USER, "--password-stdin"], options].concat();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(format!("{password}\n").as_bytes()).unwrap();
    drop(writer);
    let run = Run::of(sandbox.command_with_helpers(&arguments).stdin(reader));
    let shown = format!("{}{}", run.stdout, run.stderr);
    for secret in [password, basic(USER, password).trim_start_matches("Basic ")] {
        assert!(!shown.contains(secret), "it shows `{secret}`:\n{shown}");
    }
    run
}

fn logout(sandbox: &Sandbox, registry: &Registry) -> Run {
    Run::of(&mut sandbox.command_with_helpers(&["registry", "logout", &registry.host()]))
}

/// What docker's file holds.
fn docker(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&fs::read(sandbox.path(DOCKER)).unwrap()).unwrap()
}

fn mode(sandbox: &Sandbox, path: &str) -> u32 {
    fs::metadata(sandbox.path(path)).unwrap().mode() & 0o777
}

#[test]
fn a_login_is_kept_where_docker_does_and_lets_sync_in() {
    for (sandbox, registry) in [project(), project_behind_tokens()] {
        let said = login(&sandbox, &registry, PASSWORD, &["-vvv"]);
        said.fails(0, &[&format!("logged in to {}; kept in {}", registry.host(), sandbox.path(DOCKER).display())]);
        assert!(!said.stderr.contains("warning"), "{}", said.stderr);
        let auth = basic(USER, PASSWORD).replace("Basic ", "");
        assert_eq!(docker(&sandbox), json!({ "auths": { registry.host(): { "auth": auth } } }));
        assert_eq!((mode(&sandbox, DOCKER), mode(&sandbox, "home/.docker")), (0o600, 0o700));
        sandbox.sync(Some(&registry), &[]);
    }
}

#[test]
fn a_login_and_a_logout_leave_the_rest_of_the_file_as_it_is() {
    let (sandbox, registry) = project();
    let others = json!({ "ghcr.io": { "auth": "b3RoZXI6b3RoZXI=" } });
    let before = json!({ "auths": others, "credHelpers": { "gcr.io": "gcloud" }, "detachKeys": "ctrl-x" });
    sandbox.write(&format!("../{DOCKER}"), before.to_string());
    login(&sandbox, &registry, PASSWORD, &[]).fails(0, &["logged in"]);
    let mut after = docker(&sandbox);
    assert!(after["auths"].as_object_mut().unwrap().remove(&registry.host()).is_some());
    assert_eq!(after, before);
    logout(&sandbox, &registry).fails(0, &[&format!("logged out of {}", registry.host()), "home/.docker/config.json"]);
    assert_eq!(docker(&sandbox), before);
    sandbox.run(&["sync"]).fails(77, &["there are none"]);
    logout(&sandbox, &registry).fails(0, &["docker's file has no credentials for"]);
    assert_eq!(docker(&sandbox), before);
    // The names under which docker kept them once let in, too.
    for path in ["v1/", "v2", "", "of/a/part"] {
        let old = json!({ "auths": { format!("https://{}/{path}", registry.host()): { "auth": "bWU6bWU=" } } });
        sandbox.write(&format!("../{DOCKER}"), old.to_string());
        logout(&sandbox, &registry).fails(0, &["logged out"]);
        assert_eq!(docker(&sandbox), json!({ "auths": {} }), "{path}");
    }
}

#[test]
fn a_wrong_password_is_not_kept() {
    for (sandbox, registry) in [project(), project_behind_tokens()] {
        let denied = format!("{} does not accept the credentials of this login", registry.host());
        login(&sandbox, &registry, "canary-wrong", &["-vvv"]).fails(77, &[&denied]);
        assert!(!sandbox.path("home/.docker").exists());
        sandbox.write(&format!("../{DOCKER}"), "{ \"auths\":\n{}, \"x\" : 1}");
        let trace = sandbox.trace(&sandbox.path("home/.docker"));
        login(&sandbox, &registry, "canary-wrong", &["-vvv"]).fails(77, &[&denied]);
        assert_eq!(sandbox.trace(&sandbox.path("home/.docker")), trace, "not even its times");
    }
}

#[test]
fn what_is_no_docker_file_is_left_alone() {
    let (sandbox, registry) = project();
    sandbox.write(&format!("../{DOCKER}"), "[1");
    login(&sandbox, &registry, PASSWORD, &[]).fails(78, &["is no JSON object"]);
    logout(&sandbox, &registry).fails(78, &["is no JSON object"]);
    assert_eq!(fs::read_to_string(sandbox.path(DOCKER)).unwrap(), "[1");
}

#[test]
fn with_a_helper_no_secret_enters_the_file() {
    let (sandbox, registry) = project();
    sandbox.credential_helper("keeper", KEEPER);
    sandbox.write(&format!("../{DOCKER}"), r#"{"credsStore":"keeper"}"#);
    login(&sandbox, &registry, PASSWORD, &["-vvv"]).fails(0, &["logged in", "`docker-credential-keeper`"]);
    let kept: Value = serde_json::from_slice(&fs::read(sandbox.path("kept")).unwrap()).unwrap();
    assert_eq!(kept, json!({ "ServerURL": registry.host(), "Username": USER, "Secret": PASSWORD }));
    assert_eq!(docker(&sandbox), json!({ "auths": { registry.host(): {} }, "credsStore": "keeper" }));
    Run::of(&mut sandbox.command_with_helpers(&["sync"])).fails(0, &["1 extension is live"]);
    logout(&sandbox, &registry).fails(0, &["logged out"]);
    assert_eq!(fs::read_to_string(sandbox.path("erased")).unwrap(), registry.host());
    assert!(!sandbox.path("kept").exists());
    assert_eq!(docker(&sandbox), json!({ "auths": {}, "credsStore": "keeper" }));
}

#[test]
fn a_helper_that_does_not_keep_it_is_said_and_nothing_is_written() {
    let (sandbox, registry) = project();
    sandbox.credential_helper("bad", "cat >&2; exit 1");
    for (name, why) in [("nowhere", "it is not found on PATH"), ("bad", "it failed")] {
        let host = registry.host();
        let text = json!({ "auths": { &host: {} }, "credHelpers": { &host: name } }).to_string();
        sandbox.write(&format!("../{DOCKER}"), &text);
        let trace = sandbox.trace(&sandbox.path("home/.docker"));
        let said = login(&sandbox, &registry, PASSWORD, &["-vvv"]);
        let whole = format!("`docker-credential-{name}` cannot change what it keeps for {host}");
        said.fails(78, &[&whole, why, "`credHelpers`"]);
        logout(&sandbox, &registry).fails(78, &[&whole, why]);
        assert_eq!(sandbox.trace(&sandbox.path("home/.docker")), trace);
    }
}

#[test]
fn credentials_that_go_before_dockers_are_told() {
    let (sandbox, registry) = project();
    let other = json!({ "auths": { registry.host(): { "auth": "bWU6b3RoZXI=" } } });
    sandbox.write("../home/config/containers/auth.json", other.to_string());
    let place = "home/config/containers/auth.json";
    login(&sandbox, &registry, PASSWORD, &[]).fails(0, &["logged in", "warning: ", place, "goes first"]);
    sandbox.run(&["sync"]).fails(77, &["does not accept the credentials of", place]);
    logout(&sandbox, &registry).fails(0, &["logged out", "warning: ", place, "still has credentials for"]);
    assert_eq!(fs::read_to_string(sandbox.path(place)).unwrap(), other.to_string());
}

#[test]
fn a_linked_file_stays_a_link() {
    for exists in [true, false] {
        let (sandbox, registry) = project();
        sandbox.write("../home/.docker/x", "");
        sandbox.write("../home/dotfiles/x", "");
        let target = sandbox.path("home/dotfiles/docker.json");
        symlink("../dotfiles/docker.json", sandbox.path(DOCKER)).unwrap();
        if exists {
            fs::write(&target, r#"{"detachKeys":"ctrl-x"}"#).unwrap();
        }
        login(&sandbox, &registry, PASSWORD, &[]).fails(0, &["logged in"]);
        assert_eq!(fs::read_link(sandbox.path(DOCKER)).unwrap().to_str(), Some("../dotfiles/docker.json"));
        assert!(docker(&sandbox)["auths"][registry.host()].is_object());
        assert_eq!(docker(&sandbox)["detachKeys"].is_string(), exists);
        // A new file with a secret in it is nobody else's, wherever it is.
        assert!(exists || mode(&sandbox, DOCKER) == 0o600, "{:o}", mode(&sandbox, DOCKER));
    }
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let (sandbox, registry) = project();
    let host = registry.host();
    for options in [&[][..], &["--username", USER], &["--json"]] {
        let run = sandbox.run(&[&["registry", "login", &host], options].concat());
        assert_eq!(run.status, 2, "{}", run.stderr);
        assert!((run.stdout + &run.stderr).contains("say `--username NAME --password-stdin`"), "{options:?}");
    }
    sandbox.run(&["registry", "login", &host, "--password-stdin"]).fails(2, &["--username"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    assert!(!sandbox.path("home/.docker").exists());
}

#[test]
fn at_a_terminal_a_person_is_asked_and_the_password_is_not_shown() {
    let (sandbox, registry) = project();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let open = || fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = sandbox.command(&["registry", "login", &registry.host()]);
    let mut child = command.stdin(open()).stderr(open()).stdout(Stdio::null()).spawn().unwrap();
    drop(command);
    let (mut master, mut said, mut buffer) = (fs::File::from(master), String::new(), [0; 4096]);
    for (question, answer) in [("Name at", USER), ("Password or access token:", PASSWORD), ("logged in to", "")] {
        while !said.contains(question) {
            let read = master.read(&mut buffer).unwrap_or_else(|_| panic!("no `{question}` in:\n{said}"));
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        master.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(said.contains(USER) && !said.contains(PASSWORD), "{said}");
    let echoes = rustix::termios::tcgetattr(open()).unwrap().local_modes.contains(rustix::termios::LocalModes::ECHO);
    assert!(echoes, "the terminal shows nothing any more");
}

#[test]
fn a_registry_that_lets_in_anybody_is_told_from_one_that_is_broken() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    for status in [403, 404, 500] {
        registry.misbehave("/v2/", Fault::Status(status));
        let run = login(&sandbox, &registry, PASSWORD, &[]);
        assert!(run.status != 0 && !sandbox.path(DOCKER).exists(), "{status}: {}", run.stderr);
        registry.behave();
    }
    login(&sandbox, &registry, PASSWORD, &[]).fails(0, &["kept the credentials in", "they were not tried"]);
    assert!(docker(&sandbox)["auths"][registry.host()].is_object());
}

#[test]
fn check_says_how_a_registry_is_reached_and_whom_it_lets_in() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let host = registry.host();
    let says = |status: i32, texts: &[&str]| {
        let run = sandbox.run(&["registry", "check", &host]);
        assert_eq!((run.status, run.stderr.as_str()), (status, ""), "{}", run.stdout);
        let plain = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(plain.contains(text), "no `{text}` in:\n{plain}");
        }
        assert!(!run.stdout.contains(PASSWORD), "{}", run.stdout);
    };
    let reached = format!("reached http://{host}/v2/ over HTTP/1.1");
    says(0, &[&reached, "wants nothing", "credentials none found", "access let in, anybody is"]);
    registry.want_token("for-anybody");
    let token = format!("wants a token from http://{host}/token");
    says(0, &[&token, "credentials none found", "access let in, without credentials"]);
    registry.want_tokens(tokens());
    says(1, &[&token, "credentials none found", "access not let in", "reason", "there are none"]);
    registry.want_basic(USER, PASSWORD);
    says(1, &["wants a name and a password", "credentials none found", "access not let in"]);
    log_in(&sandbox, &registry);
    says(0, &["wants a name", "found in", "home/.docker/config.json", "access let in, with these credentials"]);
    registry.want_tokens(tokens());
    says(0, &[&token, "home/.docker/config.json", "access let in, with these credentials"]);
    registry.want_basic(USER, "another");
    says(1, &["home/.docker/config.json", "access not let in", "does not accept the credentials of"]);
    registry.want_token("for-anybody");
    registry.misbehave("/v2/", Fault::Status(403));
    says(1, &["access not let in", "403"]);
    sandbox.run(&["registry", "check", "127.0.0.1:1"]).fails(69, &["127.0.0.1:1 cannot be reached"]);
}

#[test]
fn json_is_one_document_of_the_schema() {
    let (sandbox, registry) = project();
    let schema = validator("output.json");
    let document = |run: Run, status: i32, command: &str| -> Value {
        assert_eq!((run.status, run.stderr.as_str()), (status, ""), "{}", run.stdout);
        let document: Value = serde_json::from_str(&run.stdout).unwrap();
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty() && document["command"] == command, "{errors:?} in {}", run.stdout);
        document
    };
    let command = |verb: &str| sandbox.run(&["registry", verb, &registry.host(), "--json"]);
    let refused = document(command("check"), 1, "registry check")["data"].clone();
    assert_eq!((&refused["access"], &refused["credentials"]), (&json!("refused"), &json!("none")));
    assert_eq!(
        document(login(&sandbox, &registry, "canary-wrong", &["--json"]), 77, "registry login")["error"]["kind"],
        "denied"
    );
    let place = sandbox.path(DOCKER).display().to_string();
    let data = document(login(&sandbox, &registry, PASSWORD, &["--json"]), 0, "registry login")["data"].clone();
    assert_eq!(data, json!({ "host": registry.host(), "place": place, "verified": true }));
    let found = document(command("check"), 0, "registry check")["data"].clone();
    assert_eq!((&found["access"], &found["credentials"]["found"]["place"]), (&json!("in"), &json!(place)));
    let data = document(command("logout"), 0, "registry logout")["data"].clone();
    assert_eq!(data, json!({ "host": registry.host(), "place": place }));
}
