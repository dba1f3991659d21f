//! Every bad file in `fixtures/` and the exact message that is committed beside it: place, fault, what to write instead.
//!
//! A manifest is `NAME.toml`, or a folder with a `sesame.toml` and drop-ins; a lock is `NAME.lock`. The message stands
//! in `NAME.txt`, and in a folder in `expected.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{expect_text, fixture};
use sesame::model::lock::Lock;
use sesame::model::manifest::{DropIn, Manifest, ManifestSource};
use sesame::model::toml::problem::Problem;

#[test]
fn every_bad_manifest_is_refused_with_its_message() {
    for path in entries("manifests/invalid", "toml") {
        let problems = parse_manifest(&path).expect_err(&path.display().to_string());
        let expected = if path.is_dir() { path.join("expected.txt") } else { path.with_extension("txt") };
        expect_text(&expected, &render(&problems));
    }
}

#[test]
fn every_bad_lock_is_refused_with_its_message() {
    for path in entries("locks/invalid", "lock") {
        let problems = Lock::parse("sesame.lock", &fs::read(&path).unwrap()).expect_err(&path.display().to_string());
        expect_text(&path.with_extension("txt"), &render(&problems));
    }
}

#[test]
fn there_are_at_least_forty_kinds_of_bad_files() {
    let number = entries("manifests/invalid", "toml").len() + entries("locks/invalid", "lock").len();
    assert!(number >= 40, "{number}");
}

#[test]
fn every_good_file_is_read() {
    for path in entries("manifests/valid", "toml") {
        parse_manifest(&path).unwrap_or_else(|problems| panic!("{}: {}", path.display(), render(&problems)));
    }
    for path in entries("locks/valid", "lock") {
        let text = fs::read_to_string(&path).unwrap();
        let lock = Lock::parse("sesame.lock", text.as_bytes());
        let lock = lock.unwrap_or_else(|problems| panic!("{}: {}", path.display(), render(&problems)));
        let written = lock.render();
        let body: String =
            text.lines().filter(|line| !line.starts_with("#:schema")).map(|line| format!("{line}\n")).collect();
        assert_eq!(written, body, "{} is not canonical", path.display());
    }
}

#[test]
fn the_template_of_init_is_a_manifest_also_with_its_examples() {
    let template = sesame::ops::edit::init::TEMPLATE;
    let uncommented: String = template
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("# ").filter(|l| l.contains([']', '='])).unwrap_or(line)))
        .collect();
    for text in [template.to_owned(), uncommented] {
        let source =
            ManifestSource { file: "sesame.toml".into(), folder: "/".into(), bytes: text.clone().into_bytes() };
        let manifest = Manifest::parse(&source, &[]).unwrap_or_else(|problems| panic!("{text}\n{}", render(&problems)));
        assert_eq!(manifest.extensions.len(), if text == template { 0 } else { 3 });
    }
}

/// The files with an ending, and the folders, below a folder of `fixtures/`.
pub fn entries(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(fixture(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_dir() || path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
}

/// Reads a manifest fixture: a file, or a folder with drop-ins.
pub fn parse_manifest(path: &Path) -> Result<Manifest, Vec<Problem>> {
    let source =
        |path: &Path, file: String| ManifestSource { file, folder: "/project".into(), bytes: fs::read(path).unwrap() };
    if !path.is_dir() {
        return Manifest::parse(&source(path, "sesame.toml".to_owned()), &[]);
    }
    let mut drop_ins: Vec<PathBuf> =
        fs::read_dir(path.join("extensions")).unwrap().map(|entry| entry.unwrap().path()).collect();
    drop_ins.sort();
    let drop_ins: Vec<DropIn> = drop_ins
        .iter()
        .map(|path| {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            DropIn { source: source(path, format!("extensions/{stem}.toml")), stem }
        })
        .collect();
    Manifest::parse(&source(&path.join("sesame.toml"), "sesame.toml".to_owned()), &drop_ins)
}

fn render(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}
