//! Whatever happens to the store is found, named and mended.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component};
use crate::support::greeting::{SECOND, greets, upgrade};
use crate::support::guest;
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};
use crate::support::seeded_rng::SeededRng;
use sesame::model::digest::Digest;

/// A live set of an extension from a registry, and one from a file; an older generation, and a pack of functions.
fn synced(registry: &Registry) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("b.wasm", component("b"));
    upgrade(&sandbox, registry, "b = { path = \"b.wasm\" }\n");
    sandbox
}

fn blob(sandbox: &Sandbox, bytes: &[u8]) -> PathBuf {
    sandbox.data().join("blobs/sha256").join(Digest::of(bytes).hex())
}

/// The component that is live.
fn live(sandbox: &Sandbox) -> PathBuf {
    blob(sandbox, &guest("greeting-0.2.0"))
}

/// The manifest above it.
fn document(sandbox: &Sandbox) -> PathBuf {
    blob(sandbox, &Artifact::wkg(&guest("greeting-0.2.0")).manifest)
}

fn code(sandbox: &Sandbox) -> PathBuf {
    let name = Digest::of(&guest("greeting-0.2.0")).hex();
    let files = sandbox.files(&sandbox.cache().join("cwasm"));
    files.into_iter().find(|file| file.ends_with(&name)).unwrap()
}

fn generation(sandbox: &Sandbox, number: u64) -> PathBuf {
    sandbox.data().join(format!("profiles/default/generations/{number}.toml"))
}

