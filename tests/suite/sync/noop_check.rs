//! What is told at a glance, from how everything looked before, is never wrong.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::support::artifact::{Artifact, component};
use crate::support::fixture;
use crate::support::library_host::context;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use sesame::model::digest::Digest;
use sesame::ops::sync::noop_check;
use sesame::ops::sync::options::{LockPolicy, ProfileTakeover, SyncOptions, WriteMode};

/// What a sync says at a glance: how many extensions are live.
fn glance(sandbox: &Sandbox) -> Option<usize> {
    let options = SyncOptions {
        mode: WriteMode::Write,
        policy: LockPolicy::Update,
        ownership: ProfileTakeover::Refuse,
        profile: None,
    };
    let answer = noop_check::check_up_to_date(&context(sandbox), &options);
    answer.map(|answer| answer.extensions)
}

/// A live set of an extension from a registry, one from a file and one of a drop-in manifest.
fn synced(registry: &Registry) -> Sandbox {
    let sandbox = Sandbox::new();
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.write("b.wasm", component("b"));
    sandbox.write("c.wasm", component("c"));
    sandbox.write("extensions/c.toml", "[extension]\nname = \"c\"\npath = \"../c.wasm\"\n");
    let text = format!("[registries.\"{}\"]\nplain-http = true\n\n[extensions]\n", registry.host());
    sandbox
        .write("sesame.toml", format!("{text}a = \"{a}\"\nb = {{ path = \"b.wasm\", limits.max_fuel = 1000000 }}\n"));
    sandbox.ok(&["sync"]);
    sandbox
}

/// Changes a file in place, with the size and the time of modification that it had.
fn flip(path: &Path) {
    let metadata = fs::metadata(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
    fs::set_permissions(path, metadata.permissions()).unwrap();
}

fn cut(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    File::options().write(true).open(path).unwrap().set_len(8).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o400)).unwrap();
}

type Change = fn(&Sandbox);

fn blob(sandbox: &Sandbox) -> PathBuf {
    sandbox.data().join("blobs/sha256").join(Digest::of(&component("a")).hex())
}

fn document(sandbox: &Sandbox) -> PathBuf {
    let files = sandbox.files(&sandbox.data().join("blobs"));
    files.into_iter().find(|path| fs::read(path).unwrap().starts_with(b"{")).unwrap()
}

fn code(sandbox: &Sandbox) -> PathBuf {
    sandbox.files(&sandbox.cache().join("cwasm")).remove(0)
}

fn profile(sandbox: &Sandbox, path: &str) -> PathBuf {
    sandbox.data().join("profiles/default").join(path)
}

const CHANGES: [(&str, Change); 25] = [
    ("a blob is gone", |sandbox| fs::remove_file(blob(sandbox)).unwrap()),
    ("a blob was cut", |sandbox| cut(&blob(sandbox))),
    ("a blob was changed in place", |sandbox| flip(&blob(sandbox))),
    ("a blob is a link", |sandbox| {
        fs::rename(blob(sandbox), sandbox.path("elsewhere")).unwrap();
        symlink(sandbox.path("elsewhere"), blob(sandbox)).unwrap();
    }),
    ("others can write a blob", |sandbox| fs::set_permissions(blob(sandbox), Permissions::from_mode(0o666)).unwrap()),
    ("a document is gone", |sandbox| fs::remove_file(document(sandbox)).unwrap()),
    ("a document was changed in place", |sandbox| flip(&document(sandbox))),
    ("code is gone", |sandbox| fs::remove_file(code(sandbox)).unwrap()),
    ("code was cut", |sandbox| cut(&code(sandbox))),
    ("code was changed in place", |sandbox| flip(&code(sandbox))),
    ("all code is gone", |sandbox| fs::remove_dir_all(sandbox.cache().join("cwasm")).unwrap()),
    ("all blobs are gone", |sandbox| fs::remove_dir_all(sandbox.data().join("blobs")).unwrap()),
    ("nothing is live", |sandbox| fs::remove_file(profile(sandbox, "current")).unwrap()),
    ("what is live was changed in place", |sandbox| flip(&profile(sandbox, "generations/1.toml"))),
    ("the generation is gone", |sandbox| fs::remove_file(profile(sandbox, "generations/1.toml")).unwrap()),
    ("the key was changed in place", |sandbox| flip(&sandbox.path("home/state/pds/key"))),
    ("the key is gone", |sandbox| fs::remove_file(sandbox.path("home/state/pds/key")).unwrap()),
    ("the manifest says something else", |sandbox| {
        let text = sandbox.read("sesame.toml").replace("1000000", "2000000");
        let path = sandbox.path("project/sesame.toml");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        sandbox.write("sesame.toml", text);
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }),
    ("the lock says something else", |sandbox| flip(&sandbox.path("project/sesame.lock"))),
    ("the lock is gone", |sandbox| fs::remove_file(sandbox.path("project/sesame.lock")).unwrap()),
    ("a component of the project was changed in place", |sandbox| flip(&sandbox.path("project/b.wasm"))),
    ("a drop-in manifest was changed in place", |sandbox| flip(&sandbox.path("project/extensions/c.toml"))),
    ("a drop-in manifest is gone", |sandbox| {
        fs::remove_file(sandbox.path("project/extensions/c.toml")).unwrap();
    }),
    ("there is one more drop-in manifest", |sandbox| {
        sandbox.write("extensions/d.toml", "[extension]\nname = \"d\"\npath = \"../c.wasm\"\n");
    }),
    ("there is a policy", |sandbox| {
        fs::create_dir_all(sandbox.path("home/config/pds")).unwrap();
        fs::write(sandbox.path("home/config/pds/policy.toml"), "[limits]\nmax_fuel = 10\n").unwrap();
    }),
];

