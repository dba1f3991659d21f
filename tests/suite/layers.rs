//! The layers of the design, kept: imports point right only, I/O stays in its rooms.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::fixture;

/// What each room may import of the crate.
const MAY: [(&str, &[&str]); 7] = [
    ("model", &[]),
    ("registry", &["model"]),
    ("store", &["model", "engine"]),
    ("engine", &["model"]),
    ("host", &["model", "engine"]),
    ("ops", &["model", "registry", "store", "engine", "host"]),
    ("cli", &["model", "registry", "store", "engine", "host", "ops"]),
];

/// Words that stand in some rooms only, and why.
const ONLY_IN: [(&str, &[&str], &str); 22] = [
    ("oci_client", &["registry"], "the network is the registry's"),
    ("reqwest", &["registry"], "the network is the registry's"),
    ("rustls", &["registry"], "the network is the registry's"),
    ("docker_credential", &["registry"], "credentials are the registry's"),
    ("std::env", &["cli"], "the library reads no environment"),
    ("println!", &[], "output goes through cli/output.rs"),
    ("std::process", &["cli", "main.rs", "ops", "registry"], "the library never ends the process"),
    ("process::exit", &["cli", "main.rs"], "the library never ends the process"),
    ("process::abort", &[], "the library never ends the process"),
    (
        "process::Command",
        &["ops", "registry"],
        "only the compiling worker and the credential helpers of docker are run",
    ),
    ("tar::", &["registry", "ops"], "archives are bundles"),
    ("libc::", &["ops"], "the compiling worker alone is confined"),
    ("seccompiler", &["ops"], "the compiling worker alone is confined"),
    ("unsafe {", &["host"], "one function, argued"),
    ("unsafe fn", &[], "one function, argued"),
    ("SystemTime", &["store", "ops", "registry"], "the model has no clock"),
    ("std::thread", &["store", "host", "ops", "cli"], "the model starts no threads"),
    ("std::io", &["store", "ops", "registry", "cli", "host"], "the model does no I/O"),
    ("wasmtime::", &["engine", "host", "ops", "cli"], "wasmtime stays with the engine and the host"),
    ("tokio", &["registry", "ops", "host"], "async stays with the network, apply and running guests"),
    ("rayon::", &["engine", "host", "ops"], "tokio and rayon meet in ops; code is hashed on all cores"),
    ("std::fs", &["store", "ops"], "I/O stays in its rooms, but for reading layouts, credentials and CAs"),
];

fn sources() -> Vec<(String, PathBuf, String)> {
    let mut files = Vec::new();
    let mut pending = vec![fixture("../src")];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let relative = path.strip_prefix(fixture("../src")).unwrap().to_owned();
            let room = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
            files.push((room, relative, fs::read_to_string(&path).unwrap()));
        }
    }
    files
}

/// The part of a file before its unit tests, without comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// Whether code names a room of the crate, alone or in a group.
fn uses(code: &str, room: &str) -> bool {
    let alone = ["crate", "sesame", "super::super"].iter().any(|root| code.contains(&format!("{root}::{room}")));
    let mut groups = code.split("crate::{").skip(1).filter_map(|rest| rest.split('}').next());
    let word = |group: &str| group.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == room);
    alone || groups.any(word)
}

#[test]
fn a_forbidden_import_is_seen_in_any_form() {
    for code in
        ["use crate::store::Error;", "use crate::{model, store};", "use super::super::store;", "sesame::store::x()"]
    {
        assert!(uses(code, "store"), "{code}");
    }
    assert!(!uses("use crate::{model, restore}; // store", "store") && !uses("use super::store;", "store"));
}

#[test]
fn imports_point_right_only() {
    for (room, path, text) in sources() {
        let Some((_, may)) = MAY.iter().find(|(name, _)| *name == room) else { continue };
        let code = code(&text);
        let rooms = MAY.iter().map(|(name, _)| *name).filter(|name| *name != room && !may.contains(name));
        for other in rooms {
            assert!(!uses(&code, other), "{} imports {other}", path.display());
        }
    }
}

#[test]
fn the_store_uses_only_the_key_of_the_engine() {
    for (room, path, text) in sources().into_iter().filter(|(room, ..)| room == "store" || room == "host") {
        for part in ["compile", "inspect"] {
            assert!(!code(&text).contains(&format!("engine::{part}")), "{room} {}", path.display());
        }
    }
}

#[test]
fn what_belongs_to_a_room_stays_there() {
    for (room, path, text) in sources() {
        let code = code(&text);
        for (word, rooms, why) in ONLY_IN {
            let reads = ["registry/layout.rs", "registry/shelf.rs"];
            let may_read = word == "std::fs" && reads.iter().any(|read| path == Path::new(read))
                || ["std::fs", "std::io"].contains(&word) && path == Path::new("user_files.rs");
            assert!(
                !code.contains(word) || rooms.contains(&room.as_str()) || may_read,
                "{} has {word}: {why}",
                path.display()
            );
        }
    }
}

#[test]
fn all_writes_are_in_one_file() {
    let writes = [
        "fs::write",
        "File::create",
        "tempfile::",
        "DirBuilder",
        "fs::rename",
        "create_dir",
        "remove_file",
        "set_permissions",
        ".write(true)",
    ];
    for (_, path, text) in sources().into_iter().filter(|(_, path, _)| path != Path::new("store/write.rs")) {
        for word in writes {
            assert!(!code(&text).contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn no_file_grows_out_of_hand_and_each_says_what_it_owns() {
    let mut long = BTreeSet::new();
    for (_, path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not say what it owns", path.display());
        if code(&text).lines().count() > 400 {
            long.insert(path);
        }
    }
    assert!(long.is_empty(), "{long:?}");
}
