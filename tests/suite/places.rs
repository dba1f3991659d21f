//! Bad places to keep things: what cannot be written, what is somebody else's, what others can change, clocks that are wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::grants::PRINTER;
use crate::support::artifact::{Artifact, component};
use crate::support::greeting::{FIRST, RELEASES, SECOND, greets, upgrade, want};
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};

const NOBODY: u32 = 65534;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The first release is live, and the second is wanted.
fn upgrade_wanted(sandbox: &Sandbox, registry: &Registry) {
    want(sandbox, registry, RELEASES[0], "");
    sandbox.ok(&["sync"]);
    want(sandbox, registry, RELEASES[1], "");
}

#[test]
fn root_does_not_write_into_the_store_of_a_user() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let Some(mut plain) = sandbox.command_of_nobody(&["sync"]) else { return };
    // What `sudo` would run, where it keeps $HOME.
    for command in
        [&["sync"][..], &["lock"], &["gc"], &["rollback"], &["verify", "--repair"], &["generations", "delete", "1"]]
    {
        let before = sandbox.trace(&sandbox.path("home"));
        let run = sandbox.run(&[command, &["-m", "sesame.toml"]].concat());
        let data = sandbox.data().display().to_string();
        run.fails(77, &[&data, "belongs to the user 65534, and sesame runs as the user 0", "without `sudo`"]);
        assert_eq!(sandbox.trace(&sandbox.path("home")), before, "{command:?}");
    }
    // A command with nothing to do keeps notes; not there.
    sandbox.write("sesame.toml", "[extensions]\n");
    sandbox.write("sesame.lock", "version = 1\n");
    fs::remove_dir_all(sandbox.cache()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2_300));
    sandbox.run(&["lock", "-m", "sesame.toml"]);
    assert!(!sandbox.cache().exists());
    want(&sandbox, &registry, RELEASES[1], "");
    // Where there is no store yet, none is made for root in somebody's home.
    for folder in ["data", "cache", "state"] {
        fs::remove_dir_all(sandbox.path("home").join(folder)).unwrap();
    }
    let run = sandbox.run(&["sync", "-m", "sesame.toml"]);
    run.fails(77, &["home belongs to the user 65534", "without `sudo`"]);
    assert_eq!(Run::of(&mut plain).status, 0);
    for path in sandbox.files(&sandbox.path("home")) {
        assert_eq!(fs::metadata(&path).unwrap().uid(), NOBODY, "{}", path.display());
    }
}

#[test]
fn a_store_that_is_somebody_elses_is_named_with_its_owner() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let Some(mut plain) = sandbox.command_of_nobody(&["sync"]) else { return };
    for folder in [sandbox.data(), sandbox.cache(), sandbox.data().join("blobs")] {
        std::os::unix::fs::chown(&folder, Some(0), Some(0)).unwrap();
        let run = Run::of(&mut plain);
        let named = format!("{} belongs to the user 0, and sesame runs as the user 65534", folder.display());
        run.fails(77, &[&named, "have its owner give it to you"]);
        std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    assert_eq!(Run::of(&mut plain).status, 0);
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
fn a_home_that_is_read_only_still_serves_what_is_live() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let Some(mut sync) = sandbox.command_of_nobody(&["sync"]) else { return };
    let nobody = |arguments: &[&str]| Run::of(&mut sandbox.command_of_nobody(arguments).unwrap());
    assert_eq!(nobody(&["sync"]).status, 0);
    for path in sandbox.trace(&sandbox.path("home")).into_keys().filter(|path| path.is_dir()) {
        set_mode(&path, 0o555);
    }
    assert_eq!(nobody(&["extension", "call", "greeting", "greet", " "]).stdout, SECOND);
    for command in [&["sync"][..], &["status"], &["generations"], &["extension", "list"], &["lock"]] {
        let run = nobody(command);
        assert_eq!(run.status, 0, "{command:?}: {}", run.stderr);
    }
    want(&sandbox, &registry, RELEASES[0], "");
    Run::of(&mut sync).fails(74, &["cannot ", &sandbox.path("home").display().to_string(), "look whose it is"]);
}

