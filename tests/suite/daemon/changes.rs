//! What changes while calls run: nothing runs with more than it may have now.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::desktop::{Desktop, wait_for};
use crate::support::artifact::component;
use crate::support::guest;
use crate::support::sandbox::Run;

/// Runs for as long as it may, and imports nothing.
const SPIN: &str = "(component (core module $m (func (export \"spin\") (loop (br 0))))
    (core instance $i (instantiate $m)) (func (export \"spin\") (canon lift (core func $i \"spin\"))))";

/// How soon a change is in force on a busy machine: well before the host would look at the files by itself.
const SOON: Duration = Duration::from_secs(1);

fn desktop() -> Desktop {
    let desktop = Desktop::start();
    desktop.sandbox.write("spin.wasm", wat::parse_str(SPIN).unwrap());
    desktop.sandbox.write("greeting.wasm", guest("greeting-0.1.0"));
    write_manifest(&desktop, "capabilities.env = [\"LANG\"]\nlimits.timeout_ms = 20000\n");
    desktop.start_host();
    desktop
}

fn write_manifest(desktop: &Desktop, spin: &str) {
    let greeting = "[extensions.greeting]\npath = \"greeting.wasm\"\ncapabilities.config-read = true\n";
    desktop.sandbox.write("sesame.toml", format!("{greeting}[extensions.spin]\npath = \"spin.wasm\"\n{spin}"));
    desktop.sandbox.sync(None, &[]);
}

/// Begins a call that runs for twenty seconds.
fn spin(desktop: &Desktop) -> Child {
    let child =
        desktop.command(&["call", "spin", "spin"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let running = || {
        let status = desktop.status();
        let extensions = status["extensions"].as_array().unwrap().clone();
        extensions.iter().any(|extension| extension["name"] == "spin" && extension["calls"]["running"] == 1)
    };
    wait_for("the call to run", running);
    child
}

fn ended(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits until the greeting is answered so, and says how long that took.
#[track_caller]
fn greets(desktop: &Desktop, status: i32) -> Duration {
    let began = Instant::now();
    wait_for("the change", || desktop.busctl("Call", &["greeting", "greet", "[\"Ada\"]"]).status == status);
    began.elapsed()
}

#[test]
#[ignore = "needs dbus"]
fn a_call_ends_when_its_extension_loses_a_grant_or_gets_lower_limits_or_is_removed() {
    let changes: [(&str, &str); 3] = [
        ("limits.timeout_ms = 20000\n", "a grant was revoked or a limit lowered"),
        ("capabilities.env = [\"LANG\"]\nlimits.timeout_ms = 1000\n", "a grant was revoked or a limit lowered"),
        ("", "the extension is no longer active"),
    ];
    for (spin_entry, reason) in changes {
        let desktop = desktop();
        let call = spin(&desktop);
        if spin_entry.is_empty() {
            desktop.ok(&["remove", "spin"]);
        } else {
            write_manifest(&desktop, spin_entry);
        }
        let began = Instant::now();
        ended(call).fails(77, &["the call of `spin` was stopped", reason]);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(desktop.audit().contains("spin"));
    }
}

#[test]
#[ignore = "needs dbus"]
fn a_call_goes_on_when_others_change_or_it_is_given_more() {
    let desktop = desktop();
    write_manifest(&desktop, "capabilities.env = [\"LANG\"]\nlimits.timeout_ms = 2000\n");
    wait_for("the change", || desktop.status()["generation"] == 2);
    let call = spin(&desktop);
    write_manifest(&desktop, "capabilities.env = [\"LANG\", \"TZ\"]\nlimits.timeout_ms = 30000\n");
    wait_for("the change", || desktop.status()["generation"] == 3);
    desktop.sandbox.write("spin.wasm", component("other code"));
    desktop.ok(&["lock", "--upgrade"]);
    desktop.ok(&["sync"]);
    wait_for("the change", || desktop.status()["generation"] == 4);
    desktop.run(&["call", "spin", "spin"]).fails(2, &["it exports no function `spin`"]);
    // Its own limit, on its own code.
    ended(call).fails(3, &["it took longer than its limit of 2000 ms"]);
}

#[test]
#[ignore = "needs dbus"]
fn policies_hold_at_once_and_one_that_cannot_be_read_refuses_everything() {
    let desktop = desktop();
    let call = spin(&desktop);
    desktop.write_configuration("policy.toml", "denied_capabilities = [\"env\"]\n");
    ended(call).fails(77, &["the call of `spin` was stopped: the extension is no longer active"]);
    desktop.run(&["call", "spin", "spin"]).fails(77, &["`spin` cannot have env"]);
    assert!(greets(&desktop, 0) < SOON);
    desktop.remove_configuration("policy.toml");
    wait_for("the change", || desktop.status()["extensions"][1].get("refused").is_none());
    let call = spin(&desktop);
    desktop.write_configuration("policy.toml", "denied = 3\n");
    ended(call).fails(77, &["the active set or a policy can no longer be read"]);
    desktop.run(&["call", "greeting", "greet", "Ada"]).fails(78, &["policy.toml"]);
    let status = desktop.ok(&["host", "status"]).stdout;
    assert!(status.contains("refused: every call"), "{status}");
    desktop.remove_configuration("policy.toml");
    assert!(greets(&desktop, 0) < SOON);
}

#[test]
#[ignore = "needs dbus"]
fn damaged_code_is_refused_by_its_name_and_the_others_go_on() {
    let desktop = desktop();
    desktop.kill("host");
    let greeting = sesame::model::digest::Digest::of(&guest("greeting-0.1.0"));
    let files = desktop.sandbox.files(&desktop.sandbox.cache().join("cwasm"));
    let file = files.iter().find(|file| file.ends_with(greeting.hex())).unwrap();
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
    desktop.start_host();
    desktop.run(&["call", "greeting", "greet", "Ada"]).fails(76, &["is not what was compiled", "sesame sync"]);
    desktop
        .run(&["call", "spin", "spin", "--no-host", "--timeout", "10"])
        .fails(3, &["longer than its limit of 10 ms"]);
    let call = spin(&desktop);
    // The generation stays as it is.
    desktop.ok(&["sync"]);
    assert_eq!(desktop.ok(&["call", "-v", "greeting", "greet", "Ada"]).stdout, "Hello, Ada!\n");
    let refused = desktop.status()["extensions"][0].get("refused").cloned();
    assert_eq!(refused, None);
    let mut call = call;
    call.kill().unwrap();
    call.wait().unwrap();
}

#[test]
#[ignore = "needs dbus"]
fn a_rollback_is_in_force_for_the_next_call() {
    let desktop = desktop();
    let greet = ["call", "greeting", "greet", "Ada"];
    assert_eq!(desktop.ok(&greet).stdout, "Hello, Ada!\n");
    write_manifest(
        &desktop,
        "capabilities.env = [\"LANG\"]\n[extensions.greeting.config]\ngreeting.template = \"Hi, {}\"\n",
    );
    wait_for("the change", || desktop.ok(&greet).stdout == "Hi, Ada\n");
    desktop.ok(&["rollback", "--hold"]);
    let began = Instant::now();
    wait_for("the change", || desktop.ok(&greet).stdout == "Hello, Ada!\n");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
#[ignore = "needs dbus"]
fn a_call_ends_with_the_program_that_made_it() {
    let desktop = desktop();
    for signal in [rustix::process::Signal::KILL, rustix::process::Signal::INT] {
        let mut call = spin(&desktop);
        rustix::process::kill_process(rustix::process::Pid::from_child(&call), signal).unwrap();
        call.wait().unwrap();
        wait_for("the end of the call", || desktop.status()["extensions"][1]["calls"]["running"] == 0);
        assert_eq!(desktop.status()["memory"], 0);
    }
}

#[test]
#[ignore = "needs dbus, dunst and Xvfb"]
fn what_is_refused_is_said_in_one_notification() {
    let desktop = desktop();
    desktop.start_display();
    desktop.start_notifications();
    desktop.write_configuration("policy.toml", "denied_capabilities = [\"env\", \"config-read\"]\n");
    let shown = || desktop.notifications();
    wait_for("the notification", || !shown().is_empty());
    std::thread::sleep(Duration::from_millis(200));
    let shown = shown();
    assert_eq!((shown.len(), shown[0][1].as_str()), (1, "extensions are refused"), "{shown:?}");
    for name in ["`greeting` is refused", "`spin` is refused"] {
        assert!(shown[0][2].contains(name), "{shown:?}");
    }
    let log = desktop.ok(&["host", "log"]).stdout;
    assert!(log.contains("`spin` is refused: ") && log.contains("serving generation 1 of profile default"), "{log}");
}
