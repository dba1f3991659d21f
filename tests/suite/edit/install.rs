//! `install` and `remove`: manifest, lock and live set change together, or not at all.

use std::fs;
use std::process::Stdio;

use crate::support::artifact::{Artifact, component, importing};
use crate::support::guest;
use crate::support::registry::{Fault, Registry};
use crate::support::sandbox::{Run, Sandbox};

fn install(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.run(&[&["extension", "install"], arguments].concat())
}

/// Everything that an install may change: manifests, lock, what is live.
fn state(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut state = Vec::new();
    for folder in [sandbox.path("project"), sandbox.data().join("profiles"), sandbox.path("home/config")] {
        for path in sandbox.files(&folder) {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            state.push((path.display().to_string(), text));
        }
    }
    state
}

#[test]
fn on_a_fresh_machine_it_writes_manifest_drop_in_and_lock_and_the_extension_is_live() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let reference = registry.push("my-org/greeting-extension", "0.1.0", &Artifact::wkg(&guest("greeting-0.1.0")));
    install(&sandbox, &[&reference]).fails(
        77,
        &["`greeting-extension` needs what is not granted: config-read", "add `--grant config-read`, or `--grant-all`"],
    );
    assert_eq!(state(&sandbox), []);
    let run = install(&sandbox, &[&reference, "--grant", "config-read"]);
    run.fails(0, &["installed greeting-extension", "config-read", "wrote", "1 extension is live"]);
    let drop_in = fs::read_to_string(sandbox.path("home/config/pds/extensions/greeting-extension.toml")).unwrap();
    assert!(drop_in.contains("config-read = true  # reads the settings"), "{drop_in}");
    for file in ["sesame.toml", "sesame.lock"] {
        assert!(sandbox.path("home/config/pds").join(file).is_file(), "{file}");
    }
    let list = sandbox.ok(&["extension", "list"]).stdout;
    for text in ["NAME", "greeting-extension", "0.1.0", "ready", "config-read", "28.8 KiB"] {
        assert!(list.contains(text), "no {text} in {list}");
    }
    assert_eq!(sandbox.ok(&["extension", "call", "greeting-extension", "greet", "World"]).stdout, "Hello, World!\n");
    registry.take_log();
    sandbox.ok(&["sync"]).fails(0, &["up to date"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
}

#[test]
fn over_an_existing_name_the_reference_is_replaced_and_the_rest_stays() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let old = registry.push("my-org/greeting", "0.1.0", &Artifact::wkg(&guest("greeting-0.1.0")));
    let new = registry.push("my-org/greeting", "0.3.0", &Artifact::wkg(&guest("greeting-0.3.0")));
    let texts = [
        (
            "sesame.toml",
            format!(
                "# mine\n[extensions]\ngreeting = {{ oci = \"{old}\", capabilities.config-read = true, limits.timeout_ms = 9_000 }} # keep\n"
            ),
        ),
        (
            "sesame.toml",
            format!(
                "# mine\n[extensions.greeting]\noci = \"{old}\" # old\ncapabilities = {{ config-read = true }}\nlimits = {{ timeout_ms = 9_000 }} # keep\n"
            ),
        ),
        (
            "extensions/greeting.toml",
            format!(
                "# mine\n[extension]\nname = \"greeting\"\nversion = \"0.1.0\"\noci = \"{old}\"\n\n[capabilities]\nconfig-read = true # yes\n\n[limits]\ntimeout_ms = 9_000 # keep\n"
            ),
        ),
    ];
    for (file, text) in texts {
        sandbox.write("sesame.toml", "");
        sandbox.write(file, &text);
        sandbox.ok(&["sync"]);
        let before = state(&sandbox);
        install(&sandbox, &[&new]).fails(77, &["needs what is not granted: secret-read"]);
        assert_eq!(state(&sandbox), before);
        install(&sandbox, &[&new, "--grant", "secret-read=greeting.signature"]).fails(0, &["installed greeting"]);
        let after = sandbox.read(file);
        for kept in ["# mine", "config-read = true", "timeout_ms = 9_000", "# keep"] {
            assert!(after.contains(kept), "no {kept} in {after}");
        }
        assert!(after.contains(&new) && !after.contains(&old) && !after.contains("version = \"0.1.0\""), "{after}");
        assert!(after.contains("secret-read = [\"greeting.signature\"]"), "{after}");
        let info = sandbox.ok(&["extension", "info", "greeting"]).stdout;
        assert!(info.contains("at most 9 s a call") && info.contains("secret-read=greeting.signature"), "{info}");
        sandbox.ok(&["extension", "remove", "greeting"]).fails(0, &["removed greeting from", "0 extensions are live"]);
        assert!(sandbox.read("sesame.lock").lines().all(|line| !line.contains("greeting")));
        if file == "sesame.toml" {
            assert!(sandbox.read(file).contains("# mine"), "{}", sandbox.read(file));
        } else {
            assert!(!sandbox.path("project/extensions/greeting.toml").exists());
        }
    }
}

