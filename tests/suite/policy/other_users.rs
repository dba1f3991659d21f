//! What takes a second user to show, or a disk of its own: only root can. `.ci/run` runs it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::store::integrity::Synced;
use crate::store::unusable_locations::{set_mode, upgrade_wanted};
use crate::support::artifact::{Artifact, component};
use crate::support::greeting::{FIRST, RELEASES, SECOND, upgrade, want};
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};

/// The user without rights.
const NOBODY: u32 = 65534;

/// Runs a command in a mount namespace of its own, where a small disk is mounted over a folder.
fn on_small_disk(sandbox: &Sandbox, folder: &Path, options: &str, arguments: &[&str]) -> Run {
    let script = format!(
        "mount -t tmpfs -o {options} tmpfs '{0}' && cp -a '{0}.before/.' '{0}' && shift && exec \"$@\"",
        folder.display()
    );
    let mut command = sandbox.command_under("unshare", &["-m", "sh", "-c", &script, "sh", "x"], arguments);
    Run::of(&mut command)
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn a_manifest_of_another_user_is_not_come_across() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    std::os::unix::fs::chown(sandbox.path("project/sesame.toml"), Some(12345), None).unwrap();
    sandbox.run(&["sync"]).fails(77, &["belongs to another user (12345)", "--manifest"]);
    sandbox.ok(&["sync", "--manifest", "sesame.toml"]);
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn root_does_not_write_into_the_store_of_a_user() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let mut plain = sandbox.command_of_nobody(&["sync"]);
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
    sandbox.leave_alone();
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
    for path in
        [sandbox.data(), sandbox.cache(), sandbox.path("home/state")].iter().flat_map(|folder| sandbox.files(folder))
    {
        assert_eq!(fs::metadata(&path).unwrap().uid(), NOBODY, "{}", path.display());
    }
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn a_store_that_is_somebody_elses_is_named_with_its_owner() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let mut plain = sandbox.command_of_nobody(&["sync"]);
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
#[ignore = "needs root; .ci/run runs it"]
fn a_home_that_is_read_only_still_serves_what_is_live() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade_wanted(&sandbox, &registry);
    let mut sync = sandbox.command_of_nobody(&["sync"]);
    let nobody = |arguments: &[&str]| Run::of(&mut sandbox.command_of_nobody(arguments));
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

#[test]
#[ignore = "needs root; .ci/run runs it"]
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
        let run = on_small_disk(&sandbox, &data, options, &["sync"]);
        run.fails(74, &["No space left on device", &data.display().to_string(), hint]);
        let call = on_small_disk(&sandbox, &data, options, &["extension", "call", "greeting", "greet", " "]);
        assert_eq!(call.stdout, FIRST, "{options}");
    }
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn folders_that_nobody_can_use_are_mended() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade(&sandbox, &registry, "");
    let run = |arguments: &[&str]| Run::of(&mut sandbox.command_of_nobody(arguments));
    assert_eq!(run(&["sync"]).status, 0);
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
#[ignore = "needs root; .ci/run runs it"]
fn a_file_that_cannot_be_read_is_as_good_as_damaged() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade(&sandbox, &registry, "");
    let run = |arguments: &[&str]| Run::of(&mut sandbox.command_of_nobody(arguments));
    let first = run(&["sync"]);
    assert_eq!(first.status, 0, "{}", first.stderr);
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

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn a_cwasm_or_key_that_another_user_owns_is_a_miss_for_a_user_who_cannot_even_read_it() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    let mut command = sandbox.command_of_nobody(&["sync"]);
    Run::of(&mut command).fails(0, &["1 extension is live"]);
    for file in [sandbox.files(&sandbox.cache().join("cwasm"))[0].clone(), sandbox.path("home/state/pds/key")] {
        let bytes = fs::read(&file).unwrap();
        let mut command = sandbox.command_of_nobody(&["sync"]);
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
        Run::of(&mut command).fails(0, &["warning: what is kept of a is made again", "compiled   a"]);
        Run::of(&mut command).fails(0, &["up to date"]);
    }
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn under_any_umask_a_user_without_rights_can_sync_again() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    Run::of(&mut sandbox.command_of_nobody(&["lock"])).fails(0, &["locked: "]);
    let plain = sandbox.command_of_nobody(&["sync"]);
    let mut command = sandbox.command_of_nobody(&[]);
    let program = std::mem::replace(&mut command, Command::new("/bin/sh")).get_program().to_owned();
    command.args(["-c", "umask 0777; exec \"$@\"", "sh"]).arg(program).args(plain.get_args());
    command.current_dir(sandbox.path("project")).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    std::os::unix::process::CommandExt::uid(&mut command, 65534);
    Run::of(&mut command).fails(0, &["1 extension is live"]);
    sandbox.write("a.wasm", component("b"));
    Run::of(&mut sandbox.command_of_nobody(&["sync"])).fails(0, &["generation 2"]);
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn a_cwasm_of_another_user_is_compiled_again() {
    let synced = Synced::new();
    std::os::unix::fs::chown(synced.code(), Some(12345), None).unwrap();
    synced.is_repaired(&["cannot be trusted: it belongs to the user 12345"], 0);
}

