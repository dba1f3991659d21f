//! `sync`: what it asks, what it does, what it leaves.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::artifact::{Artifact, component, importing};
use crate::support::registry::{Fault, Registry};
use crate::support::sandbox::{Run, Sandbox};
use sesame::model::digest::Digest;

#[test]
fn a_cold_sync_makes_two_requests_per_extension_and_the_next_one_none() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&component("b")));
    sandbox.want(&registry, &[("a", &a), ("b", &b)]);
    let run = sandbox.sync(Some(&registry), &[]);
    assert!(run.stderr.contains("2 extensions are live in profile `default` (generation 1)"), "{}", run.stderr);
    assert_eq!(registry.take_log().len(), 4);

    sandbox.empty_home();
    sandbox.sync(Some(&registry), &["--locked"]);
    let log = registry.take_log();
    assert_eq!(log.len(), 4, "{log:?}");
    assert!(log.iter().all(|line| line.contains("sha256:")), "a locked sync asks for digests only: {log:?}");
}

#[test]
fn lock_and_then_sync_fetch_nothing_twice() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    assert_eq!(registry.take_log().len(), 2);
    sandbox.sync(Some(&registry), &[]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
}

#[test]
fn a_moved_tag_does_not_change_what_is_installed() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let old = Artifact::wkg(&component("old"));
    let a = registry.push("org/a", "1", &old);
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    let new = Artifact::wkg(&importing("new", &["open-sesame:host/config-read@0.1.0"]));
    registry.push("org/a", "1", &new);
    for arguments in [&["sync"][..], &["sync", "--locked"], &["sync", "--frozen"]] {
        sandbox.empty_home();
        registry.take_log();
        sandbox.ok(arguments);
        let log = registry.take_log();
        assert!(!log.iter().any(|line| line.ends_with("/manifests/1")), "{log:?}");
        let live = fs::read_to_string(sandbox.data().join("profiles/default/generations/1.toml")).unwrap();
        assert!(live.contains(&old.digest().to_string()), "{live}");
    }
    registry.take_log();
    let run = sandbox.ok(&["lock"]);
    assert!(run.stderr.contains("satisfies the manifest"), "{}", run.stderr);
    assert_eq!(registry.take_log(), Vec::<String>::new());

    let refused = sandbox.run(&["lock", "--upgrade"]);
    refused
        .fails(77, &["`a` needs what sesame.toml:5:1 does not grant: config-read", "run `sesame grant a config-read`"]);
    let text = sandbox
        .read("sesame.toml")
        .replace(&format!("\"{a}\""), &format!("{{ oci = \"{a}\", capabilities.config-read = true }}"));
    sandbox.write("sesame.toml", text);
    let upgraded = sandbox.ok(&["lock", "--upgrade"]);
    for text in [&old.digest().short(), &new.digest().short(), "capabilities: +config-read"] {
        assert!(upgraded.stderr.contains(text), "no {text} in {}", upgraded.stderr);
    }
}

