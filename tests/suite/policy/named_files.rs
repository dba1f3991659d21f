//! Files that people name may be anything: a device, a pipe, a file of the kernel, a link that leads nowhere. None of it is
//! waited for, read without end, or taken for nothing.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::artifact::component;
use crate::support::sandbox::{Run, Sandbox};

/// What any refusal must take at most, where a hang would take for ever.
const SOON: Duration = Duration::from_secs(10);

const REGULAR: &str = "it is not a regular file";
const KERNEL: &str = "it is a file of the kernel, not one on a disk";

/// Runs a command that must be refused soon.
#[track_caller]
fn refused(sandbox: &Sandbox, arguments: &[&str], status: i32, texts: &[&str]) {
    let began = Instant::now();
    let run = sandbox.run(arguments);
    assert!(began.elapsed() < SOON, "{arguments:?} took {:?}", began.elapsed());
    run.fails(status, texts);
}

/// A FIFO, which nobody writes to.
fn fifo(sandbox: &Sandbox) -> PathBuf {
    let path = sandbox.path("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    path
}

/// Each thing that is no file of a person's, and why.
fn odd_files(sandbox: &Sandbox) -> [(String, &'static str); 4] {
    let fifo = fifo(sandbox).display().to_string();
    [(fifo, REGULAR), ("/dev/zero".into(), REGULAR), ("/dev/tty".into(), REGULAR), ("/proc/version".into(), KERNEL)]
}

#[test]
fn certificates_are_read_from_regular_files_of_some_size() {
    let sandbox = Sandbox::new();
    let manifest =
        |ca: &str| format!("extensions.a = \"127.0.0.1:9/o/a:1\"\n[registries.\"127.0.0.1:9\"]\nca = \"{ca}\"\n");
    for (path, why) in odd_files(&sandbox) {
        sandbox.write("sesame.toml", manifest(&path));
        refused(&sandbox, &["lock", "--check"], 78, &["the certificates in", &path, why]);
    }
    sandbox.write("large.pem", vec![b'#'; (1 << 20) + 1]);
    sandbox.write("sesame.toml", manifest("large.pem"));
    refused(&sandbox, &["lock"], 78, &["large.pem", "it has more than 1048576 bytes"]);
    symlink("gone.pem", sandbox.path("project/link.pem")).unwrap();
    sandbox.write("sesame.toml", manifest("link.pem"));
    refused(&sandbox, &["lock"], 78, &["it is a link to gone.pem, which does not exist"]);
    // The same in the machine's own policy.
    sandbox.write("sesame.toml", "extensions.a = \"127.0.0.1:9/o/a:1\"\n");
    sandbox.write("../home/config/pds/policy.toml", "[registries.\"127.0.0.1:9\"]\nca = \"/dev/zero\"\n");
    refused(&sandbox, &["lock"], 78, &["/dev/zero", REGULAR]);
}

#[test]
fn manifests_drop_ins_locks_and_components_are_regular_files() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    let odd = odd_files(&sandbox);
    for (path, why) in &odd {
        sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
        sandbox.ok(&["sync"]);
        let links = ["extensions/b.toml", "sesame.lock", "a.wasm"].map(|name| sandbox.path("project").join(name));
        for link in &links {
            let before = std::fs::read(link).ok();
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            let _ = std::fs::remove_file(link);
            symlink(path, link).unwrap();
            // Named, since what is come across must be this user's own.
            let sync = ["sync", "--manifest", "sesame.toml"];
            refused(&sandbox, &sync, 74, &[&link.file_name().unwrap().to_string_lossy()[..], why]);
            std::fs::remove_file(link).unwrap();
            before.into_iter().for_each(|bytes| std::fs::write(link, bytes).unwrap());
        }
        sandbox.write("sesame.toml", format!("extensions.a = {{ path = \"{path}\" }}\n"));
        refused(&sandbox, &["sync", "--manifest", "sesame.toml"], 74, &[path, why]);
    }
    // One that is named, as well as one that is come across.
    std::fs::remove_file(sandbox.path("project/sesame.toml")).unwrap();
    symlink("/proc/version", sandbox.path("project/sesame.toml")).unwrap();
    refused(&sandbox, &["lock", "--manifest", "sesame.toml"], 74, &["sesame.toml", KERNEL]);
    std::fs::remove_file(sandbox.path("project/sesame.toml")).unwrap();
    symlink("gone.toml", sandbox.path("project/sesame.toml")).unwrap();
    sandbox.write("../home/sesame.toml", "");
    refused(&sandbox, &["lock"], 74, &["sesame.toml"]);
    // What is there and no file hides no manifest above it.
    for (path, why) in &odd {
        std::fs::remove_file(sandbox.path("project/sesame.toml")).unwrap();
        symlink(path, sandbox.path("project/sesame.toml")).unwrap();
        refused(&sandbox, &["lock", "--manifest", "."], 74, &["sesame.toml", why]);
    }
    std::fs::remove_file(sandbox.path("project/sesame.toml")).unwrap();
    std::fs::create_dir(sandbox.path("project/sesame.toml")).unwrap();
    for arguments in [&["lock"][..], &["lock", "--manifest", "."]] {
        refused(&sandbox, arguments, 74, &["sesame.toml", "it is not a regular file"]);
    }
    std::fs::remove_dir(sandbox.path("project/sesame.toml")).unwrap();
    // The folder of drop-ins, and the user's own manifest.
    sandbox.write("sesame.toml", "");
    std::fs::remove_dir_all(sandbox.path("project/extensions")).unwrap();
    symlink("gone", sandbox.path("project/extensions")).unwrap();
    refused(
        &sandbox,
        &["lock", "--manifest", "sesame.toml"],
        74,
        &["extensions", "a link to gone, which does not exist"],
    );
    for manifest in ["project/sesame.toml", "home/sesame.toml"] {
        std::fs::remove_file(sandbox.path(manifest)).unwrap();
    }
    std::fs::create_dir_all(sandbox.path("home/config/pds")).unwrap();
    symlink("gone", sandbox.path("home/config/pds/sesame.toml")).unwrap();
    refused(&sandbox, &["lock"], 74, &["config/pds/sesame.toml", "No such file"]);
}

#[test]
fn files_of_the_command_line_and_the_environment_are_regular_files() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    for (path, why) in odd_files(&sandbox) {
        refused(&sandbox, &["extension", "call", &path, "run"], 74, &[&path, why]);
        refused(&sandbox, &["extension", "call", "a", "run", "--secrets", &path], 78, &[&path, why]);
        refused(&sandbox, &["extension", "install", "--from-file", &path, "--name", "b"], 74, &[&path, why]);
        refused(&sandbox, &["extension", "push", &path, "127.0.0.1:9/o/a:1"], 74, &[&path, why]);
        refused(&sandbox, &["bundle", "import", &path], 65, &[&path, "neither a folder nor a regular file"]);
        // What cannot be read of credentials is a warning.
        sandbox.write("../w.toml", "extensions.b = \"127.0.0.1:9/o/b:1\"\n");
        let began = Instant::now();
        let run = Run::of(sandbox.command(&["registry", "check", "127.0.0.1:9"]).env("REGISTRY_AUTH_FILE", &path));
        run.fails(69, &["cannot be reached"]);
        assert!(began.elapsed() < SOON);
    }
}

#[test]
fn a_policy_that_cannot_be_read_never_means_that_anything_goes() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    std::fs::create_dir_all(sandbox.path("home/config/pds")).unwrap();
    for file in ["policy.toml", "config.toml"] {
        let policy = sandbox.path("home/config/pds").join(file);
        symlink("../../dotfiles/policy.toml", &policy).unwrap();
        let link = "it is a link to ../../dotfiles/policy.toml, which does not exist";
        for command in [&["sync"][..], &["lock"], &["extension", "call", "a", "run"], &["status"]] {
            refused(&sandbox, command, 74, &[&policy.display().to_string(), link]);
        }
        std::fs::remove_file(&policy).unwrap();
    }
    // The whole folder, as dotfiles on a disk that is not mounted.
    std::fs::remove_dir(sandbox.path("home/config/pds")).unwrap();
    symlink("/mnt/gone/pds", sandbox.path("home/config/pds")).unwrap();
    refused(&sandbox, &["sync"], 74, &["policy.toml", "is a link to /mnt/gone/pds, which does not exist"]);
}
