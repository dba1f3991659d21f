//! The fuzz targets as ordinary tests: each seed is taken or refused as its folder says, and what must hold for any bytes holds
//! for the seeds, for the fixtures, and for both with some bytes changed.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use crate::support::fixture;
use crate::support::seeded_rng::SeededRng;

use targets::{TARGETS, Target};

#[path = "../../fuzz/targets.rs"]
mod targets;

/// The most that all seeds may have, in bytes.
const MOST: usize = 200_000;

/// Folders of fixtures that a target is fuzzed from as well, by its name, and whether it takes all of what is in them.
const FIXTURES: [(&str, &str, Option<bool>); 7] = [
    ("manifest", "manifests/valid", None),
    ("manifest", "manifests/invalid", None),
    ("lock", "locks/valid", Some(true)),
    ("lock", "locks/invalid", Some(false)),
    ("oci_manifest", "demo/vendor/blobs/sha256", None),
    ("bundle", "demo/vendor", Some(false)),
    ("component", "guests/built", Some(true)),
];

fn fuzz(path: &str) -> PathBuf {
    fixture("../tests/fuzz").join(path)
}

/// The files of a folder and of those in it, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Gives bytes to a target. What does not hold is told with the file that they are from.
fn run(target: Target, bytes: &[u8], from: &Path) -> bool {
    let told = |_| panic!("what is said above, with bytes of {}:\n{}", from.display(), bytes.escape_ascii());
    catch_unwind(|| target(bytes)).unwrap_or_else(told)
}

#[test]
fn every_seed_is_taken_or_refused_as_its_folder_says() {
    for (name, target) in TARGETS {
        for (folder, taken) in [("read", true), ("refused", false)] {
            let seeds = files(&fuzz("seeds").join(name).join(folder));
            assert!(!seeds.is_empty(), "{name} has no seed that is {folder}");
            for seed in seeds {
                assert_eq!(run(target, &fs::read(&seed).unwrap(), &seed), taken, "{}", seed.display());
            }
        }
    }
}

#[test]
fn what_must_hold_holds_for_the_fixtures_too() {
    for (name, folder, expected) in FIXTURES {
        let (_, target) = TARGETS.into_iter().find(|(target, _)| *target == name).unwrap();
        for path in files(&fixture(folder)) {
            let taken = run(target, &fs::read(&path).unwrap(), &path);
            assert!(expected.is_none_or(|expected| expected == taken), "{}", path.display());
        }
    }
}

#[test]
fn a_changed_seed_is_taken_or_refused_and_nothing_else() {
    const CHANGES: u64 = 300;
    for (name, target) in TARGETS {
        let mut chance = SeededRng(CHANGES);
        let seeds: Vec<(PathBuf, Vec<u8>)> =
            files(&fuzz("seeds").join(name)).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        for _ in 0..CHANGES {
            let (path, seed) = &seeds[chance.below(seeds.len() as u64) as usize];
            let mut bytes = seed.clone();
            for _ in 0..=chance.below(3) {
                let at = chance.below(bytes.len() as u64 + 1) as usize;
                let end = bytes.len().min(at + chance.below(8) as usize);
                let (_, other) = &seeds[chance.below(seeds.len() as u64) as usize];
                let from = chance.below(other.len() as u64 + 1) as usize;
                let to = other.len().min(from + chance.below(16) as usize);
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            run(target, &bytes, path);
        }
    }
}

#[test]
fn each_target_is_one_of_cargo_fuzz_and_the_seeds_are_small() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stems = |folder: &str| -> BTreeSet<String> {
        let paths = fs::read_dir(fuzz(folder)).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(stems("fuzz_targets"), names);
    assert_eq!(stems("seeds"), names);
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(fuzz("Cargo.toml")).unwrap()).unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    assert_eq!(bins.collect::<BTreeSet<_>>(), names);
    let size: usize = files(&fuzz("seeds")).iter().map(|seed| fs::read(seed).unwrap().len()).sum();
    assert!(size <= MOST, "the seeds have {size} bytes");
}
