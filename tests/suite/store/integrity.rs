//! Damage is found before it is compiled or loaded, and mended.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::artifact::{Artifact, component, importing};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use sesame::model::digest::Digest;

pub struct Synced {
    sandbox: Sandbox,
    registry: Registry,
    component: Vec<u8>,
}

impl Synced {
    pub fn new() -> Self {
        let (sandbox, registry, component) = (Sandbox::new(), Registry::start(), component("precious"));
        let a = registry.push("org/a", "1", &Artifact::wkg(&component));
        sandbox.want(&registry, &[("a", &a)]);
        sandbox.sync(Some(&registry), &[]);
        // A check well after the writing leaves records, which a change must overcome.
        sandbox.leave_alone();
        sandbox.ok(&["sync"]);
        assert!(sandbox.cache().join("verified").exists());
        registry.take_log();
        Self { sandbox, registry, component }
    }

    pub fn code(&self) -> PathBuf {
        let files = self.sandbox.files(&self.sandbox.cache().join("cwasm"));
        assert_eq!(files.len(), 1);
        files[0].clone()
    }

    fn blob(&self) -> PathBuf {
        self.sandbox.data().join("blobs/sha256").join(Digest::of(&self.component).hex())
    }

    /// The next sync finds it, says so, and mends it.
    pub fn is_repaired(&self, steps: &[&str], requests: usize) {
        let plan = self.sandbox.run(&["sync", "--check"]);
        assert_eq!(plan.status, 1, "{}", plan.stdout);
        for step in steps {
            assert!(plan.stdout.contains(step), "no `{step}` in {}", plan.stdout);
        }
        self.sandbox.sync(Some(&self.registry), &[]);
        assert_eq!(self.registry.take_log().len(), requests);
        assert_eq!(fs::read(self.blob()).unwrap(), self.component);
    }
}

/// Changes a read-only file in place, as a failing disk would.
pub fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    let mode = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

#[test]
fn a_flipped_or_cut_blob_is_fetched_again_before_anything_is_compiled() {
    let synced = Synced::new();
    let size = synced.component.len();
    for at in [0, 7, size / 2, size - 1] {
        change(&synced.blob(), |bytes| bytes[at] ^= 0x40);
        fs::remove_file(synced.code()).unwrap();
        synced.is_repaired(
            &["fetch    a  component", "damaged in the store: its bytes have the digest", "compile  a"],
            1,
        );
    }
    for length in [0, 8, size - 1] {
        change(&synced.blob(), |bytes| bytes.truncate(length));
        synced.is_repaired(&["damaged in the store"], 1);
    }
}

#[test]
fn a_flipped_or_cut_cwasm_is_compiled_again() {
    let synced = Synced::new();
    let size = fs::read(synced.code()).unwrap().len();
    for at in [0, 100, size / 2, size - 33, size - 32, size - 1] {
        change(&synced.code(), |bytes| bytes[at] ^= 1);
        synced.is_repaired(&["compile  a", "cannot be trusted: its tag does not match"], 0);
    }
    for length in [0, 31, 32, size - 1] {
        change(&synced.code(), |bytes| bytes.truncate(length));
        synced.is_repaired(&["cannot be trusted"], 0);
    }
}

#[test]
fn a_cwasm_that_others_can_change_is_compiled_again() {
    let synced = Synced::new();
    for mode in [0o420, 0o402, 0o666] {
        fs::set_permissions(synced.code(), fs::Permissions::from_mode(mode)).unwrap();
        synced.is_repaired(&["cannot be trusted: others can write to it"], 0);
    }
    let code = synced.code();
    let elsewhere = synced.sandbox.path("elsewhere");
    fs::rename(&code, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &code).unwrap();
    synced.is_repaired(&["cannot be trusted: it is a link"], 0);
}

#[test]
fn another_components_or_engines_valid_cwasm_is_a_miss() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let (one, two) = (component("one"), component("two"));
    let a = registry.push("org/a", "1", &Artifact::wkg(&one));
    let b = registry.push("org/b", "1", &Artifact::wkg(&two));
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    sandbox.write("sesame.toml", format!("{settings}[extensions]\na = \"{a}\"\nb = {{ oci = \"{b}\" }}\nc = {{ oci = \"{a}\", limits.max_fuel = 9 }}\n"));
    sandbox.sync(Some(&registry), &[]);
    let code = |engine: &Path, component: &[u8]| engine.join(Digest::of(component).hex());
    let engines: Vec<PathBuf> =
        fs::read_dir(sandbox.cache().join("cwasm")).unwrap().map(|e| e.unwrap().path()).collect();
    let plain = engines.iter().find(|engine| code(engine, &two).exists()).unwrap();
    let metered = engines.iter().find(|engine| !code(engine, &two).exists()).unwrap();
    let overwrite = |from: PathBuf, to: PathBuf| {
        fs::remove_file(&to).unwrap();
        fs::copy(from, &to).unwrap();
    };
    overwrite(code(plain, &one), code(plain, &two));
    let run = sandbox.run(&["sync", "--check"]);
    assert!(run.status == 1 && run.stdout.contains("compile  b"), "{}", run.stdout);
    sandbox.sync(None, &[]);
    overwrite(code(plain, &one), code(metered, &one));
    let run = sandbox.run(&["sync", "--check"]);
    assert!(run.status == 1 && run.stdout.contains("compile  c"), "{}", run.stdout);
    sandbox.sync(None, &[]);
    fs::rename(plain, sandbox.cache().join("cwasm/00000000000000000000000000000000")).unwrap();
    let run = sandbox.run(&["sync", "--check"]);
    assert!(run.stdout.contains("(the engine changed)"), "{}", run.stdout);
    sandbox.sync(None, &[]);
}

