//! `install` and `remove`: manifest, lock and live set change together, or not at all.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

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
        assert!(after.contains(&new) && !after.contains(&old) && !after.contains("version ="), "{after}");
        assert!(after.contains("secret-read = [\"greeting.signature\"]"), "{after}");
        let info = sandbox.ok(&["extension", "info", "greeting"]).stdout;
        assert!(info.contains("9000 ms") && info.contains("secret-read=greeting.signature"), "{info}");
        sandbox.ok(&["extension", "remove", "greeting"]).fails(0, &["removed greeting from", "0 extensions are live"]);
        assert!(sandbox.read("sesame.lock").lines().all(|line| !line.contains("greeting")));
        if file == "sesame.toml" {
            assert!(sandbox.read(file).contains("# mine") || text.contains("[extensions.greeting]"));
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
    sandbox.ok(&["extension", "remove", "hello"]);
    assert!(!sandbox.path("project/extensions/hello.wasm").exists());
    sandbox.write("../elsewhere/Über.wasm", guest("greeting-0.2.0"));
    install(&sandbox, &["--from-file", "../elsewhere/Über.wasm"]).fails(2, &["cannot be the name", "--name NAME"]);
    install(&sandbox, &["--from-file", "sesame.toml"]).fails(65, &["sesame.toml is empty"]);
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
    // The manifest and the lock are written, and then the set belongs to somebody else.
    sandbox.write("../other/sesame.toml", "");
    let other = sandbox.path("other").display().to_string();
    install(&sandbox, &[&b, "--manifest", &other]).fails(77, &["is the work of"]);
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
fn killed_at_any_moment_the_next_sync_makes_it_whole() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let references: Vec<String> = (0..2)
        .map(|n| {
            registry.push(
                "my-org/greeting",
                &format!("0.{}.0", n + 1),
                &Artifact::wkg(&guest(&format!("greeting-0.{}.0", n + 1))),
            )
        })
        .collect();
    sandbox.write("sesame.toml", "");
    install(&sandbox, &[&references[0], "--grant", "config-read"]).fails(0, &[]);
    let mut unfinished = 0;
    for delay in (0..60).step_by(2) {
        let reference = &references[(delay / 2 + 1) % 2];
        // Compiled code is thrown away, so that there is something to do at every step.
        let _ = fs::remove_dir_all(sandbox.cache());
        let mut child = sandbox
            .command(&["extension", "install", reference, "--grant", "config-read"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(u64::try_from(delay).unwrap()));
        child.kill().unwrap();
        unfinished += u32::from(!child.wait().unwrap().success());
        sandbox.ok(&["sync"]);
        let manifest = sandbox.read("extensions/greeting.toml");
        let wanted = references.iter().find(|reference| manifest.contains(*reference)).unwrap();
        assert!(sandbox.read("sesame.lock").contains(wanted), "after {delay} ms");
        let info = sandbox.ok(&["extension", "info", "greeting"]).stdout;
        assert!(info.contains(wanted), "after {delay} ms: {info}");
        assert!(sandbox.ok(&["extension", "call", "greeting", "greet", "you"]).stdout.starts_with("Hello, you"));
    }
    assert!(unfinished > 3, "only {unfinished} installs were killed");
}