fn key(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("home/state/pds/key")
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mode = fs::metadata(path).unwrap().permissions();
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    chmod(path, 0o600);
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

fn flip(path: &Path) {
    change(path, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

fn document_of(run: &Run) -> Value {
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    document
}

struct Damage {
    what: &'static str,
    /// Does it, and says which path is wrong then.
    damage: fn(&Sandbox) -> PathBuf,
    said: &'static str,
}

const DAMAGES: [Damage; 18] = [
    Damage { what: "a component was changed", damage: |s| done(live(s), flip), said: "its bytes have the digest" },
    Damage {
        what: "a component was cut",
        damage: |s| done(live(s), |path| change(path, |bytes| bytes.truncate(9))),
        said: "its bytes have the digest",
    },
    Damage {
        what: "a component is gone",
        damage: |s| done(live(s), |path| fs::remove_file(path).unwrap()),
        said: "(of greeting): it is not there",
    },
    Damage { what: "a manifest was changed", damage: |s| done(document(s), flip), said: "its bytes have the digest" },
    Damage {
        what: "a component of an older generation is gone",
        damage: |s| done(blob(s, &guest("greeting-0.1.0")), |path| fs::remove_file(path).unwrap()),
        said: "(of greeting): it is not there",
    },
    Damage {
        what: "a component is a link",
        damage: |s| {
            let elsewhere = s.path("elsewhere");
            done(live(s), |path| {
                fs::rename(path, &elsewhere).unwrap();
                symlink(&elsewhere, path).unwrap();
            })
        },
        said: "it is a link",
    },
    Damage {
        what: "a component has another name",
        damage: |s| {
            let elsewhere = s.path("elsewhere");
            done(live(s), |path| fs::hard_link(path, &elsewhere).unwrap())
        },
        said: "it has 2 names",
    },
    Damage {
        what: "others can write to a component",
        damage: |s| done(live(s), |path| chmod(path, 0o666)),
        said: "others can write to it (mode 666)",
    },
    Damage { what: "code was changed", damage: |s| done(code(s), flip), said: "its tag does not match its bytes" },
    Damage {
        what: "code was cut",
        damage: |s| done(code(s), |path| change(path, |bytes| bytes.truncate(9))),
        said: "its tag does not match its bytes",
    },
    Damage {
        what: "others can write to code",
        damage: |s| done(code(s), |path| chmod(path, 0o620)),
        said: "others can write to it (mode 620)",
    },
    Damage {
        what: "others can read the key",
        damage: |s| done(key(s), |path| chmod(path, 0o644)),
        said: "others can read it (mode 644)",
    },
    Damage {
        what: "the key was cut",
        damage: |s| done(key(s), |path| change(path, |bytes| bytes.truncate(31))),
        said: "it does not have 32 bytes",
    },
    Damage {
        what: "the key is gone",
        damage: |s| done(key(s), |path| fs::remove_file(path).unwrap()),
        said: "it is not there",
    },
    Damage {
        what: "others can write to a folder",
        damage: |s| done(s.data().join("profiles/default"), |path| chmod(path, 0o777)),
        said: "others can write to it (mode 777)",
    },
    Damage {
        what: "an older generation was changed",
        damage: |s| done(generation(s, 1), |path| change(path, |bytes| bytes.truncate(60))),
        said: "invalid basic string",
    },
    Damage {
        what: "an older generation is a link",
        damage: |s| {
            let elsewhere = s.path("elsewhere");
            done(generation(s, 1), |path| {
                fs::rename(path, &elsewhere).unwrap();
                symlink(&elsewhere, path).unwrap();
            })
        },
        said: "it is a link",
    },
    Damage {
        what: "others can write to the beginning of a download",
        damage: |s| {
            let path = s.data().join("staging").join(format!("{}.partial", "7".repeat(64)));
            fs::write(&path, "begun").unwrap();
            done(path, |path| chmod(path, 0o666))
        },
        said: "others can write to it (mode 666)",
    },
];

fn done(path: PathBuf, damage: impl FnOnce(&Path)) -> PathBuf {
    damage(&path);
    path
}

/// Everything works as it should.
fn is_whole(sandbox: &Sandbox, what: &str) {
    let run = sandbox.run(&["verify"]);
    assert!(run.status == 0 && run.stderr.contains("nothing is wrong with"), "{what}: {}", run.stderr);
    assert_eq!(greets(sandbox), SECOND, "{what}");
    assert_eq!(sandbox.ok(&["extension", "call", "b", "run"]).stdout, "7\n", "{what}");
    assert!(sandbox.ok(&["sync"]).stderr.contains("up to date"), "{what}");
}

#[test]
fn a_deleted_cache_is_a_note_and_can_be_filled_again() {
    let registry = Registry::start();
    type Delete = fn(&Sandbox);
    let deletions: [(&str, Delete); 2] = [
        ("code", |sandbox| fs::remove_file(code(sandbox)).unwrap()),
        ("the whole cache", |sandbox| fs::remove_dir_all(sandbox.path("home/cache")).unwrap()),
    ];
    for (what, delete) in deletions {
        let sandbox = synced(&registry);
        delete(&sandbox);
        let run = sandbox.ok(&["verify"]);
        run.fails(0, &["note  compiled code ", "(of greeting): it is not there", "the next sync compiles it again"]);
        assert!(run.stderr.contains("nothing is wrong with"), "{what}: {}", run.stderr);
        let found = document_of(&sandbox.ok(&["verify", "--json"]));
        assert_eq!(found["data"]["findings"][0]["kind"], "code", "{found}");
        sandbox.ok(&["verify", "--repair"]).fails(0, &["mended  "]);
        is_whole(&sandbox, what);
    }
}

#[test]
fn each_damage_is_named_and_mended() {
    let registry = Registry::start();
    for Damage { what, damage, said } in DAMAGES {
        let sandbox = synced(&registry);
        is_whole(&sandbox, what);
        let path = damage(&sandbox);
        let path = path.display().to_string();
        let run = sandbox.run(&["verify"]);
        assert!(run.stderr.contains(&path) && run.stderr.contains(said), "{what}: {}", run.stderr);
        run.fails(76, &["wrong  ", "error: 1 fault in ", "hint: `sesame verify --repair`"]);
        let json = sandbox.run(&["verify", "--json"]);
        let found = document_of(&json);
        assert_eq!((json.status, &found["data"]["findings"][0]["path"]), (76, &Value::from(path)), "{what}");
        let run = sandbox.run(&["verify", "--repair"]);
        assert_eq!(run.status, 0, "{what}: {}", run.stderr);
        assert!(run.stderr.contains("mended  ") && run.stderr.contains("done: mended "), "{what}: {}", run.stderr);
        is_whole(&sandbox, what);
    }
}

/// How many files are damaged at a time.
const AT_A_TIME: u32 = 10;

/// Random damage to random files of store and cache: all of it found and named, none of it run, all of it mended; without a
/// network all named, and the rest goes on.
fn damaged(times: u32) {
    let registry = Registry::start();
    let sandbox = Sandbox::new();
    let small: Vec<(String, Vec<u8>)> =
        (0..12).map(|number| (format!("small-{number}"), component(&format!("small {number}")))).collect();
    let others = small.iter().map(|(name, bytes)| {
        let reference = registry.push(&format!("org/{name}"), "1", &Artifact::wkg(bytes));
        format!("{name} = \"{reference}\"\n")
    });
    upgrade(&sandbox, &registry, &others.collect::<String>());
    // The greeting of before is kept for its generation, and its code by nobody.
    let spare = Digest::of(&guest("greeting-0.1.0")).hex();
    let mut chance = SeededRng(0x7E57_F11E);
    for time in 0..times {
        let places = [sandbox.data().join("blobs"), sandbox.cache().join("cwasm")];
        let mut files: Vec<PathBuf> = places.iter().flat_map(|place| sandbox.files(place)).collect();
        let mut told = format!("time {time}:");
        let mut hit: Vec<(PathBuf, bool)> = Vec::new();
        for _ in 0..AT_A_TIME {
            let file = files.swap_remove(chance.below(files.len() as u64) as usize);
            let at = chance.below(fs::metadata(&file).unwrap().len()) as usize;
            let how = ["flipped", "cut", "removed"][chance.below(3) as usize];
            match how {
                "flipped" => change(&file, |bytes| bytes[at] ^= 1 << (at % 8)),
                "cut" => change(&file, |bytes| bytes.truncate(at)),
                _ => fs::remove_file(&file).unwrap(),
            }
            told += &format!(" {} was {how} at {at};", file.display());
            let is_spare = file.ends_with(&spare) && file.starts_with(sandbox.cache());
            hit.push((file, !(is_spare && how == "removed")));
        }
        let names = |run: &Run| {
            for (file, _) in hit.iter().filter(|(_, is_missed)| *is_missed) {
                assert!(run.stderr.contains(&file.display().to_string()), "{told} {}: {}", file.display(), run.stderr);
            }
        };
        let run = sandbox.run(&["verify"]);
        assert_eq!(run.status, 76, "{told}");
        names(&run);
        let is_hit = |place: &PathBuf, bytes: &[u8]| {
            hit.iter().any(|(file, _)| file.starts_with(place) && file.ends_with(Digest::of(bytes).hex()))
        };
        // One that was damaged is not run, and the others do not mind.
        let calls = |mended: bool| {
            let greeting = ("greeting".to_owned(), guest("greeting-0.2.0"));
            for (name, bytes) in small.iter().chain([&greeting]) {
                let (function, answer): (&[&str], _) =
                    if name == "greeting" { (&["greet", " "], SECOND) } else { (&["run"], "7\n") };
                let run = sandbox.run(&[&["extension", "call", name.as_str()], function].concat());
                let can_compile = mended && !is_hit(&places[0], bytes);
                let lost = is_hit(&places[1], bytes) && !can_compile;
                let is_right = if lost { [66, 76].contains(&run.status) } else { run.stdout == answer };
                assert!(is_right, "{told} {name}: {} {}", run.stdout, run.stderr);
            }
        };
        calls(false);
        if time % 2 == 1 {
            let run = sandbox.run(&["verify", "--repair", "--offline"]);
            let lost = hit.iter().any(|(file, _)| file.starts_with(&places[0]));
            assert_eq!(run.status, if lost { 76 } else { 0 }, "{told} {}", run.stderr);
            names(&run);
            calls(true);
        }
        let run = sandbox.run(&["verify", "--repair"]);
        assert_eq!(run.status, 0, "{told}: {}", run.stderr);
        let run = sandbox.run(&["verify"]);
        assert_eq!(run.status, 0, "{told}: {}", run.stderr);
        // What was put aside is the person's to remove.
        let _ = fs::remove_dir_all(sandbox.data().join("quarantine"));
    }
}

#[test]
fn random_damage_is_found_and_mended() {
    damaged(4);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn ten_thousand_random_damages_are_found_and_mended() {
    damaged(10_000 / AT_A_TIME);
}

#[test]
fn without_a_network_what_is_lost_is_named_and_the_rest_goes_on() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    flip(&live(&sandbox));
    fs::remove_file(blob(&sandbox, &component("b"))).unwrap();
    registry.take_log();
    let run = sandbox.run(&["verify", "--repair", "--offline"]);
    run.fails(76, &["left  blob ", "(of greeting)", "offline", "1 fault in", "1 mended"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    assert_eq!(sandbox.ok(&["extension", "call", "b", "run"]).stdout, "7\n");
    // What is wrong was put aside, and is nowhere under its name.
    assert!(!live(&sandbox).exists() && sandbox.files(&sandbox.data().join("quarantine")).len() == 1);
    sandbox.ok(&["verify", "--repair"]).fails(0, &["it was fetched again"]);
    is_whole(&sandbox, "with a network");
}

#[test]
fn what_says_what_is_live_is_not_guessed() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    change(&generation(&sandbox, 2), |bytes| bytes.truncate(60));
    let run = sandbox.run(&["verify", "--repair"]);
    run.fails(76, &["left  generation ", "generations/2.toml"]);
    assert!(generation(&sandbox, 2).exists());
    sandbox.ok(&["rollback", "1"]);
    sandbox.ok(&["verify", "--repair"]).fails(0, &["it was put aside"]);
    sandbox.ok(&["sync"]);
    is_whole(&sandbox, "after that");
}

/// Whatever has become of the record, what is live is not taken for nothing, and the commands that are named decide.
#[test]
fn a_lost_record_of_what_is_live_is_noticed_and_can_be_made_again() {
    let registry = Registry::start();
    let lose = |what: &str, path: &Path| match what {
        "removed" => fs::remove_file(path).unwrap(),
        "a link" => {
            fs::remove_file(path).unwrap();
            symlink("/dev/null", path).unwrap();
        }
        "others can write to it" => chmod(path, 0o666),
        _ => change(path, |bytes| *bytes = b"9\n".to_vec()),
    };
    for what in ["removed", "a link", "others can write to it", "another number"] {
        for decide in [&["rollback", "2"][..], &["sync", "--adopt"]] {
            let sandbox = synced(&registry);
            lose(what, &sandbox.data().join("profiles/default/current"));
            let run = sandbox.run(&["verify", "--repair"]);
            run.fails(76, &["left  generation ", "sesame rollback N", "sesame sync --adopt"]);
            sandbox.run(&["status"]).fails(74, &[]);
            // Nobody else's set takes its place.
            let other = Sandbox::new();
            other.write("sesame.toml", "[extensions]\n");
            let manifest = other.path("project/sesame.toml").display().to_string();
            sandbox.run(&["sync", "-m", &manifest]).fails(74, &["cannot tell what is live", "sesame sync --adopt"]);
            let run = sandbox.run(decide);
            assert_eq!(run.status, 0, "{what}, {decide:?}: {}", run.stderr);
            sandbox.ok(&["sync"]);
            is_whole(&sandbox, what);
        }
    }
}

#[test]
fn what_another_sesame_wrote_and_what_runs_is_not_put_aside() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    let first = generation(&sandbox, 1);
    let text = fs::read_to_string(&first).unwrap();
    change(&first, |bytes| *bytes = text.replacen("version = 3", "version = 99", 1).into_bytes());
    sandbox.run(&["verify", "--repair"]).fails(76, &["left  generation ", "version 99"]);
    assert!(first.exists());
    change(&first, |bytes| *bytes = text.clone().into_bytes());
    sandbox.ok(&["rollback", "1"]);
    let held = crate::support::library_host::live(&sandbox);
    sandbox.ok(&["rollback", "2"]);
    change(&first, |bytes| bytes.truncate(60));
    sandbox.run(&["verify", "--repair"]).fails(76, &["left  generation "]);
    drop(held);
    sandbox.ok(&["verify", "--repair"]);
    assert!(!first.exists());
}

#[test]
fn a_lock_that_cannot_be_read_is_named_and_left() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    sandbox.write("sesame.lock", "<<<<<<< ours\n");
    let lock = sandbox.path("project/sesame.lock").display().to_string();
    sandbox
        .run(&["verify", "--repair"])
        .fails(76, &["left  lock ", &lock, "1:1: `<<<<<<<` is a merge-conflict marker", "finish the merge"]);
    assert_eq!(sandbox.read("sesame.lock"), "<<<<<<< ours\n");
}

#[test]
fn files_that_are_not_sesames_are_left_alone() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    for place in ["blobs/sha256/README", "staging/notes.txt", "profiles/default/generations/old.toml", "mine"] {
        File::create(sandbox.data().join(place)).unwrap();
    }
    is_whole(&sandbox, "with other files");
    assert!(sandbox.data().join("blobs/sha256/README").exists());
}
