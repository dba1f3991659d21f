//! Bad places to keep things: what cannot be written, what is somebody else's, what others can change, clocks that are wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::policy::grants::PRINTER;
use crate::support::greeting::{FIRST, RELEASES, SECOND, greets, want};
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The first release is live, and the second is wanted.
pub fn upgrade_wanted(sandbox: &Sandbox, registry: &Registry) {
    want(sandbox, registry, RELEASES[0], "");
    sandbox.ok(&["sync"]);
    want(sandbox, registry, RELEASES[1], "");
}

#[test]
fn what_others_could_write_to_is_this_users_alone_after_a_sync() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let folders = [sandbox.data(), sandbox.data().join("blobs/sha256"), sandbox.cache().join("cwasm")];
    for folder in &folders {
        set_mode(folder, 0o777);
    }
    let run = sandbox.ok(&["sync"]);
    for folder in &folders {
        let told = format!("warning: others could write to {}; now only you can", folder.display());
        assert!(run.stderr.contains(&told), "{}", run.stderr);
        assert_eq!(mode(folder) & 0o022, 0);
    }
    assert_eq!(greets(&sandbox), SECOND);
    assert_eq!(sandbox.run(&["verify"]).status, 0);
}

#[test]
fn links_that_were_planted_lead_nowhere() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let precious = sandbox.path("precious");
    let plant = |path: &Path| {
        fs::write(&precious, "precious").unwrap();
        set_mode(&precious, 0o600);
        let _ = fs::remove_file(path);
        symlink(&precious, path).unwrap();
    };
    let guard = sandbox.data().join("lock");
    plant(&guard);
    sandbox.run(&["sync"]).fails(74, &[&guard.display().to_string()]);
    fs::remove_file(&guard).unwrap();
    let state = sandbox.path("home/state/pds");
    let inside = [sandbox.data().join("profiles/default/current"), state.join("key")];
    for path in inside.iter().cloned().chain(sandbox.files(&sandbox.data().join("blobs"))) {
        let before = fs::read(&path).unwrap();
        plant(&path);
        let run = sandbox.run(&["sync", "--adopt"]);
        assert!([0, 74].contains(&run.status), "{}: {}", path.display(), run.stderr);
        assert_eq!(fs::read(&precious).unwrap(), b"precious", "{}", path.display());
        fs::remove_file(&path).unwrap();
        fs::write(&path, before).unwrap();
        set_mode(&path, 0o400);
    }
    // A log is added to, and so is no link either.
    let printing = Sandbox::new();
    printing.write("a.wasm", wat::parse_str(PRINTER).unwrap());
    printing.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    printing.ok(&["sync"]);
    let log = printing.path("home/state/pds/logs/a.log");
    for plant_log in [|from: &Path, to: &Path| symlink(from, to), |from: &Path, to: &Path| fs::hard_link(from, to)] {
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        let target = printing.path("precious");
        fs::write(&target, "precious").unwrap();
        plant_log(&target, &log).unwrap();
        printing.run(&["extension", "call", "a", "run"]);
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        fs::remove_file(&log).unwrap();
    }
    printing.ok(&["extension", "call", "a", "run"]);
    assert!(fs::read_to_string(&log).unwrap().contains("one"));
    // One that this user made is how this user wants it.
    let (blobs, elsewhere) = (sandbox.data().join("blobs"), sandbox.path("elsewhere"));
    fs::rename(&blobs, &elsewhere).unwrap();
    symlink(&elsewhere, &blobs).unwrap();
    sandbox.ok(&["sync"]);
    assert_eq!(sandbox.run(&["verify"]).status, 0);
    assert!(blobs.is_symlink() && greets(&sandbox) == SECOND);
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_disk_without_locks_is_named_and_still_serves_what_is_live() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let without_locks = |error: &str, arguments: &[&str]| {
        let before = ["-f", "-o", "/dev/null", "-e", &format!("inject=flock:error={error}")];
        let mut strace = sandbox.command_under("strace", &before, arguments);
        Run::of(&mut strace)
    };
    for error in ["ENOLCK", "EOPNOTSUPP", "ENOSYS"] {
        let lock = sandbox.data().join("lock").display().to_string();
        for command in [&["sync"][..], &["gc"], &["rollback"], &["verify", "--repair"]] {
            without_locks(error, command).fails(74, &[&format!("cannot lock {lock}"), "that disk has no file locks"]);
        }
        assert_eq!(without_locks(error, &["extension", "call", "greeting", "greet", " "]).stdout, FIRST);
        assert_eq!(without_locks(error, &["generations"]).status, 0);
    }
}

#[test]
fn clocks_that_are_wrong_change_nothing() {
    let sandbox = Sandbox::new();
    let (source, library) = (sandbox.path("clock.c"), sandbox.path("clock.so"));
    // Both ways in which programs ask for the time.
    let text = "#define _GNU_SOURCE\n#include <time.h>\n#include <stdlib.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
                int clock_gettime(clockid_t clock, struct timespec *time) {\n\
                int result = syscall(SYS_clock_gettime, clock, time);\n\
                if (clock == CLOCK_REALTIME) time->tv_sec += atol(getenv(\"CLOCK_IS_OFF\"));\n\
                return result; }\n";
    fs::write(&source, text).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(compiled.success());
    for (seconds, year) in [("-2000000000", "196"), ("315360000", "203")] {
        let (sandbox, registry) = (Sandbox::new(), Registry::start());
        let ok = |arguments: &[&str]| {
            let mut command = sandbox.command(arguments);
            let run = Run::of(command.env("LD_PRELOAD", &library).env("CLOCK_IS_OFF", seconds));
            assert_eq!(run.status, 0, "{arguments:?} {seconds}: {}", run.stderr);
            run
        };
        for release in RELEASES {
            want(&sandbox, &registry, release, "");
            ok(&["sync"]);
            assert!(ok(&["sync"]).stderr.contains("up to date"));
        }
        assert_eq!(ok(&["extension", "call", "greeting", "greet", " "]).stdout, SECOND);
        let listed = ok(&["generations"]).stdout;
        // What is before 1970 is not told, and nothing else is made of it.
        assert!(listed.contains(if seconds.starts_with('-') { "1970-01-01T00:00:00Z" } else { year }), "{listed}");
        ok(&["rollback"]);
        assert_eq!(greets(&sandbox), FIRST);
        for command in [&["gc"][..], &["verify"], &["sync"], &["status"]] {
            ok(command);
        }
        ok(&["bundle", "export", "../set.tar"]);
    }
}
