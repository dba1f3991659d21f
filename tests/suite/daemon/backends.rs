//! The desktop behind the capabilities: while it is there, while it is not, and when it is back.

use std::time::{Duration, Instant};

use super::desktop::{ALL_GRANTS, Desktop, snippets_manifest, wait_for};
use crate::support::guest;

/// Longer than any backend may keep a guest.
const BOUND: Duration = Duration::from_secs(7);

fn desktop() -> Desktop {
    let desktop = Desktop::start();
    desktop.sandbox.write("snippets.wasm", guest("snippets-1.0.0"));
    desktop.sandbox.write("sesame.toml", snippets_manifest(ALL_GRANTS));
    desktop.sandbox.sync(None, &[]);
    desktop
}

/// How `expand` ends, within [`BOUND`].
#[track_caller]
fn expand(desktop: &Desktop, snippet: &str) -> Result<String, String> {
    let began = Instant::now();
    let run = desktop.run(&["call", "snippets", "expand", snippet]);
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    match run.status {
        0 => Ok(run.stdout.trim_end().to_owned()),
        1 => Err(run.stderr),
        status => panic!("{status}: {}", run.stderr),
    }
}

#[test]
#[ignore = "needs dbus, gnome-keyring, secret-tool, dunst, Xvfb and xclip"]
fn a_snippet_reads_a_secret_fills_the_clipboard_and_says_so() {
    let desktop = desktop();
    desktop.start_keyring();
    desktop.start_display();
    desktop.start_notifications();
    desktop.start_host();
    desktop.store_secret("mail", "ada@example.org");
    assert_eq!(expand(&desktop, "sig").unwrap(), "Best, Ada <ada@example.org>");
    assert_eq!(desktop.clipboard("UTF8_STRING").as_deref(), Some("Best, Ada <ada@example.org>"));
    let targets = desktop.clipboard("TARGETS").unwrap();
    assert!(targets.contains("x-kde-passwordManagerHint"), "{targets}");
    assert_eq!(desktop.notifications(), [["Sesame", "snippets: Snippet copied", "sig"]]);
    expand(&desktop, "plain").unwrap();
    assert_eq!(desktop.clipboard("UTF8_STRING").as_deref(), Some("plain text"));
    assert!(!desktop.clipboard("TARGETS").unwrap().contains("x-kde-passwordManagerHint"));
    let audit = desktop.audit();
    for line in [
        "snippets (call 1) read the secret mail",
        "snippets (call 1) wrote 27 bytes to the clipboard",
        "snippets (call 2) wrote 10 bytes to the clipboard",
        "generation 1 of profile default is served: snippets",
    ] {
        assert!(audit.contains(line), "no `{line}` in {audit}");
    }
    assert!(!audit.contains("ada@example.org"));
    desktop.ok(&["host", "test"]);
}

#[test]
#[ignore = "needs dbus, gnome-keyring and secret-tool"]
fn secrets_are_set_listed_and_removed_where_extensions_find_them() {
    let desktop = desktop();
    desktop.run(&["host", "secret", "list"]).fails(69, &["the keyring cannot be used", "start a keyring"]);
    desktop.start_keyring();
    let set = |name: &str, value: &str| {
        let mut command = desktop.command(&["host", "secret", "set", name]);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), value.as_bytes()).unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!((set("mail", "first\n"), set("mail", "second\n"), set("other", "x")), (Some(0), Some(0), Some(0)));
    assert_eq!(desktop.ok(&["host", "secret", "list"]).stdout, "mail\nother\n");
    let found = desktop
        .program("secret-tool")
        .args(["lookup", "application", "open-sesame-extensions", "name", "mail"])
        .output();
    assert_eq!(found.unwrap().stdout, b"second");
    desktop.lock_keyring();
    desktop.run(&["host", "secret", "remove", "mail"]).fails(69, &["the keyring is locked"]);
    desktop.unlock_keyring();
    desktop.ok(&["host", "secret", "remove", "mail"]);
    desktop.run(&["host", "secret", "remove", "mail"]).fails(1, &["there was no such secret"]);
    assert_eq!(desktop.ok(&["host", "secret", "list"]).stdout, "other\n");
    assert!(desktop.audit().contains("you set the secret mail\n"));
}

#[test]
#[ignore = "needs dbus, gnome-keyring, secret-tool, dunst, Xvfb and xclip"]
fn what_goes_is_an_error_value_in_bounded_time_and_what_comes_back_works() {
    let desktop = desktop();
    desktop.start_display();
    desktop.start_host();
    let fails = |snippet: &str, text: &str| {
        let error = expand(&desktop, snippet).unwrap_err();
        assert!(error.contains(text), "no `{text}` in {error}");
    };
    fails("sig", "cannot read the secret `mail`: the keyring cannot be used");
    desktop.start_keyring();
    fails("sig", "there is no secret `mail`");
    desktop.store_secret("mail", "x");
    assert_eq!(expand(&desktop, "sig").unwrap(), "Best, Ada <x>", "it needs no notifications");
    desktop.lock_keyring();
    fails("sig", "the keyring is locked");
    desktop.unlock_keyring();
    expand(&desktop, "sig").unwrap();
    desktop.kill("display");
    fails("plain", "cannot write to the clipboard: ");
    fails("plain", "cannot write to the clipboard: ");
    let status = desktop.ok(&["host", "status"]).stdout;
    assert!(status.contains("did not take it"), "{status}");
    desktop.restart_display();
    expand(&desktop, "plain").unwrap();
    assert_eq!(desktop.clipboard("UTF8_STRING").as_deref(), Some("plain text"));
    desktop.start_notifications();
    expand(&desktop, "plain").unwrap();
    assert_eq!(desktop.notifications().len(), 1);
    desktop.kill("notifications");
    expand(&desktop, "plain").unwrap();
    // A new bus: the host comes back to it, and so does what it uses.
    desktop.kill("keyring");
    desktop.kill("bus");
    desktop.start_bus();
    wait_for("the host", || desktop.run(&["host", "status"]).status == 0);
    desktop.start_keyring();
    expand(&desktop, "sig").unwrap();
}

#[test]
#[ignore = "needs dbus, dunst and Xvfb"]
fn an_extension_shows_five_notifications_a_minute_and_none_as_another_program() {
    let desktop = Desktop::start();
    let flood = std::fs::read_to_string(crate::support::fixture("hostile/notification-flood.wat")).unwrap();
    desktop.sandbox.write("flood.wasm", wat::parse_str(flood).unwrap());
    desktop
        .sandbox
        .write("sesame.toml", "[extensions.flood]\npath = \"flood.wasm\"\ncapabilities.notification = true\n");
    desktop.sandbox.sync(None, &[]);
    desktop.start_display();
    desktop.start_notifications();
    desktop.start_host();
    assert_eq!(desktop.ok(&["call", "flood", "run"]).stdout, "995\n");
    let shown = desktop.notifications();
    assert_eq!(shown.len(), 6, "{shown:?}");
    assert!(shown.iter().all(|[program, title, _]| program == "Sesame" && title.starts_with("flood: ")), "{shown:?}");
    assert_eq!(shown[5][1], "flood: too many notifications");
}
