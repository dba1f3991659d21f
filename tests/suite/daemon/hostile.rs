//! Hostile guests in the host, beside good calls: each ends as it must, the others go on, and memory comes back.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::desktop::{Desktop, wait_for};
use crate::host::hostile;
use crate::support::sandbox::Run;

/// How much more memory the host may have after all of them, in KiB.
const SLACK_KIB: u64 = 48 << 10;

fn desktop() -> Desktop {
    let desktop = Desktop::start();
    hostile::write_project(&desktop.sandbox);
    desktop.sandbox.sync(None, &[]);
    desktop.start_host();
    desktop
}

/// What the host holds, in KiB.
fn resident_kib(desktop: &Desktop) -> u64 {
    let process = desktop.status()["process"].as_u64().unwrap();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// What the status says of one extension.
fn extension(desktop: &Desktop, name: &str) -> serde_json::Value {
    let status = desktop.status();
    status["extensions"].as_array().unwrap().iter().find(|extension| extension["name"] == name).unwrap().clone()
}

#[test]
#[ignore = "needs dbus"]
fn each_ends_as_it_must_while_good_calls_go_on_and_memory_comes_back() {
    let desktop = desktop();
    desktop.ok(&["call", "greeting", "greet", "Ada"]);
    let before = resident_kib(&desktop);
    for guest in hostile::runnable() {
        let mut calls: Vec<_> = (0..3)
            .map(|_| {
                let mut call = desktop.command(&["call", &guest.name, "run"]);
                call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        while calls.iter_mut().any(|call| call.try_wait().unwrap().is_none()) {
            let began = Instant::now();
            assert_eq!(desktop.ok(&["call", "greeting", "greet", "Ada"]).stdout, "Hello, Ada!\n");
            assert!(began.elapsed() < Duration::from_secs(1), "beside {}: {:?}", guest.name, began.elapsed());
        }
        let expected = if guest.ends == "returns" { 0 } else { 3 };
        for mut call in calls {
            assert_eq!(call.wait().unwrap().code(), Some(expected), "{}", guest.name);
        }
    }
    wait_for("the memory", || desktop.status()["memory"] == 0);
    let after = resident_kib(&desktop);
    assert!(after < before + SLACK_KIB, "{before} KiB, then {after} KiB");
    desktop.audit();
}

#[test]
#[ignore = "needs dbus"]
fn a_fifo_that_no_one_writes_to_stops_its_extension_alone_until_someone_does() {
    let desktop = desktop();
    let read = || desktop.run(&["call", "read-fifo", "run"]);
    for _ in 0..4 {
        read().fails(3, &["longer than its limit of 500 ms"]);
    }
    read().fails(69, &["all 4 threads for the files of `read-fifo` are stuck", "hint: "]);
    assert_eq!(extension(&desktop, "read-fifo")["stuck_threads"], 4);
    assert_eq!(desktop.ok(&["call", "greeting", "greet", "Ada"]).stdout, "Hello, Ada!\n");
    assert!(desktop.ok(&["host", "status"]).stdout.contains("4 of 4 threads for the files of read-fifo are stuck"));
    let fifo = desktop.sandbox.path("project/fifos/fifo");
    let writer = fs::OpenOptions::new().write(true).custom_flags(libc_nonblock()).open(fifo).unwrap();
    wait_for("the threads", || extension(&desktop, "read-fifo").get("stuck_threads").is_none());
    assert_eq!(read().stdout, "cannot read it\n");
    drop(writer);
}

fn libc_nonblock() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap()
}

#[test]
#[ignore = "needs dbus"]
fn a_flood_of_calls_is_refused_and_counted_and_the_others_go_on() {
    let desktop = desktop();
    // Long enough that all calls are there at once.
    let manifest = desktop.sandbox.read("sesame.toml");
    let (before, sleep) = manifest.split_once("[extensions.sleep]").unwrap();
    let sleep = sleep.replacen("limits.timeout_ms = 300\n", "limits.timeout_ms = 3000\n", 1);
    desktop.sandbox.write("sesame.toml", format!("{before}[extensions.sleep]{sleep}"));
    desktop.ok(&["sync"]);
    let calls: Vec<_> = (0..140)
        .map(|_| {
            let mut call = desktop.command(&["call", "sleep", "run"]);
            call.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    assert_eq!(desktop.ok(&["call", "greeting", "greet", "Ada"]).stdout, "Hello, Ada!\n");
    let ended: Vec<Run> = calls
        .into_iter()
        .map(|call| {
            let output = call.wait_with_output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            Run { status: output.status.code().unwrap(), stdout: String::new(), stderr }
        })
        .collect();
    let refused: Vec<&Run> = ended.iter().filter(|run| run.status == 69).collect();
    assert!(!refused.is_empty() && refused.len() <= 12, "{}", refused.len());
    refused[0].fails(69, &["128 calls of `sleep` are running or waiting", "`sesame host status` shows what runs"]);
    assert_eq!(extension(&desktop, "sleep")["calls"]["refused"], refused.len());
}