/// Runs a command as a user in whose place the machine was changed by a script: in a mount namespace of its own.
fn on_changed_machine(sandbox: &Sandbox, change: &str, arguments: &[&str]) -> Run {
    let script = format!("{change} && shift && exec \"$@\"");
    Run::of(&mut sandbox.command_under("unshare", &["-m", "sh", "-c", &script, "sh", "x"], arguments))
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn what_is_in_the_systems_folder_for_everybody_is_not_come_across() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    let mut nobody = sandbox.command_of_nobody(&["sync"]);
    // The system's, as /tmp: anybody may have put there what is somebody's.
    let project = sandbox.path("project");
    std::os::unix::fs::chown(&project, Some(0), None).unwrap();
    set_mode(&project, 0o1777);
    Run::of(&mut nobody).fails(77, &["project can be written to by every user of this machine", "--manifest"]);
    // One's own, as every folder of a mounted Windows disk.
    std::os::unix::fs::chown(&project, Some(NOBODY), None).unwrap();
    set_mode(&project, 0o777);
    assert_eq!(Run::of(&mut nobody).status, 0);
    // One's own for everyone, as /tmp is for root.
    set_mode(&project, 0o1777);
    Run::of(&mut nobody).fails(77, &["project can be written to by every user of this machine"]);
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn the_kernels_log_which_never_ends_is_not_read() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "extensions.a = { path = \"/proc/kmsg\" }\n");
    sandbox.run(&["lock"]).fails(74, &["/proc/kmsg", "it is a file of the kernel, not one on a disk"]);
}