#[test]
fn one_bad_extension_of_ten_leaves_the_old_set_live_and_the_nine_ready() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let first = registry.push("org/first", "1", &Artifact::wkg(&component("first")));
    sandbox.want(&registry, &[("f0", &first)]);
    sandbox.sync(Some(&registry), &[]);

    let components: Vec<Vec<u8>> = (0..10).map(|number| component(&format!("ten {number}"))).collect();
    let names: Vec<String> = (0..10).map(|number| format!("e{number}")).collect();
    let push =
        |(name, component): (&String, &Vec<u8>)| registry.push(&format!("org/{name}"), "1", &Artifact::wkg(component));
    let references: Vec<String> = names.iter().zip(&components).map(push).collect();
    let mut wanted: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(references.iter().map(String::as_str)).collect();
    wanted.push(("f0", &first));
    sandbox.want(&registry, &wanted);
    sandbox.ok(&["lock"]);
    fs::remove_dir_all(sandbox.data().join("blobs")).unwrap();
    let bad = Digest::of(&components[7]);
    let mut wrong = components[7].clone();
    *wrong.last_mut().unwrap() ^= 1;
    registry.misbehave(&bad.to_string(), Fault::Bytes(wrong.clone()));
    registry.take_log();

    let run = sandbox.run(&["sync"]);
    run.fails(
        76,
        &["e7: ", "other bytes than asked for", "nothing was activated", "generation 1 is still live", "1 of 11"],
    );
    for name in &names {
        let status = if name == "e7" { "failed" } else { "ready" };
        assert!(run.stderr.contains(&format!("  {name}  {status}")), "{name}: {}", run.stderr);
    }
    assert_eq!(fs::read_to_string(sandbox.data().join("profiles/default/current")).unwrap(), "1\n");
    for (name, component) in names.iter().zip(&components) {
        let blob = sandbox.data().join("blobs/sha256").join(Digest::of(component).hex());
        assert_eq!(blob.exists(), name != "e7", "{name}");
    }
    assert_eq!(sandbox.files(&sandbox.cache().join("cwasm")).len(), 10, "nine and the first");
    for file in sandbox.files(&sandbox.path("home")) {
        assert_ne!(fs::read(&file).unwrap(), wrong, "{}", file.display());
    }

    registry.behave();
    registry.take_log();
    sandbox.sync(Some(&registry), &[]);
    assert_eq!(registry.take_log(), [format!("GET /v2/org/e7/blobs/{bad}")]);
}

#[test]
fn two_syncs_at_once_both_succeed_and_fetch_each_component_once() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let components: Vec<Vec<u8>> = (0..4).map(|number| component(&format!("twice {number}"))).collect();
    let references: Vec<String> = components
        .iter()
        .enumerate()
        .map(|(i, c)| registry.push(&format!("org/e{i}"), "1", &Artifact::wkg(c)))
        .collect();
    let names: Vec<String> = (0..4).map(|number| format!("e{number}")).collect();
    let wanted: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(references.iter().map(String::as_str)).collect();
    sandbox.want(&registry, &wanted);
    for component in &components {
        registry.misbehave(&Digest::of(component).to_string(), Fault::Delay(Duration::from_millis(300)));
    }
    let spawn = || sandbox.command(&["sync"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let (one, two) = (spawn(), spawn());
    let ends = [one.wait_with_output().unwrap(), two.wait_with_output().unwrap()];
    let said: Vec<String> = ends.iter().map(|end| String::from_utf8_lossy(&end.stderr).into_owned()).collect();
    assert!(ends.iter().all(|end| end.status.success()), "{said:?}");
    let waited = said.iter().filter(|text| text.contains("waiting for `sesame sync` (process")).count();
    assert_eq!(waited, 1, "{said:?}");
    let log = registry.take_log();
    for component in &components {
        let digest = Digest::of(component).to_string();
        assert_eq!(log.iter().filter(|line| line.contains(&digest)).count(), 1, "{log:?}");
    }
}

#[test]
fn a_change_of_grants_limits_or_config_is_a_new_generation_and_compiles_nothing() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.sync(Some(&registry), &[]);
    let text = sandbox.read("sesame.toml").replace(
        &format!("\"{a}\""),
        &format!("{{ oci = \"{a}\", capabilities.log = false, limits.timeout_ms = 5, config.x = 1 }}")
            .replace("capabilities.log = false, ", ""),
    );
    sandbox.write("sesame.toml", format!("{text}\n[config]\nlocale = \"en\"\n"));
    let run = sandbox.sync(Some(&registry), &[]);
    assert!(run.stderr.contains("generation 2") && !run.stderr.contains("compiled"), "{}", run.stderr);
    let live = fs::read_to_string(sandbox.data().join("profiles/default/generations/2.toml")).unwrap();
    for line in ["timeout_ms = 5", "x = \"1\"", "locale = \"en\""] {
        assert!(live.contains(line), "{live}");
    }
}

