//! What registries do wrong, in each place where they can: how the program ends, that it leaves nothing half done, and
//! that it tells nobody a secret.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::support::artifact::{Artifact, INDEX, component, descriptor};
use crate::support::registry::{Fault, Registry, Tokens};
use crate::support::registry_fixture::FaultPlace::{self, Blob as B, Manifest as M, Token as T};
use crate::support::registry_fixture::{PASSWORD, RegistryFixture, Shown, USER, assert_no_secret, tokens};
use crate::support::sandbox::{Run, Sandbox};
use sesame::model::digest::Digest;

const UNREACHABLE: &str = "cannot be reached";
const BROKE_OFF: &str = "broke off";
const NO_TOKEN: &str = "gives no token";
const TOO_LONG: &str = "gives more than";

/// Something that a registry does: its name, how the program ends for each place where it does it, and how to have it.
type Row = (&'static str, Vec<End>, Prepare);

/// A place, the exit status, and what is said on standard error.
type End = (FaultPlace, i32, &'static str);

type Prepare = Box<dyn Fn(&RegistryFixture, FaultPlace) + Send + Sync>;

/// Does all of it for ever.
fn always<const N: usize>(faults: [Fault; N]) -> Prepare {
    Box::new(move |stage, place| {
        for fault in &faults {
            stage.registry.misbehave(&stage.path(place), fault.clone());
        }
    })
}

/// Does one after the other, each once.
fn once<const N: usize>(faults: [Fault; N]) -> Prepare {
    Box::new(move |stage, place| {
        for fault in &faults {
            stage.registry.misbehave_times(&stage.path(place), 1, fault.clone());
        }
    })
}

/// Wants such tokens.
fn wants(tokens: Tokens) -> Prepare {
    Box::new(move |stage, _| stage.registry.want_tokens(tokens.clone()))
}

fn busy(retry_after: &str) -> Fault {
    Fault::Answer { status: 429, headers: vec![("Retry-After".to_owned(), retry_after.to_owned())], body: Vec::new() }
}

fn sends(media_type: &str, body: &[u8]) -> Fault {
    let headers = vec![("Content-Type".to_owned(), media_type.to_owned())];
    Fault::Answer { status: 200, headers, body: body.to_owned() }
}

/// What goes wrong on the way, between the two programs.
fn transport_rows() -> Vec<Row> {
    let fine = || vec![(M, 0, ""), (B, 0, ""), (T, 0, "")];
    let waits = |text: &'static str| vec![(M, 0, text), (B, 0, text), (T, 0, text)];
    let everywhere = |text: &'static str| vec![(M, 69, text), (B, 69, text), (T, 69, NO_TOKEN)];
    // Less than the 64 KiB that a token may have, more than ever arrives.
    let spaces = || Fault::Bytes(vec![b' '; 60_000]);
    let drip = || Fault::Drip(Duration::from_millis(20));
    vec![
        ("refuses connections", vec![(M, 69, UNREACHABLE)], Box::new(|stage, _| stage.want("127.0.0.1:1"))),
        ("resets once", fine(), once([Fault::Reset])),
        ("resets", everywhere(BROKE_OFF), always([Fault::Reset])),
        ("hangs up once", fine(), once([Fault::HangUp])),
        ("hangs up", everywhere(UNREACHABLE), always([Fault::HangUp])),
        ("cuts once", fine(), once([Fault::Cut])),
        ("cuts", vec![(M, 69, BROKE_OFF), (T, 69, NO_TOKEN)], always([Fault::Cut])),
        ("cuts after each byte", vec![(B, 69, BROKE_OFF)], always([Fault::CutAt(1)])),
        ("announces nothing and breaks off once", vec![(B, 0, ""), (T, 69, NO_TOKEN)], once([Fault::Unannounced(20)])),
        ("announces nothing and breaks off", vec![(B, 69, "stopped in the middle")], always([Fault::Unannounced(1)])),
        (
            "announces too much",
            vec![(M, 69, BROKE_OFF), (B, 76, TOO_LONG), (T, 69, NO_TOKEN)],
            always([Fault::Length(10)]),
        ),
        (
            "announces too little",
            vec![(M, 65, "no JSON"), (B, 76, "gives other bytes"), (T, 69, NO_TOKEN)],
            always([Fault::Length(-1)]),
        ),
        (
            "is silent",
            vec![(M, 69, "sent nothing for 30 s"), (B, 69, "sent nothing for 30 s"), (T, 69, NO_TOKEN)],
            always([Fault::Silence]),
        ),
        ("drips", vec![(B, 69, "less than 1 KiB a second")], always([drip()])),
        ("drips spaces", vec![(M, 69, "less than 1 KiB a second"), (T, 69, NO_TOKEN)], always([spaces(), drip()])),
        ("is broken once", fine(), once([Fault::Status(500)])),
        ("is broken", vec![(T, 69, NO_TOKEN)], always([Fault::Status(500)])),
        ("is down", vec![(M, 69, "answered 503"), (B, 69, "answered 503")], always([Fault::Status(503)])),
        ("is slow once", fine(), once([Fault::Status(408)])),
        ("is busy", vec![(T, 69, "answered 429")], always([Fault::Status(429)])),
        ("is busy for a while", waits("1 s, 1 of 5: "), once([busy("50")])),
        (
            "is busy until a date",
            waits("waiting    1."),
            Box::new(|stage, place| {
                let soon = SystemTime::now() + Duration::from_secs(59);
                let date = chrono::DateTime::<chrono::Utc>::from(soon).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
                stage.registry.misbehave_times(&stage.path(place), 1, busy(&date));
            }),
        ),
        ("is busy until nonsense", waits(" ms, 1 of 5: "), once([busy("next tuesday")])),
        (
            "is busy for ever",
            vec![(M, 69, "asks us to wait"), (B, 69, "asks us to wait"), (T, 69, "asks us to wait")],
            always([busy("1000000000")]),
        ),
        ("resumes elsewhere", vec![(B, 0, "another range than asked for")], once([Fault::Cut, Fault::WrongRange])),
        ("does not resume", vec![(B, 0, "")], once([Fault::Cut, Fault::IgnoreRange])),
        ("refuses to resume", vec![(B, 0, "refuses to go on")], once([Fault::Cut, Fault::NoRange])),
        (
            "redirects",
            vec![(M, 0, ""), (B, 0, "")],
            Box::new(|stage, place| {
                let to = format!("http://{}{}", stage.stranger.host(), stage.path(place));
                stage.registry.misbehave(&stage.path(place), Fault::Redirect(to));
            }),
        ),
        (
            "redirects to nobody",
            vec![(M, 69, "127.0.0.1 cannot be reached"), (B, 69, "127.0.0.1 cannot be reached")],
            always([Fault::Redirect("http://127.0.0.1:1/x".to_owned())]),
        ),
        (
            "redirects to itself",
            vec![(M, 69, "redirects too often"), (B, 69, "redirects too often")],
            Box::new(|stage, place| {
                let to = format!("http://{}{}", stage.registry.host(), stage.path(place));
                stage.registry.misbehave(&stage.path(place), Fault::Redirect(to));
            }),
        ),
    ]
}

/// What is wrong with what arrives.
fn content_rows(artifact: &Artifact) -> Vec<Row> {
    let component = artifact.blobs.last().unwrap();
    let text = String::from_utf8(artifact.manifest.clone()).unwrap();
    let digest = Digest::of(component).to_string();
    let with_digest = |other: &str| always([Fault::Bytes(text.replace(&digest, other).into_bytes())]);
    let with_layers = |count: usize| {
        let layer = descriptor("application/wasm", component);
        let manifest = serde_json::json!({ "schemaVersion": 2, "config": layer, "layers": vec![layer.clone(); count] });
        always([Fault::Bytes(manifest.to_string().into_bytes())])
    };
    let other = Digest::of(b"other").to_string();
    let both = br#"{"schemaVersion":2,"layers":[],"manifests":[]}"#;
    vec![
        (
            "sends 5 MiB unannounced",
            vec![(M, 76, TOO_LONG)],
            always([Fault::Bytes(vec![b' '; 5 << 20]), Fault::Unannounced(5 << 20)]),
        ),
        (
            "sends 100 KiB unannounced",
            vec![(B, 76, TOO_LONG), (T, 69, TOO_LONG)],
            always([Fault::Bytes(vec![b' '; 100 << 10]), Fault::Unannounced(100 << 10)]),
        ),
        ("sends 5 MiB", vec![(M, 76, TOO_LONG)], always([Fault::Bytes(vec![b' '; 5 << 20])])),
        ("sends 100 KiB", vec![(B, 76, TOO_LONG), (T, 69, TOO_LONG)], always([Fault::Bytes(vec![b' '; 100 << 10])])),
        (
            "sends no end of spaces",
            vec![(M, 76, TOO_LONG), (B, 76, TOO_LONG), (T, 69, TOO_LONG)],
            always([Fault::Flood(1 << 30)]),
        ),
        (
            "sends other bytes",
            vec![(M, 65, "no JSON"), (B, 76, "gives other bytes"), (T, 69, NO_TOKEN)],
            always([Fault::Bytes(vec![b'x'; component.len()])]),
        ),
        ("sends a page", vec![(M, 65, "no JSON"), (T, 69, NO_TOKEN)], always([Fault::Bytes(b"<html>".to_vec())])),
        (
            "has another digest in its header",
            vec![(M, 76, "contradicts itself")],
            always([Fault::Header("Docker-Content-Digest", other)]),
        ),
        (
            "compresses",
            vec![(M, 76, "compresses its answer"), (B, 76, "compresses its answer"), (T, 69, NO_TOKEN)],
            always([Fault::Header("Content-Encoding", "gzip".to_owned())]),
        ),
        ("sends 100000 layers", vec![(M, 76, TOO_LONG)], with_layers(100_000)),
        ("sends 10000 layers", vec![(M, 65, "10000 wasm layers")], with_layers(10_000)),
        ("sends deep JSON", vec![(M, 65, "no JSON")], always([Fault::Bytes(vec![b'['; 100_000])])),
        ("sends both documents", vec![(M, 65, "at once")], always([Fault::Bytes(both.to_vec())])),
        ("sends two media types", vec![(M, 65, "media type")], always([sends(INDEX, &artifact.manifest)])),
        (
            "names a digest in upper case",
            vec![(M, 65, "digest")],
            with_digest(&format!("sha256:{}", Digest::of(component).hex().to_uppercase())),
        ),
        ("names a path", vec![(M, 65, "digest")], with_digest("sha256:../../../../etc/passwd")),
        ("names another hash", vec![(M, 65, "digest")], with_digest(&format!("sha512:{}", "a".repeat(128)))),
    ]
}

/// Who is let in, and what is told to whom.
fn access_rows() -> Vec<Row> {
    let denied = "does not let us read";
    vec![
        ("wants a password", vec![(M, 0, "")], Box::new(|stage, _| stage.registry.want_basic(USER, PASSWORD))),
        ("wants another token once", vec![(B, 0, "")], once([Fault::Unauthorized])),
        ("wants another token in the middle", vec![(B, 0, "1 of 5: ")], once([Fault::Cut, Fault::Unauthorized])),
        (
            "gives tokens elsewhere",
            vec![(T, 69, "answered 307")],
            Box::new(|stage, place| {
                let to = format!("http://{}/token", stage.stranger.host());
                stage.registry.misbehave(&stage.path(place), Fault::Redirect(to));
            }),
        ),
        ("wants a token for each", vec![(M, 0, "")], wants(Tokens { uses: Some(1), ..tokens() })),
        (
            "refuses",
            vec![(M, 77, denied), (B, 77, denied), (T, 77, "does not accept the credentials of")],
            always([Fault::Status(403)]),
        ),
        ("refuses in red", vec![(M, 77, r"\u{1b}[31m"), (B, 77, r"\u{1b}[31m")], always([Fault::Status(403)])),
        (
            "redirects to what it was sent",
            vec![(M, 69, "does not have"), (B, 69, "does not have")],
            always([Fault::EchoLocation]),
        ),
        (
            "puts what it was sent into the manifest",
            vec![(M, 76, "own credentials back")],
            always([Fault::EchoManifest]),
        ),
        (
            "says what it was sent",
            vec![
                (M, 77, "you sent Bearer …"),
                (B, 77, "you sent Bearer …"),
                (T, 77, "does not accept the credentials of"),
            ],
            always([Fault::Echo]),
        ),
        (
            "gives a token with a line break",
            vec![(T, 69, "characters that no header can")],
            always([sends("application/json", br#"{"token":"a\nb"}"#)]),
        ),
        (
            "sends us elsewhere for a token",
            vec![(M, 77, "for a token")],
            Box::new(|stage, _| {
                let realm = Some(format!("http://{}/token", stage.stranger.host()));
                stage.registry.want_tokens(Tokens { realm, ..tokens() });
            }),
        ),
    ]
}

fn play(name: &str, prepare: &Prepare, (place, status, text): End, artifact: &Artifact, shown: &Mutex<Vec<Shown>>) {
    let stage = RegistryFixture::new(artifact);
    prepare(&stage, place);
    let run = stage.run(&["sync", "-vvv"]);
    shown.lock().unwrap().push(stage.shown(name, &run));
    stage.assert_ended(name, &run, status, text);
    assert_eq!(stage.registry.unmet(), 0, "{name}: the fault was never met");
    stage.assert_recovers(name);
}

/// A component that is too long for a slow registry to give in time.
fn artifact() -> Artifact {
    Artifact::wkg(&component(&"x".repeat(65_500)))
}

#[test]
fn each_fault_of_a_registry_is_survived_or_named_and_leaves_nothing_behind() {
    let artifact = artifact();
    let rows = [transport_rows(), content_rows(&artifact), access_rows()];
    let plays: Vec<(&str, End, &Prepare)> = rows
        .iter()
        .flatten()
        .flat_map(|(name, ends, prepare)| ends.iter().map(move |end| (*name, *end, prepare)))
        .collect();
    let (next, shown, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((row, end, prepare)) = plays.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = format!("{row} ({:?})", end.0);
                    let played = catch_unwind(AssertUnwindSafe(|| play(&name, prepare, *end, &artifact, &shown)));
                    if played.is_err() {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    assert_no_secret(&shown.into_inner().unwrap());
    assert_eq!(failed.into_inner().unwrap(), Vec::<String>::new(), "their messages are above");
}

#[test]
fn a_token_that_runs_out_is_replaced_before_it_is_refused() {
    let stage = RegistryFixture::new(&artifact());
    // Paced, it lives for 18 ms.
    stage.registry.want_tokens(Tokens { expires_in: Some(1), ..tokens() });
    stage.registry.misbehave(&stage.path(M), Fault::Delay(Duration::from_millis(100)));
    let run = stage.run(&["sync", "-vvv"]);
    stage.assert_ended("runs out", &run, 0, "");
    let log = stage.registry.take_log();
    let kinds = ["/manifests/", "/token", "/manifests/", "/token", "/blobs/"];
    assert!(log.len() == 5 && log.iter().zip(kinds).all(|(line, kind)| line.contains(kind)), "{log:?}");
    assert_no_secret(&[stage.shown("runs out", &run)]);
}

#[test]
fn a_locked_component_that_is_gone_is_named() {
    let stage = RegistryFixture::new(&artifact());
    assert_eq!(stage.run(&["lock"]).status, 0);
    fs::remove_dir_all(stage.sandbox.path("home/data")).unwrap();
    stage.registry.misbehave(&stage.path(B), Fault::Status(404));
    let run = stage.run(&["sync", "-vvv"]);
    run.fails(69, &["does not have sha256:"]);
    assert!(!stage.is_live());
    assert_no_secret(&[stage.shown("is gone", &run)]);
    stage.assert_recovers("is gone");
}

#[test]
fn a_manifest_that_is_another_each_time_is_locked_as_it_was_once() {
    let stage = RegistryFixture::new(&artifact());
    stage.registry.misbehave(&stage.path(M), Fault::Rotate);
    assert_eq!(stage.run(&["lock"]).status, 0);
    let lock = stage.sandbox.read("sesame.lock");
    fs::remove_dir_all(stage.sandbox.path("home/data")).unwrap();
    stage.assert_ended("rotates", &stage.run(&["sync"]), 0, "");
    assert_eq!(stage.sandbox.read("sesame.lock"), lock);
    stage.assert_recovers("rotates");
}

#[test]
fn nothing_is_asked_without_tls_where_the_registry_has_it() {
    let artifact = artifact();
    let downgraded = RegistryFixture::with_tls(&artifact);
    let to = format!("http://{}{}", downgraded.stranger.host(), downgraded.path(B));
    downgraded.registry.misbehave(&downgraded.path(B), Fault::Redirect(to));
    let token = RegistryFixture::with_tls(&artifact);
    let realm = Some(format!("http://{}/token", token.stranger.host()));
    token.registry.want_tokens(Tokens { realm, ..tokens() });
    for (name, stage, status, text) in [
        ("redirects without TLS", &downgraded, 69, "from HTTPS to HTTP"),
        ("has tokens without TLS", &token, 77, "for a token"),
    ] {
        let run = stage.run(&["sync", "-vvv"]);
        stage.assert_ended(name, &run, status, text);
        assert!(stage.stranger.everything_received().is_empty(), "{name}: a stranger was asked");
        assert_no_secret(&[stage.shown(name, &run)]);
        stage.assert_recovers(name);
    }
}

#[test]
fn a_pause_that_a_host_asks_for_holds_all_of_its_requests() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&component("b")));
    sandbox.want(&registry, &[("a", &a), ("b", &b)]);
    // Paced, a second. The answer for `b` fails later than that for `a`, and asks for nothing itself.
    registry.misbehave_times("/org/a/manifests/1", 1, busy("10"));
    registry.misbehave("/org/b/manifests/1", Fault::Delay(Duration::from_millis(200)));
    registry.misbehave_times("/org/b/manifests/1", 1, Fault::Status(500));
    let start = Instant::now();
    let child = sandbox.command(&["lock", "-q"]).spawn().unwrap();
    registry.wait_for("/org/b/manifests/1");
    while start.elapsed() < Duration::from_millis(900) {
        assert!(registry.log_len() <= 2, "somebody asked during the pause");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(registry.take_log().len(), 6);
}

#[test]
fn a_registry_outside_does_not_make_us_ask_inside_our_network() {
    let (sandbox, proxy, inside) = (Sandbox::new(), Registry::start(), Registry::start());
    sandbox.write(
        "sesame.toml",
        "extensions.a = \"198.51.100.7/org/a:1\"\n[registries.\"198.51.100.7\"]\nplain-http = true\n",
    );
    for realm in ["https://HOST/token", "http://HOST/token", "https://localhost/token", "https://169.254.169.254/token"]
    {
        let realm = realm.replace("HOST", &inside.host());
        proxy.want_tokens(Tokens { realm: Some(realm), ..Tokens::default() });
        let mut command = sandbox.command(&["sync", "-vvv"]);
        command.env("http_proxy", format!("http://{}", proxy.host()));
        Run::of(&mut command).fails(77, &["198.51.100.7 sends us to", "for a token, which is inside this network"]);
        assert!(inside.everything_received().is_empty());
    }
}
