//! How large files and folders may grow, that each file says what it owns, and that none is left out of the build.

use std::collections::BTreeMap;

use super::{files_below, sources};

/// How many files a folder may have, besides its `mod.rs`.
const MAX_FILES: usize = 12;
/// How many lines a file may have; one of tests may have more.
const MAX_LINES: usize = 400;
const MAX_TEST_LINES: usize = 600;

/// The files of the tests and benchmarks with their text, by their path.
fn tests() -> BTreeMap<String, String> {
    let of = |folder: &'static str| {
        files_below(&format!("../tests/{folder}"), "rs")
            .into_iter()
            .map(move |(file, text)| (format!("tests/{folder}/{file}"), text))
    };
    of("suite").chain(of("bench")).collect()
}

#[test]
fn no_file_grows_out_of_hand() {
    let lines = |text: &str| text.lines().count();
    // The map of `lib.rs` is as long as it takes.
    let long = sources().into_iter().filter(|(file, text)| file != "lib.rs" && lines(text) > MAX_LINES);
    let long_tests = tests().into_iter().filter(|(_, text)| lines(text) > MAX_TEST_LINES);
    let long: Vec<String> = long.chain(long_tests).map(|(file, text)| format!("{file}: {}", lines(&text))).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_folder_grows_out_of_hand() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for file in sources().into_keys().map(|file| format!("src/{file}")).chain(tests().into_keys()) {
        let (folder, name) = file.rsplit_once('/').unwrap();
        if name != "mod.rs" {
            *folders.entry(folder.to_owned()).or_default() += 1;
        }
    }
    folders.retain(|_, files| *files > MAX_FILES);
    assert!(folders.is_empty(), "{folders:#?}");
}

#[test]
fn each_file_says_what_it_owns() {
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "{file} does not say what it owns");
    }
}

#[test]
fn each_file_is_declared_by_its_folder() {
    let files: BTreeMap<String, String> =
        sources().into_iter().map(|(file, text)| (format!("src/{file}"), text)).chain(tests()).collect();
    for file in files.keys() {
        let module = file.strip_suffix("/mod.rs").or_else(|| file.strip_suffix(".rs")).unwrap();
        let (folder, name) = module.rsplit_once('/').unwrap();
        let roots = ["mod", "lib", "main"].map(|root| format!("{folder}/{root}.rs"));
        let is_declared = |root: &String| files.get(root).is_some_and(|text| text.contains(&format!("mod {name};\n")));
        assert!(
            ["lib", "main"].contains(&name) || roots.iter().any(is_declared),
            "{file} is left out: {folder} does not declare it"
        );
    }
}