/// A machine where an extension is live that prints its number.
fn with_extension() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\nextensions.g = { path = \"g.wasm\", capabilities.config-read = true, limits.max_memory_mib = 4 }\n");
    sandbox.write("g.wasm", crate::support::guest("greeting-0.1.0"));
    sandbox.ok(&["sync"]);
    sandbox
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn a_project_in_the_folder_of_another_user_is_not_ours_because_a_link_in_it_is() {
    let (sandbox, theirs) = (with_extension(), Sandbox::new());
    let own = sandbox.path("project/sesame.toml");
    let folder = theirs.path("project");
    let in_folder = |arguments: &[&str]| Run::of(sandbox.command(arguments).current_dir(&folder));
    theirs.write("a.wasm", component("theirs"));
    theirs.write("g.wasm", component("theirs too"));
    let make = [
        |own: &Path, new: &Path| std::os::unix::fs::symlink(own, new).unwrap(),
        |own: &Path, new: &Path| fs::hard_link(own, new).unwrap(),
    ];
    for make in make {
        let link = folder.join("sesame.toml");
        make(&own, &link);
        for path in theirs.trace(&folder).into_keys() {
            if path != link || link.is_symlink() {
                std::os::unix::fs::lchown(&path, Some(12345), Some(12345)).unwrap();
            }
        }
        for command in [&["sync"][..], &["lock"], &["status"]] {
            in_folder(command).fails(77, &["belongs to another user (12345)", "--manifest"]);
        }
        fs::remove_file(&link).unwrap();
    }
    // A component of somebody else's is not taken either, unless the manifest was named.
    std::os::unix::fs::chown(sandbox.path("project/a.wasm"), Some(12345), None).unwrap();
    sandbox.run(&["sync"]).fails(77, &["a.wasm belongs to another user (12345)"]);
    sandbox.ok(&["sync", "--manifest", "sesame.toml"]);
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn on_a_disk_that_runs_nothing_extensions_run_from_memory() {
    let sandbox = with_extension();
    let cache = sandbox.path("home/cache");
    fs::rename(&cache, sandbox.path("cache.before")).unwrap();
    fs::create_dir(&cache).unwrap();
    let noexec = format!(
        "mount -t tmpfs -o noexec tmpfs '{}' && cp -a '{}/.' '{0}'",
        cache.display(),
        sandbox.path("cache.before").display()
    );
    for function in [&["extension", "call", "a", "run"][..], &["extension", "call", "g", "greet", "you"]] {
        let run = on_changed_machine(&sandbox, &noexec, function);
        assert_eq!(run.status, 0, "{function:?}: {}", run.stderr);
    }
    let doctor = on_changed_machine(&sandbox, &noexec, &["doctor"]);
    assert!(doctor.stdout.contains("cannot be run (Permission denied"), "{}{}", doctor.stdout, doctor.stderr);
    assert!(doctor.stdout.contains("so code is copied into memory"), "{}", doctor.stdout);
    // What was changed is still never run.
    let code = &sandbox.files(&sandbox.path("cache.before/pds/cwasm"))[0];
    crate::store::integrity::change(code, |bytes| bytes[100] ^= 1);
    let both = [["extension", "call", "a", "run"], ["extension", "call", "g", "greet"]];
    let statuses = both.map(|call| on_changed_machine(&sandbox, &noexec, &call).status);
    assert!(statuses.contains(&76), "{statuses:?}");
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn without_proc_extensions_run_and_folders_are_named_as_what_needs_it() {
    let sandbox = with_extension();
    let run = on_changed_machine(&sandbox, "umount -l /proc", &["extension", "call", "a", "run"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "7\n"), "{}", run.stderr);
    sandbox.write("notes/x", "");
    let call = ["extension", "call", "./a.wasm", "run", "--grant", "fs-read=notes"];
    let run = on_changed_machine(&sandbox, "umount -l /proc", &call);
    assert!(run.status != 0 && run.stderr.contains("/proc is not mounted"), "{}", run.stderr);
    let doctor = on_changed_machine(&sandbox, "umount -l /proc", &["doctor"]);
    assert!(doctor.stdout.contains("/proc: it is not mounted"), "{}{}", doctor.stdout, doctor.stderr);
}

#[test]
#[ignore = "needs root; .ci/run runs it"]
fn doctor_says_that_a_home_is_read_only() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    upgrade(&sandbox, &registry, "");
    let nobody = |arguments: &[&str]| Run::of(&mut sandbox.command_of_nobody(arguments));
    nobody(&["doctor", "--offline"]).fails(0, &[]);
    for path in sandbox.trace(&sandbox.path("home")).into_keys().filter(|path| path.is_dir()) {
        set_mode(&path, 0o555);
    }
    let run = nobody(&["doctor", "--offline"]);
    let data = sandbox.data().display().to_string();
    for text in [&format!("{data} is not writable: permission denied"), &format!("chmod -R u+w {data}")] {
        assert!(run.stdout.contains(text), "no `{text}` in:\n{}", run.stdout);
    }
    assert_eq!((run.status, run.stdout.matches("is not writable").count()), (1, 3), "{}", run.stdout);
    nobody(&["rollback"]).fails(74, &["Permission denied"]);
}