#[test]
fn without_its_key_no_code_is_believed() {
    let synced = Synced::new();
    let key = synced.sandbox.path("home/state/pds/key");
    fs::remove_file(&key).unwrap();
    synced.is_repaired(&["cannot be trusted: the key of this machine is missing"], 0);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    synced.is_repaired(&["missing or not private"], 0);
    change(&key, |bytes| bytes[3] ^= 1);
    synced.is_repaired(&["its tag does not match"], 0);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o400);
}

#[test]
fn a_lock_that_contradicts_its_manifest_is_found() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let (one, two) = (component("one"), component("two"));
    let a = registry.push("org/a", "1", &Artifact::wkg(&one));
    registry.push("org/a", "2", &Artifact::wkg(&two));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    let lock = sandbox.read("sesame.lock").replace(&Digest::of(&one).to_string(), &Digest::of(&two).to_string());
    sandbox.write("sesame.lock", lock);
    sandbox.empty_home();
    sandbox.run(&["sync"]).fails(76, &["`a` is not what sesame.lock says", "hint: restore sesame.lock"]);
    sandbox.ok(&["lock", "--upgrade"]);
}

#[test]
fn a_lock_that_was_edited_is_found_also_when_everything_is_there_already() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let (one, two) = (importing("one", &["open-sesame:host/secret-read@0.1.0"]), component("two"));
    let a = registry.push("org/a", "1", &Artifact::wkg(&one));
    let b = registry.push("org/b", "1", &Artifact::wkg(&two));
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n[extensions]\n", registry.host());
    let granted = format!("{settings}a = {{ oci = \"{a}\", capabilities.secret-read = true }}\nb = \"{b}\"\n");
    sandbox.write("sesame.toml", &granted);
    sandbox.sync(Some(&registry), &[]);
    let lock = sandbox.read("sesame.lock");
    let digests = |bytes: &[u8]| format!("component = \"{}\"\nsize = {}", Digest::of(bytes), bytes.len());
    let hidden = lock.replace("imports = [\n    \"open-sesame:host/secret-read@0.1.0\",\n]", "imports = []");
    let edits = [
        (hidden.clone(), granted.clone(), "it imports `open-sesame:host/secret-read@0.1.0` too"),
        (lock.replace(&digests(&two), &digests(&one)), granted.clone(), "does not lead to the component"),
        (lock.replace(&format!("size = {}", two.len()), "size = 9"), granted.clone(), "bytes, expected 9"),
        (lock.replace("    \"run\",\n", "    \"run\",\n    \"walk\",\n"), granted.clone(), ""),
        (hidden, format!("{settings}a = \"{a}\"\nb = \"{b}\"\n"), "narrowed: 2 extensions"),
    ];
    for (lock, manifest, what) in edits {
        sandbox.write("sesame.lock", lock);
        sandbox.write("sesame.toml", manifest);
        let run = sandbox.run(&["sync", "--locked"]);
        if what.is_empty() {
            run.fails(0, &["up to date"]);
        } else {
            run.fails(76, &["is not what sesame.lock says", what]);
            assert_eq!(
                run.stderr.contains("generation 1 is still live"),
                !what.starts_with("narrowed"),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn a_component_that_the_lock_alone_has_wrong_is_the_fault_of_the_lock() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let bytes = component("a");
    let a = registry.push("org/a", "1", &Artifact::wkg(&bytes));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    let lock = sandbox.read("sesame.lock");
    let digest = Digest::of(&bytes).to_string();
    for (edited, what) in [
        (
            lock.replace(&format!("component = \"{digest}\""), &format!("component = \"{}\"", Digest::of(b"other"))),
            "does not lead to the component",
        ),
        (lock.replace(&format!("size = {}", bytes.len()), "size = 9"), "bytes, expected 9"),
    ] {
        assert_ne!(edited, lock);
        sandbox.write("sesame.lock", &edited);
        for state in ["its documents are in the store", "the store is empty"] {
            let run = sandbox.run(&["sync", "--locked"]);
            assert_eq!(run.status, 76, "{state}: {}", run.stderr);
            run.fails(76, &["`a` is not what sesame.lock says", what, "restore sesame.lock from git"]);
            assert!(!run.stderr.contains("manifest unknown"), "{}", run.stderr);
            // By now the documents are there.
            for command in [&["status"][..], &["diff"], &["sync", "--check"]] {
                let run = sandbox.run(command);
                assert_eq!(run.status, 76, "{state}, {command:?}: {}{}", run.stdout, run.stderr);
            }
            sandbox.empty_home();
        }
        sandbox.write("sesame.lock", &lock);
        sandbox.ok(&["lock"]);
    }
}

#[test]
fn a_call_names_the_key_if_that_is_what_is_wrong() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    let key = sandbox.path("home/state/pds/key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let call = ["extension", "call", "a", "run"];
    let texts = [
        "`a` cannot be loaded: the key of this machine is not usable",
        "others can read it (mode 644)",
        "run `sesame sync`",
    ];
    sandbox.run(&call).fails(76, &texts);
    sandbox.ok(&["sync"]);
    sandbox.ok(&call);
}