#[test]
fn a_file_is_copied_beside_the_manifest_and_taken_away_again() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.write("../elsewhere/hello.wasm", guest("greeting-0.1.0"));
    let from = ["--from-file", "../elsewhere/hello.wasm", "--grant", "config-read"];
    install(&sandbox, &from).fails(0, &["installed hello", "wrote extensions/hello.toml"]);
    assert!(sandbox.read("extensions/hello.toml").contains("path = \"hello.wasm\""));
    assert!(sandbox.read("sesame.lock").contains("path = \"extensions/hello.wasm\""));
    assert_eq!(sandbox.ok(&["extension", "call", "hello", "greet", "you"]).stdout, "Hello, you!\n");
    sandbox.write("../elsewhere/hello.wasm", guest("greeting-0.2.0"));
    install(&sandbox, &from).fails(0, &["generation 2"]);
    assert_eq!(sandbox.ok(&["extension", "call", "hello", "greet", " "]).stdout, "Hello, World!\n");
    sandbox.ok(&["extension", "remove", "hello"]).fails(0, &["extensions/hello.wasm stays"]);
    // What stands there is not written over, unless it is the same or the extension's own.
    install(&sandbox, &from).fails(0, &["installed hello"]);
    sandbox.ok(&["extension", "remove", "hello"]);
    sandbox.write("../elsewhere/hello.wasm", guest("greeting-0.3.0"));
    let signed = [&from[..], &["--grant", "secret-read"]].concat();
    install(&sandbox, &signed).fails(0, &["installed hello"]);
    sandbox.ok(&["extension", "remove", "hello"]);
    sandbox.write("../elsewhere/hello.wasm", guest("greeting-0.2.0"));
    sandbox.write("extensions/hello.wasm", "mine");
    install(&sandbox, &from).fails(78, &["extensions/hello.wasm is there already", "--name NAME"]);
    assert_eq!(sandbox.read("extensions/hello.wasm"), "mine");
    sandbox.write("extensions/hello.wasm", guest("greeting-0.1.0"));
    let other = "[extensions.other]\npath = \"extensions/hello.wasm\"\ncapabilities.config-read = true\n";
    sandbox.write("sesame.toml", other);
    install(&sandbox, &from).fails(78, &["not this extension's alone to replace"]);
    sandbox.write("../elsewhere/Über.wasm", guest("greeting-0.2.0"));
    install(&sandbox, &["--from-file", "../elsewhere/Über.wasm"]).fails(2, &["cannot be the name", "--name NAME"]);
    install(&sandbox, &["--from-file", "sesame.toml"]).fails(65, &["sesame.toml is text", "built component"]);
    sandbox.run(&["extension", "remove", "nobody"]).fails(66, &["no extension `nobody` in sesame.toml"]);
}

#[test]
fn a_step_that_fails_leaves_everything_as_it_was() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&component("b")));
    let bad = registry.push("org/bad", "1", &Artifact::wkg(&component("c")[..90]));
    let foreign = registry.push("org/foreign", "1", &Artifact::wkg(&importing("d", &["acme:robots/arm@1.0.0"])));
    sandbox.write("sesame.toml", "# mine\n");
    install(&sandbox, &[&a]).fails(0, &["installed a"]);
    let before = state(&sandbox);
    let missing = format!("{}/org/none:1", registry.host());
    install(&sandbox, &[&missing]).fails(69, &["does not have"]);
    install(&sandbox, &[&bad]).fails(65, &["`bad` is not usable"]);
    install(&sandbox, &[&foreign, "--grant-all"]).fails(65, &["acme:robots/arm@1.0.0", "this host does not have"]);
    install(&sandbox, &[&b, "--offline"]).fails(69, &["offline"]);
    assert_eq!(state(&sandbox), before);
    // The set belongs to somebody else, which is said before anything is asked.
    sandbox.write("../other/sesame.toml", "");
    let other = sandbox.path("other").display().to_string();
    registry.take_log();
    install(&sandbox, &[&b, "--manifest", &other]).fails(77, &["is managed by", "--profile NAME"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    assert!(!sandbox.path("other/extensions/b.toml").exists() && !sandbox.path("other/sesame.lock").exists());
    assert_eq!(state(&sandbox), before);
    // Compiled code cannot be kept, once the manifest and the lock are written.
    fs::remove_dir_all(sandbox.cache()).unwrap();
    fs::write(sandbox.cache(), "").unwrap();
    install(&sandbox, &[&b]).fails(74, &["nothing was activated"]);
    fs::remove_file(sandbox.cache()).unwrap();
    assert_eq!(state(&sandbox), before);
    registry.misbehave("manifests/1", Fault::Status(503));
    install(&sandbox, &[&b]).fails(69, &["503"]);
    assert_eq!(state(&sandbox), before);
}

#[test]
fn grants_are_for_one_repository_and_folders_are_where_the_command_is() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let mine = registry.push("my-org/greeting", "0.1.0", &Artifact::wkg(&guest("greeting-0.1.0")));
    let theirs = registry.push("evil/greeting", "0.1.0", &Artifact::wkg(&guest("greeting-0.2.0")));
    sandbox.write("sesame.toml", "");
    sandbox.write("notes/x", "");
    install(&sandbox, &[&mine, "--grant", "config-read", "--grant", "fs-read=notes"])
        .fails(0, &["fs-read=~/project/notes"]);
    let drop_in = sandbox.read("extensions/greeting.toml");
    assert!(drop_in.contains("fs-read = [\"~/project/notes\"]"), "{drop_in}");
    install(&sandbox, &[&theirs]).fails(77, &["needs what is not granted: config-read"]);
    install(&sandbox, &[&theirs, "--grant", "config-read"])
        .fails(77, &["would inherit grants from", &mine, "something else: fs-read", "sesame remove greeting"]);
    assert_eq!(sandbox.read("extensions/greeting.toml"), drop_in);
    // A list that stands there grows, and means what it meant.
    let text = drop_in.replace("fs-read = [", "fs-read = [\"../notes\", ");
    sandbox.write("extensions/greeting.toml", &text);
    install(&sandbox, &[&mine, "--grant", "fs-read=/usr"]).fails(0, &["fs-read=", "/usr", ",notes"]);
    let grown = sandbox.read("extensions/greeting.toml");
    assert!(grown.contains("\"../notes\"") && grown.contains("\"/usr\"]"), "{grown}");
}