#[test]
fn extensions_with_fuel_have_code_of_their_own() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let text = format!(
        "[registries.\"{}\"]\nplain-http = true\n[extensions]\nplain = \"{a}\"\nalso = \"{a}\"\n\
         metered = {{ oci = \"{a}\", limits.max_fuel = 1000 }}\n",
        registry.host()
    );
    sandbox.write("sesame.toml", text);
    sandbox.sync(Some(&registry), &[]);
    assert_eq!(registry.take_log().iter().filter(|line| line.contains("/blobs/")).count(), 1);
    assert_eq!(sandbox.files(&sandbox.cache().join("cwasm")).len(), 2);
}

#[test]
fn a_removed_extension_is_no_longer_live_and_ten_generations_are_kept() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    for number in 1..=13 {
        sandbox.want(&registry, &[("a", &a)]);
        let text = sandbox.read("sesame.toml");
        sandbox.write("sesame.toml", format!("{text}\n[config]\nnumber = {number}\n"));
        sandbox.ok(&["sync"]);
    }
    let kept = sandbox.files(&sandbox.data().join("profiles/default/generations"));
    assert_eq!(kept.len(), 10, "{kept:?}");
    sandbox.want(&registry, &[]);
    let run = sandbox.sync(Some(&registry), &[]);
    assert!(run.stderr.contains("- a") && run.stderr.contains("0 extensions are live"), "{}", run.stderr);
}

#[test]
fn folders_are_private_and_files_read_only_whatever_the_umask() {
    for umask in ["0000", "0777"] {
        let (sandbox, registry) = (Sandbox::new(), Registry::start());
        let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
        sandbox.want(&registry, &[("a", &a)]);
        sandbox.ok(&["lock"]);
        let plain = sandbox.command(&["sync"]);
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "umask \"$1\"; shift; exec \"$@\"", "sh", umask])
            .arg(plain.get_program())
            .args(plain.get_args());
        command.current_dir(sandbox.path("project")).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let run = Run::of(&mut command);
        assert_eq!(run.status, 0, "{}", run.stderr);
        for folder in [sandbox.data(), sandbox.cache(), sandbox.path("home/state/pds")] {
            for path in sandbox.trace(&folder).into_keys() {
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
                let expected = if path.is_dir() {
                    0o700
                } else if path.ends_with("pds/lock") {
                    0o600
                } else {
                    0o400
                };
                assert_eq!(mode, expected, "{}: {mode:o}", path.display());
            }
        }
    }
}

#[test]
fn an_interrupt_leaves_the_old_set_live_and_keeps_what_was_verified() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let (quick, slow) = (component("quick"), component("slow"));
    let a = registry.push("org/a", "1", &Artifact::wkg(&quick));
    let b = registry.push("org/b", "1", &Artifact::wkg(&slow));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.sync(Some(&registry), &[]);
    sandbox.want(&registry, &[("a", &a), ("b", &b)]);
    sandbox.ok(&["lock"]);
    fs::remove_dir_all(sandbox.data().join("blobs")).unwrap();
    registry.misbehave(&Digest::of(&slow).to_string(), Fault::Delay(Duration::from_secs(30)));
    registry.take_log();
    let child = sandbox.command(&["sync"]).env_remove("SESAME_TEST_PACE").stderr(Stdio::piped()).spawn().unwrap();
    let blob = sandbox.data().join("blobs/sha256").join(Digest::of(&quick).hex());
    registry.wait_for(&Digest::of(&slow).to_string());
    for _ in 0..3000 {
        if blob.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let end = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&end.stderr).into_owned();
    assert_eq!(end.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted; generation 1 is still live"), "{said}");
    assert!(blob.exists());
    assert_eq!(fs::read_to_string(sandbox.data().join("profiles/default/current")).unwrap(), "1\n");
    registry.behave();
    sandbox.sync(Some(&registry), &[]);
    assert!(sandbox.files(&sandbox.data().join("staging")).is_empty(), "something stays staged");
}

