//! The rules of the code itself, read from its sources.

mod import_graph;
mod imports;

use std::collections::BTreeMap;
use std::fs;

use crate::support::fixture;

/// The files below `src` with their text, by their path there.
fn sources() -> BTreeMap<String, String> {
    let top = fixture("../src");
    let mut files = BTreeMap::new();
    let mut pending = vec![top.clone()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(&top).unwrap().to_string_lossy().into_owned();
            files.insert(relative, fs::read_to_string(&path).unwrap());
        }
    }
    files
}