/// Runs a command in a mount namespace of its own, where a small disk is mounted over a folder. `None` where that is not
/// allowed: root may, and CI is root.
fn on_small_disk(sandbox: &Sandbox, folder: &Path, options: &str, arguments: &[&str]) -> Option<Run> {
    let script = format!(
        "mount -t tmpfs -o {options} tmpfs '{0}' && cp -a '{0}.before/.' '{0}' && shift && exec \"$@\"",
        folder.display()
    );
    let mut command = sandbox.command_under("unshare", &["-m", "sh", "-c", &script, "sh", "x"], arguments);
    let may = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    may.then(|| Run::of(&mut command))
}

#[test]
fn a_disk_without_room_or_files_left_is_named_and_the_old_set_stays() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let large: String = (0..6)
        .map(|number| {
            let artifact = Artifact::wkg(&component(&"x".repeat(40_000 + number)));
            format!("large-{number} = \"{}\"\n", registry.push(&format!("org/large-{number}"), "1", &artifact))
        })
        .collect();
    want(&sandbox, &registry, RELEASES[0], "");
    sandbox.ok(&["sync"]);
    want(&sandbox, &registry, RELEASES[1], &large);
    let data = sandbox.path("home/data");
    fs::rename(&data, sandbox.path("home/data.before")).unwrap();
    fs::create_dir(&data).unwrap();
    for (options, hint) in [("size=128k", "make room on that disk"), ("nr_inodes=16", "`df -i`")] {
        let Some(run) = on_small_disk(&sandbox, &data, options, &["sync"]) else { return };
        run.fails(74, &["No space left on device", &data.display().to_string(), hint]);
        let call = on_small_disk(&sandbox, &data, options, &["extension", "call", "greeting", "greet", " "]);
        assert_eq!(call.unwrap().stdout, FIRST, "{options}");
    }
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

#[test]
fn folders_that_nobody_can_use_are_mended() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade(&sandbox, &registry, "");
    let run = |arguments: &[&str]| sandbox.command_of_nobody(arguments).map(|mut command| Run::of(&mut command));
    if run(&["sync"]).is_none_or(|run| run.status != 0) {
        return;
    }
    let run = |arguments: &[&str]| run(arguments).unwrap();
    let profiles = sandbox.data().join("profiles");
    for folder in
        [sandbox.data().join("blobs"), profiles.clone(), profiles.join("default/generations"), sandbox.cache()]
    {
        set_mode(&folder, 0);
        run(&["verify"]).fails(76, &[&folder.display().to_string(), "nobody can use it (mode 0)"]);
        let mended = run(&["verify", "--repair"]);
        assert_eq!(mended.status, 0, "{}: {}", folder.display(), mended.stderr);
        assert_eq!(run(&["verify"]).status, 0, "{}", folder.display());
        assert_eq!(run(&["extension", "call", "greeting", "greet", " "]).stdout, SECOND);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_as_good_as_damaged() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade(&sandbox, &registry, "");
    let run = |arguments: &[&str]| sandbox.command_of_nobody(arguments).map(|mut command| Run::of(&mut command));
    let Some(first) = run(&["sync"]) else { return };
    assert_eq!(first.status, 0, "{}", first.stderr);
    let run = |arguments: &[&str]| run(arguments).unwrap();
    let blob = || sandbox.files(&sandbox.data().join("blobs"));
    let code = || sandbox.files(&sandbox.cache().join("cwasm"));
    let unreadable = |path: &Path| set_mode(path, 0);
    let folder = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        fs::write(path.join("mine"), "mine").unwrap();
    };
    for (what, spoil) in [("a mode", unreadable as fn(&Path)), ("a folder", folder)] {
        for mend in [&["sync"][..], &["verify", "--repair"]] {
            for path in blob().iter().chain(&code()) {
                spoil(path);
            }
            run(&["verify"]).fails(76, &[]);
            let mended = run(mend);
            assert_eq!(mended.status, 0, "{what}, {mend:?}: {}", mended.stderr);
            assert_eq!(run(&["extension", "call", "greeting", "greet", " "]).stdout, SECOND, "{what}, {mend:?}");
            run(&["verify", "--repair"]);
            assert_eq!(run(&["verify"]).status, 0, "{what}, {mend:?}: {}", run(&["verify"]).stdout);
        }
    }
    let mine = sandbox.files(&sandbox.data().join("quarantine"));
    assert!(mine.iter().any(|path| path.ends_with("mine")), "a folder that stood in the way is not lost");
}
