//! The rules of the code itself, read from its sources.

mod banned_words;
mod file_sizes;
mod import_graph;
mod imports;
mod lib_docs;
mod versions;

use std::collections::BTreeMap;
use std::fs;

use crate::support::fixture;

/// The files of the program with their text, by their path below `src`.
fn sources() -> BTreeMap<String, String> {
    files_below("../src", "rs")
}

/// The files of a folder that end in `.extension`, by their path below it. The folder is relative to `fixtures`.
fn files_below(folder: &str, extension: &str) -> BTreeMap<String, String> {
    let top = fixture(folder);
    let mut files = BTreeMap::new();
    let mut pending = vec![top.clone()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|found| found == extension) {
            let relative = path.strip_prefix(&top).unwrap().to_string_lossy().into_owned();
            files.insert(relative, fs::read_to_string(&path).unwrap());
        }
    }
    files
}

/// The top folder of a file of the program, or the file itself if it is in none.
fn top(file: &str) -> &str {
    file.split_once('/').map_or(file, |(folder, _)| folder)
}

/// What unit tests alone are made of.
const OF_TESTS: [&str; 2] = ["cli/catalogue/", "ops/test_machine.rs"];

/// The part of a file before its unit tests, without comments. A file `tests.rs` has no other.
fn code(file: &str, text: &str) -> String {
    if file.ends_with("/tests.rs") || OF_TESTS.iter().any(|path| file.starts_with(path)) {
        return String::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}
