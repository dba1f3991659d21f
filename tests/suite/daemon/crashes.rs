//! The host killed at many moments: the next one starts clean, and the audit log is whole.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use super::desktop::{Desktop, snippets_manifest};
use crate::support::guest;
use crate::support::seeded_rng::SeededRng;

/// How often it is killed.
const KILLS: u64 = 200;

#[test]
#[ignore = "needs dbus"]
fn a_host_that_is_killed_at_two_hundred_moments_starts_clean_and_its_audit_log_is_whole() {
    let desktop = Desktop::start();
    desktop.sandbox.write("snippets.wasm", guest("snippets-1.0.0"));
    let grants = "clipboard-write = true, notification = true, secret-read = [\"mail\"]";
    desktop.sandbox.write("sesame.toml", snippets_manifest(grants));
    desktop.sandbox.sync(None, &[]);
    desktop.write_configuration("host.toml", "[backends]\nsecrets = \"file:secrets.toml\"\nclipboard = \"none\"\n");
    desktop.write_configuration("secrets.toml", "mail = \"x\"\n");
    let secrets = desktop.sandbox.path("home/config/pds/secrets.toml");
    fs::set_permissions(secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let mut rng = SeededRng(1);
    for _ in 0..KILLS {
        let mut host = desktop.command(&["host", "run", "-q"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.below(30)));
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let mut call = desktop.command(&["call", "snippets", "expand", "sig"]);
                call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        std::thread::sleep(Duration::from_micros(rng.below(30_000)));
        host.kill().unwrap();
        host.wait().unwrap();
        for mut call in calls {
            call.wait().unwrap();
        }
    }
    desktop.start_host();
    desktop.run(&["call", "snippets", "expand", "sig"]).fails(1, &["this host has no clipboard"]);
    let audit = desktop.audit();
    let reads = audit.lines().filter(|line| line.contains("read the secret mail")).count();
    assert!(reads > 50, "{reads}");
}