#[test]
fn nothing_is_up_to_date_at_a_glance_that_was_deleted_cut_or_changed_in_place() {
    let registry = Registry::start();
    let sandboxes: Vec<Sandbox> = CHANGES.iter().map(|_| synced(&registry)).collect();
    let untouched = synced(&registry);
    sandboxes.iter().chain([&untouched]).for_each(Sandbox::leave_alone);
    for (sandbox, (what, change)) in sandboxes.iter().zip(CHANGES) {
        sandbox.ok(&["sync"]);
        assert_eq!(glance(sandbox), Some(3), "before {what}");
        change(sandbox);
        assert_eq!(glance(sandbox), None, "{what}");
    }
    assert_eq!(glance(&untouched), None, "nobody has looked yet");
    untouched.ok(&["sync"]);
    // What is written again as it was, a manifest that was only touched, is no change.
    untouched.write("sesame.toml", untouched.read("sesame.toml"));
    assert_eq!(glance(&untouched), Some(3));
}

#[test]
fn a_damaged_stamp_is_no_stamp() {
    let registry = Registry::start();
    let sandbox = synced(&registry);
    sandbox.leave_alone();
    sandbox.ok(&["sync"]);
    let stamp = sandbox.files(&sandbox.cache().join("stamps")).remove(0);
    let whole = fs::read(&stamp).unwrap();
    let put = |bytes: &[u8]| {
        fs::remove_file(&stamp).unwrap();
        fs::write(&stamp, bytes).unwrap();
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x01;
        put(&bytes);
        // A stamp authenticates nothing: it may be wrong about a number that is only said.
        assert!(glance(&sandbox).is_none_or(|extensions| extensions < 10), "{at}");
        put(&whole[..at]);
        assert_eq!(glance(&sandbox), None, "cut at {at}");
    }
    put(&whole);
    assert_eq!(glance(&sandbox), Some(3));
    assert_eq!(sandbox.ok(&["sync"]).stderr, "up to date: 3 extensions are live in profile `default` (generation 1)\n");
}

#[test]
fn what_was_changed_a_moment_ago_and_what_is_warned_of_are_looked_at_each_time() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "[extensions]\na = { path = \"a.wasm\" }\n");
    sandbox.ok(&["sync"]);
    sandbox.ok(&["sync"]);
    assert_eq!(glance(&sandbox), None, "changed a moment ago");
    let warned = "[extensions]\na = { path = \"a.wasm\", capabilities.config-read = true }\n";
    let folder = "[extensions]\na = { path = \"reader.wasm\", capabilities.fs-read = [\"~/documents\"] }\n";
    sandbox
        .write("reader.wasm", wat::parse_str(fs::read_to_string(fixture("hostile/read-passwd.wat")).unwrap()).unwrap());
    fs::create_dir(sandbox.path("home/documents")).unwrap();
    for text in [warned, folder] {
        sandbox.write("sesame.toml", text);
        sandbox.ok(&["sync"]);
        sandbox.leave_alone();
        let before = sandbox.ok(&["sync"]);
        assert!(before.stderr.contains("up to date"), "{}", before.stderr);
        assert_eq!(glance(&sandbox), None, "{text}");
        assert_eq!(sandbox.ok(&["sync"]).stderr, before.stderr);
        assert_eq!(before.stderr.contains("warning"), text == warned, "{}", before.stderr);
    }
    fs::remove_dir(sandbox.path("home/documents")).unwrap();
    assert!(sandbox.ok(&["sync"]).stderr.contains("warning"), "the folder is gone");
}

#[test]
fn a_satisfied_lock_is_seen_at_a_glance_and_says_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "[extensions]\na = { path = \"a.wasm\" }\n");
    sandbox.ok(&["lock"]);
    sandbox.leave_alone();
    let before = sandbox.ok(&["lock"]).stderr;
    assert_eq!(sandbox.files(&sandbox.cache().join("stamps")).len(), 1);
    assert_eq!(sandbox.ok(&["lock"]).stderr, before);
    assert_eq!(before, "up to date: sesame.lock satisfies the manifest (1 extension)\n");
    assert_eq!(sandbox.run(&["lock", "--check"]).status, 0);
    flip(&sandbox.path("project/a.wasm"));
    assert_eq!(sandbox.run(&["lock", "--check"]).status, 65, "the component is none any more");
    sandbox.write("a.wasm", component("b"));
    assert_eq!(sandbox.run(&["lock", "--check"]).status, 1);
    assert_eq!(sandbox.ok(&["lock"]).stderr.lines().last().unwrap().split(':').next(), Some("locked"));
}