#[test]
fn a_killed_sync_leaves_the_old_set_live_and_the_next_one_ends_right() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let bytes = component("slow");
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("quick")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&bytes));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.sync(Some(&registry), &[]);
    sandbox.want(&registry, &[("a", &a), ("b", &b)]);
    registry.misbehave(&Digest::of(&bytes).to_string(), Fault::Delay(Duration::from_secs(30)));
    let mut child = sandbox.command(&["sync", "-q"]).spawn().unwrap();
    registry.wait_for(&Digest::of(&bytes).to_string());
    let mut waiting = sandbox.command(&["sync"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("waiting for `sesame sync`"), "{line}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&waiting), rustix::process::Signal::INT).unwrap();
    said.read_to_string(&mut line).unwrap();
    assert!(line.contains("interrupted while waiting for"), "{line}");
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read_to_string(sandbox.data().join("profiles/default/current")).unwrap(), "1\n");
    registry.behave();
    assert!(sandbox.sync(Some(&registry), &[]).stderr.contains("generation 2"));
}

#[test]
fn a_component_that_is_no_regular_file_is_refused_at_once() {
    let sandbox = Sandbox::new();
    sandbox
        .write("sesame.toml", "extensions.a = { path = \"/dev/zero\" }\nextensions.b = { path = \"nowhere.wasm\" }\n");
    sandbox.run(&["sync"]).fails(74, &["/dev/zero", "it is not a regular file", "`b` is made from nowhere.wasm"]);
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    fs::File::create(sandbox.path("project/a.wasm")).unwrap().set_len((512 << 20) + 1).unwrap();
    sandbox.run(&["sync"]).fails(65, &["a.wasm, which has 536870913 bytes; at most 536870912 are allowed"]);
}

#[test]
fn a_component_from_a_file_follows_its_file() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("one"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.sync(None, &[]);
    sandbox.write("a.wasm", component("two"));
    sandbox
        .run(&["sync", "--locked"])
        .fails(65, &["sesame.lock is stale: `a` was changed since it was locked: a.wasm"]);
    let run = sandbox.sync(None, &[]);
    assert!(run.stderr.contains("generation 2"), "{}", run.stderr);
    sandbox.write("a.wasm", component("three"));
    sandbox.ok(&["sync", "--frozen"]);
    fs::remove_dir_all(sandbox.data().join("blobs")).unwrap();
    let changed = "the file of `a` was changed since it was locked";
    let found = |bytes: &[u8]| format!("found {}", Digest::of(bytes));
    let three = found(&component("three"));
    sandbox.run(&["sync", "--frozen"]).fails(76, &[changed, &three, "hint: run `sesame lock`"]);
    // All of it counts, also where there is more of it than was locked.
    let longer = component(&"longer".repeat(100));
    sandbox.write("a.wasm", &longer);
    sandbox.run(&["sync", "--frozen"]).fails(76, &[changed, &found(&longer)]);
    sandbox.write("a.wasm", "\u{7f}ELF");
    sandbox.run(&["sync"]).fails(65, &["`a` is made from a.wasm, which is an ELF file"]);
    fs::remove_file(sandbox.path("project/a.wasm")).unwrap();
    sandbox.run(&["sync"]).fails(65, &["`a` is made from a.wasm, which does not exist", "sesame.toml:1:12"]);
}

#[test]
fn a_profile_is_named_by_the_manifest_or_the_command_line() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("one"));
    sandbox.write("sesame.toml", "profile = \"work\"\nextensions.a = { path = \"a.wasm\" }\n");
    assert!(sandbox.sync(None, &[]).stderr.contains("profile `work` (generation 1)"));
    assert!(sandbox.sync(None, &["--profile", "play"]).stderr.contains("profile `play` (generation 1)"));
    assert_eq!(sandbox.files(&sandbox.cache().join("cwasm")).len(), 1);
    sandbox.run(&["sync", "--profile", "../x"]).fails(2, &["a name is made of"]);
}
