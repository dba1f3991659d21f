//! The layers of the code: which top folder may import which, and no circle of files anywhere.

use std::collections::BTreeMap;

use super::import_graph::{Import, circle, imports};
use super::{sources, top};

/// What each top folder may import. `named_files.rs` opens the files that people name, and `clock.rs` tells the time, for all
/// who need it.
const MAY_IMPORT: [(&str, &[&str]); 12] = [
    ("clock.rs", &[]),
    ("seccomp.rs", &[]),
    ("model", &[]),
    ("named_files.rs", &["model"]),
    ("engine", &["model"]),
    ("registry", &["model", "named_files.rs", "clock.rs"]),
    ("store", &["model", "clock.rs", "engine"]),
    ("host", &["model", "engine"]),
    ("compiler", &["model", "seccomp.rs", "engine", "store", "host"]),
    ("ops", &["model", "named_files.rs", "clock.rs", "engine", "registry", "store", "host", "compiler"]),
    ("daemon", &["model", "named_files.rs", "clock.rs", "seccomp.rs", "engine", "store", "host", "ops"]),
    ("cli", &["model", "clock.rs", "engine", "registry", "store", "host", "compiler", "ops", "daemon"]),
];

/// The files of the engine that a folder may import, where it may not import all: the store knows for which engine code is,
/// and the host loads code without compiling or inspecting any.
const PARTS_OF_THE_ENGINE: [(&str, &[&str]); 2] = [
    ("store", &["engine/key.rs"]),
    ("host", &["engine/bounds.rs", "engine/config.rs", "engine/error.rs", "engine/key.rs"]),
];

/// Why an import is not allowed.
fn forbidden(import: &Import) -> Option<String> {
    let (from, to) = (top(&import.from), top(&import.to));
    if from == to || ["lib.rs", "main.rs"].contains(&from) {
        return None;
    }
    let Some((_, may)) = MAY_IMPORT.iter().find(|(name, _)| *name == from) else {
        return Some(format!("{} is in no folder of the table", import.from));
    };
    let is_part =
        PARTS_OF_THE_ENGINE.iter().all(|(folder, parts)| *folder != from || parts.contains(&import.to.as_str()));
    let is_allowed = may.contains(&to) && (to != "engine" || is_part);
    (!is_allowed).then(|| format!("{} imports {}, but {from} may import {may:?} only", import.from, import.to))
}

#[test]
fn imports_follow_the_table_of_folders() {
    let wrong: Vec<_> = imports(&sources()).iter().filter_map(forbidden).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circle = circle(&imports(&sources()));
    assert!(circle.is_none(), "{}", circle.unwrap().join(" → "));
}

/// Sources of a small crate: a file for each pair, with the modules `model` and `store`, and `store/{a,b,c}.rs`.
fn planted(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::from([
        ("lib.rs", "pub mod model; pub mod store;"),
        ("model/mod.rs", "pub mod digest;"),
        ("model/digest.rs", "pub struct Digest;"),
        ("store/mod.rs", "pub mod a; pub mod b; pub mod c; pub use c::Shown;"),
        ("store/a.rs", "pub struct A;"),
        ("store/b.rs", "pub struct B; pub fn make() {}"),
        ("store/c.rs", "pub struct C; pub struct Shown;"),
    ]);
    sources.extend(files.iter().copied());
    sources.into_iter().map(|(file, text)| (file.to_owned(), text.to_owned())).collect()
}

/// Whether `model/digest.rs` with this text is seen to import `store/b.rs` or what it re-exports.
fn seen(text: &str) -> Vec<String> {
    imports(&planted(&[("model/digest.rs", text)])).iter().filter_map(forbidden).collect()
}

#[test]
fn a_forbidden_import_is_seen_in_any_form() {
    for (text, file) in [
        ("use crate::store::b::B;", "store/b.rs"),
        ("use crate::{store::{b::{self, B}}};", "store/b.rs"),
        ("use crate::store::b as blobs; fn f() { blobs::make() }", "store/b.rs"),
        ("use crate::store::b::*;", "store/b.rs"),
        ("use super::super::store::b::B;", "store/b.rs"),
        ("fn f() { use crate::store; store::b::make() }", "store/b.rs"),
        ("fn f() { crate::store::b::make() }", "store/b.rs"),
        ("fn f(_: crate::store::b::B) {}", "store/b.rs"),
        ("fn f(b: &dyn std::any::Any) { if let crate::store::b::B = b {} }", "store/b.rs"),
        ("fn f() { println!(\"{:?}\", crate::store::b::make()) }", "store/b.rs"),
        ("macro_rules! m { () => { $crate::store::b::make() } }", "store/b.rs"),
        ("#[serde(with = \"crate::store::b\")] pub struct Digest;", "store/b.rs"),
        ("#[derive(crate::store::b::B)] pub struct Digest;", "store/b.rs"),
        ("fn f() { println!(\"{:?}\", crate::{store::{b::make, c}}) }", "store/b.rs"),
        ("use crate::store::b::MadeByAMacro;", "store/b.rs"),
        ("use crate::store::Shown;", "store/c.rs"),
        ("use crate::store::*;", "store/c.rs"),
        ("#[cfg(test)] mod tests { use crate::store::b::B; }", "store/b.rs"),
        ("#[cfg(test)] mod tests { fn f() { super::super::super::store::b::make() } }", "store/b.rs"),
    ] {
        let seen = seen(text);
        assert!(seen.iter().any(|line| line.contains(&format!("imports {file}"))), "{text}: {seen:?}");
    }
}

#[test]
fn what_is_no_import_is_let_through() {
    for text in [
        "// use crate::store::b::B;",
        "/// [`B`](crate::store::b::B)\npub struct Digest;",
        "pub(in crate::store) struct Digest;",
        "use std::store::b::B;",
        "struct Store; impl Store { fn b() {} } fn f() { Store::b() }",
        "fn f() { let store = 1; println!(\"{store}\") }",
        "const TEXT: &str = \"crate::store::b\";",
    ] {
        assert!(seen(text).is_empty(), "{text}: {:?}", seen(text));
    }
}

#[test]
fn the_program_uses_the_library_as_others_do() {
    let files = [
        ("main.rs", "mod cli;"),
        ("cli/mod.rs", "use sesame::store::b::B;"),
        ("store/a.rs", "pub struct A; fn f() { crate::cli::run() }"),
    ];
    let imports = imports(&planted(&files));
    let is_seen = |from: &str, to: &str| imports.iter().any(|import| import.from == from && import.to == to);
    assert!(is_seen("cli/mod.rs", "store/b.rs"), "{imports:?}");
    assert!(!is_seen("store/a.rs", "cli/mod.rs"), "the library has no cli to name");
}

#[test]
fn a_circle_of_three_files_is_seen_and_tests_may_close_one() {
    let mut files = vec![
        ("store/a.rs", "use super::b::B; pub struct A;"),
        ("store/b.rs", "use super::c::C; pub struct B;"),
        ("store/c.rs", "pub struct C; pub struct Shown; fn f() { super::a::A; }"),
    ];
    let found = circle(&imports(&planted(&files))).expect("three files in a circle");
    assert_eq!(found.len(), 4, "{found:?}");
    files[2].1 = "pub struct C; pub struct Shown; #[cfg(test)] mod tests { use super::super::a::A; }";
    assert_eq!(circle(&imports(&planted(&files))), None);
}
