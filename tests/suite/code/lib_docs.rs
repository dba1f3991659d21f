//! The front page of the crate: its map names every file, and its invariants are those that comments cite.

use std::collections::{BTreeMap, BTreeSet};

use super::{files_below, sources};

/// The lines of a section of `lib.rs`, without the comment's mark.
fn section(heading: &str) -> Vec<String> {
    let sources = sources();
    let lines = sources["lib.rs"].lines().map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or(""));
    let after = lines.skip_while(|line| *line != format!("# {heading}")).skip(1);
    after.take_while(|line| !line.starts_with("# ")).map(str::to_owned).collect()
}

#[test]
fn the_map_names_every_file() {
    let mut folders: Vec<String> = Vec::new();
    let mut named = BTreeSet::new();
    for line in section("Map").iter().filter(|line| !line.is_empty() && !line.starts_with("```")) {
        let depth = line.chars().take_while(|c| *c == ' ').count() / 2;
        folders.truncate(depth);
        for name in line.split_whitespace() {
            match name.strip_suffix('/') {
                Some(folder) => {
                    folders.push(folder.to_owned());
                    break;
                }
                None if !name.ends_with(".rs") => break,
                None => {
                    let path = [folders.as_slice(), &[name.to_owned()]].concat().join("/");
                    assert!(named.insert(path), "{name} twice");
                }
            }
        }
    }
    let is_root = |file: &str| file == "lib.rs" || file.ends_with("/mod.rs");
    let files: BTreeSet<String> = sources().into_keys().filter(|file| !is_root(file)).collect();
    let missing: Vec<_> = files.difference(&named).collect();
    let gone: Vec<_> = named.difference(&files).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the map: {missing:#?}; not there: {gone:#?}");
}

/// The invariants by number, each with its name in lower case.
fn invariants() -> BTreeMap<u32, String> {
    let numbered = section("Invariants").into_iter().filter_map(|line| {
        let (number, rest) = line.split_once(". **").map(|(number, rest)| (number.to_owned(), rest.to_owned()))?;
        Some((number.parse().ok()?, rest.split_once(".**")?.0.to_lowercase()))
    });
    numbered.collect()
}

#[test]
fn each_invariant_that_is_cited_is_the_one_meant() {
    let invariants = invariants();
    assert_eq!(invariants.keys().copied().collect::<Vec<_>>(), (1..=invariants.len() as u32).collect::<Vec<_>>());
    let mut cited = 0;
    for (file, text) in sources().into_iter().chain(files_below("../tests/suite", "rs")) {
        // A citation may go over the end of a line.
        let text =
            text.split_whitespace().filter(|word| !["//", "///", "//!"].contains(word)).collect::<Vec<_>>().join(" ");
        for citation in text.split("(invariant ").skip(1).filter(|_| !file.ends_with("lib_docs.rs")) {
            let (number, name) = citation.split_once(')').unwrap().0.split_once(": ").expect("(invariant N: its name)");
            let number: u32 = number.parse().unwrap();
            assert_eq!(invariants.get(&number).map(String::as_str), Some(name), "{file} cites invariant {number}");
            cited += 1;
        }
    }
    assert!(cited > 5, "{cited}");
}

/// Whether a path below `src`, such as `store::code::cwasm`, is a module, or something in one.
fn is_there(path: &[&str]) -> bool {
    let sources = sources();
    let is_module = |path: &[&str]| {
        let file = path.join("/");
        path.is_empty()
            || [format!("{file}.rs"), format!("{file}/mod.rs")].iter().any(|file| sources.contains_key(file))
    };
    (1..=path.len()).rev().any(|end| is_module(&path[..end]) && (end == path.len() || is_item(path[end])))
}

/// Whether a name is that of an item, and not of a module that is gone: a type, or followed by its call.
fn is_item(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

#[test]
fn modules_that_comments_name_are_there() {
    let path = regex::Regex::new("`((?:model|engine|registry|store|host|compiler|ops|cli)(?:::[A-Za-z_]+)+)`").unwrap();
    let mut gone = Vec::new();
    for (file, text) in sources() {
        for line in text.lines().filter(|line| line.trim_start().starts_with("//")) {
            for named in path.captures_iter(line).map(|captures| captures[1].to_owned()) {
                if !is_there(&named.split("::").collect::<Vec<_>>()) {
                    gone.push(format!("{file}: {named}"));
                }
            }
        }
    }
    assert!(gone.is_empty(), "{gone:#?}");
}