/// Runs a command at a terminal, which answers the question, or is left, or sends a signal.
pub fn at_a_terminal(
    sandbox: &Sandbox,
    arguments: &[&str],
    meanwhile: impl FnOnce(),
    answer: &[u8],
) -> (Option<i32>, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::io::{Read as _, Write as _};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let open = || fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = sandbox.command(arguments);
    let mut child = command.stdin(open()).stderr(open()).stdout(Stdio::null()).spawn().unwrap();
    drop(command);
    let mut master = fs::File::from(master);
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&said).contains("[y/N]") {
        let read = master.read(&mut buffer).unwrap();
        said.extend(&buffer[..read]);
    }
    meanwhile();
    if answer.is_empty() {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    } else {
        master.write_all(answer).unwrap();
    }
    while let Ok(read @ 1..) = master.read(&mut buffer) {
        said.extend(&buffer[..read]);
    }
    (child.wait().unwrap().code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn at_a_terminal_a_person_is_asked() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.write("../hello.wasm", guest("greeting-0.3.0"));
    let from = ["extension", "install", "--from-file", "../hello.wasm"];
    let before = state(&sandbox);
    for (answer, status) in [(&b"n\n"[..], 77), (b"\n", 77), (b"\x04", 77), (b"", 130)] {
        let (code, said) = at_a_terminal(&sandbox, &from, || {}, answer);
        assert_eq!(code, Some(status), "{answer:?}: {said}");
        assert!(said.contains("secret-read") && said.contains("reads your secrets"), "{said}");
        assert_eq!(state(&sandbox), before, "{answer:?}");
    }
    let scoped = [&from[..], &["--grant", "secret-read=greeting.signature"]].concat();
    // What was looked at is what is installed, whatever the file holds by the time of the answer.
    let swap = || sandbox.write("../hello.wasm", guest("greeting-0.2.0"));
    let (code, said) = at_a_terminal(&sandbox, &scoped, swap, b"y\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("secret-read=greeting.signature") && said.contains("reads these secrets"), "{said}");
    let drop_in = sandbox.read("extensions/hello.toml");
    assert!(drop_in.contains("config-read = true") && drop_in.contains("[\"greeting.signature\"]"), "{drop_in}");
    assert_eq!(fs::read(sandbox.path("project/extensions/hello.wasm")).unwrap(), guest("greeting-0.3.0"));
}

#[test]
fn through_a_linked_configuration_folder_the_set_stays_the_same_manifests() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("home/real-config")).unwrap();
    std::os::unix::fs::symlink(sandbox.path("home/real-config"), sandbox.path("home/config")).unwrap();
    sandbox.write("../hello.wasm", guest("greeting-0.1.0"));
    install(&sandbox, &["--from-file", "../hello.wasm", "--grant-all"]).fails(0, &["installed hello"]);
    // Found through a link the first time, and by its real path after that.
    sandbox.ok(&["sync"]).fails(0, &["up to date"]);
    sandbox.ok(&["extension", "remove", "hello"]);
}
