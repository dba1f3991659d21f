//! What is kept of compiled code and compiled functions: the same code with and without, within bounds, mended after damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::formats::schemas::validator;
use crate::store::integrity::change;
use crate::support::sandbox::Sandbox;
use crate::support::seeded_rng::SeededRng;
use sesame::model::text;

use super::workload::{call, cwasm, fault_of, functions, gives, larges, packs, percent, result, size, sync_with, want};

#[test]
fn what_is_kept_of_functions_stays_within_its_bound() {
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(5));
    sandbox.ok(&["sync"]);
    assert!(size(&packs(&sandbox)) > 1 << 20);
    fs::remove_dir_all(sandbox.cache()).unwrap();
    let told = sandbox.ok(&["sync", "--function-cache", "1"]).stderr;
    let kept = size(&packs(&sandbox));
    assert!((128 << 10..=1 << 20).contains(&kept), "{kept}");
    let warning =
        "warning: not all functions that were compiled are kept: there is room for 256.0 KiB of them at a time";
    assert_eq!(told.matches(warning).count(), 1, "{told}");
}

/// Flips a bit in every second KiB of all packs; only of the functions, or of the index behind them too.
pub fn corrupt(sandbox: &Sandbox, index_too: bool) {
    let packs = packs(sandbox);
    assert!(!packs.is_empty());
    for pack in packs {
        change(&pack, |bytes| {
            let footer = bytes.len() - 56;
            let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            let index = footer - 44 * number(footer) - 32 * number(footer + 8);
            let end = if index_too { bytes.len() } else { index };
            (0..end).step_by(2048).for_each(|at| bytes[at] ^= 4);
        });
    }
}

/// Whatever the function cache holds, the same code comes out.
fn code_is_the_same(manifest: impl FnOnce(&Sandbox)) {
    let sandbox = Sandbox::new();
    manifest(&sandbox);
    let code = || -> BTreeMap<PathBuf, Vec<u8>> {
        let files = sandbox.files(&cwasm(&sandbox));
        files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
    };
    let cold = sandbox.ok(&["sync", "-v"]);
    // Components that are compiled one after the other share functions in a cold cache too.
    let from_cold = percent(&cold);
    assert!(!packs(&sandbox).is_empty(), "{}", cold.stderr);
    let first = code();
    let is_same = |how: &str, arguments: &[&str]| {
        fs::remove_dir_all(cwasm(&sandbox)).unwrap();
        let run = sandbox.ok(&[&["sync", "-v"], arguments].concat());
        assert!(code() == first, "{how}");
        run
    };
    let warm = percent(&is_same("warm", &[]));
    assert!(warm > 85 && from_cold < warm, "{from_cold} {warm}");
    corrupt(&sandbox, false);
    let damaged = percent(&is_same("with damaged functions", &[]));
    assert!((1..warm).contains(&damaged), "{damaged}");
    // The damaged packs are gone by now.
    is_same("made again", &[]);
    corrupt(&sandbox, true);
    is_same("with damaged packs", &[]);
    fs::remove_dir_all(functions(&sandbox)).unwrap();
    let run = is_same("without a function cache", &["--function-cache", "0"]);
    assert!(!run.stderr.contains(" % of "), "nothing was looked for: {}", run.stderr);
    assert_eq!(packs(&sandbox), Vec::<PathBuf>::new());
}

#[test]
fn code_is_the_same_with_a_cold_a_warm_a_damaged_and_no_function_cache() {
    code_is_the_same(|sandbox| want(sandbox, &larges(3)));
}

#[test]
#[ignore = "needs real JavaScript and Python components; run by .ci/full"]
fn code_of_other_languages_is_the_same_with_every_function_cache() {
    let folder = std::env::var_os("SESAME_LANGUAGES").expect("SESAME_LANGUAGES names the folder of the components");
    code_is_the_same(|sandbox| {
        let mut manifest = String::new();
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "wasm") {
                let name = file.file_stem().unwrap().to_str().unwrap();
                sandbox.write(&format!("{name}.wasm"), fs::read(&file).unwrap());
                manifest += &format!("[extensions.{name}]\npath = \"{name}.wasm\"\ncapabilities.config-read = true\n");
            }
        }
        assert!(!manifest.is_empty(), "no component is there");
        sandbox.write("sesame.toml", manifest);
    });
}

/// A bit is flipped, or the end is cut off, of the code, a pack or the key: nothing wrong ever runs, and a sync mends it.
fn damaged(trials: u32) {
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(1));
    sandbox.ok(&["sync"]);
    let seed = 0xDA3A_6ED0;
    let mut chance = SeededRng(seed);
    for trial in 0..trials {
        let target = match chance.below(3) {
            0 => sandbox.files(&cwasm(&sandbox))[0].clone(),
            1 => sandbox.path("home/state/pds/key"),
            _ => {
                // A sync that found a damaged pack has removed it.
                if packs(&sandbox).is_empty() {
                    fs::remove_dir_all(cwasm(&sandbox)).unwrap();
                    sandbox.ok(&["sync"]);
                }
                fs::remove_dir_all(cwasm(&sandbox)).unwrap();
                packs(&sandbox)[0].clone()
            }
        };
        let size = fs::metadata(&target).unwrap().len();
        let (at, is_cut) = (chance.below(size) as usize, chance.below(4) == 0);
        change(&target, |bytes| if is_cut { bytes.truncate(at) } else { bytes[at] ^= 1 << (at % 8) });
        // Where there is no code, it is missing.
        let status = if cwasm(&sandbox).exists() { 76 } else { 66 };
        let file = target.strip_prefix(sandbox.path("home")).unwrap().display().to_string();
        let told = format!("seed {seed:#x}, trial {trial}: {file} of {size} bytes, at {at}, cut: {is_cut}");
        let run = call(&sandbox, "large-0", "f");
        assert_eq!((run.status, run.stdout.as_str()), (status, ""), "{told}: {}", run.stderr);
        let run = sandbox.run(&["sync"]);
        assert_eq!(run.status, 0, "{told}: {}", run.stderr);
        let run = call(&sandbox, "large-0", "f");
        assert!(run.status == 0 && run.stdout.trim() == result(0), "{told}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn damage_of_code_packs_and_key_is_found_and_mended() {
    damaged(40);
}

#[test]
#[ignore = "1,000 trials; run by .ci/full"]
fn damage_of_code_packs_and_key_is_found_and_mended_a_thousand_times() {
    damaged(1000);
}

#[test]
fn that_compiled_functions_cannot_be_kept_is_a_warning() {
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(1));
    fs::create_dir_all(sandbox.cache()).unwrap();
    fs::write(functions(&sandbox), "no folder").unwrap();
    sandbox.run(&["sync"]).fails(0, &["warning: compiled functions are not kept: cannot create the folder"]);
    assert_eq!(fs::read_to_string(functions(&sandbox)).unwrap(), "no folder");
    gives(&sandbox, "large-0", "f", &result(0));
}

#[test]
fn a_cache_that_cannot_be_written_to_is_told_once_and_before_anything_is_compiled() {
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(3));
    fs::create_dir_all(sandbox.cache()).unwrap();
    fs::write(cwasm(&sandbox), "no folder").unwrap();
    let run = sandbox.run(&["sync"]);
    run.fails(74, &["error: large-0, large-1, large-2: compiled code cannot be kept", "cannot create the folder"]);
    assert_eq!(run.stderr.matches("error:").count(), 2, "{}", run.stderr);
    // No compiler is started.
    let fault = fault_of(sync_with(&sandbox, "/nonexistent/sesame"));
    assert_eq!(fault.message, "compiled code cannot be kept");
    fs::remove_file(cwasm(&sandbox)).unwrap();
    sandbox.ok(&["sync"]);
}

#[test]
fn gc_removes_what_is_of_other_engines_and_over_the_bound_and_nothing_else() {
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(1));
    sandbox.ok(&["sync"]);
    let (code, packs_before) = (sandbox.files(&cwasm(&sandbox)), packs(&sandbox));
    assert_eq!((code.len(), packs_before.len()), (1, 1));
    let others = || {
        let places =
            [(cwasm(&sandbox), "1".repeat(64), 3 << 10), (functions(&sandbox), "old.pack".to_owned(), 5 << 10)];
        places.map(|(folder, name, size)| {
            let other = folder.join("0".repeat(32));
            fs::create_dir(&other).unwrap();
            fs::write(other.join(name), vec![1; size]).unwrap();
            other
        })
    };
    let removed = others();
    let removes = "removed 3.0 KiB of compiled code, 5.0 KiB of compiled functions\n";
    sandbox.run(&["gc", "--cache"]).fails(0, &[removes]);
    assert!(removed.iter().all(|folder| !folder.exists()));
    assert_eq!((sandbox.files(&cwasm(&sandbox)), packs(&sandbox)), (code.clone(), packs_before.clone()));
    sandbox.run(&["gc", "--cache"]).fails(0, &["nothing to remove"]);
    others();
    let document: Value = serde_json::from_str(&sandbox.ok(&["gc", "--cache", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    let all = |files: &[PathBuf]| json!({ "files": 1, "bytes": size(files) });
    assert_eq!(
        document["data"],
        json!({
            "dry_run": false,
            "removed": {
                "blobs": { "files": 0, "bytes": 0 },
                "partial": { "files": 0, "bytes": 0 },
                "code": { "files": 1, "bytes": 3 << 10 },
                "functions": { "files": 1, "bytes": 5 << 10 },
            },
            "kept": { "code": all(&code), "functions": all(&packs_before) },
        })
    );
    sandbox.ok(&["gc", "--cache", "--function-cache", "0"]);
    assert_eq!((sandbox.files(&cwasm(&sandbox)), packs(&sandbox)), (code, Vec::new()));
    gives(&sandbox, "large-0", "f", &result(0));
}

#[test]
fn a_verbose_sync_ends_with_what_the_caches_hold() {
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(1));
    let said = sandbox.ok(&["sync", "-v"]).stderr;
    let line = said.lines().last().unwrap();
    assert!(line.starts_with("cache: ") && line.ends_with(" functions were found"), "{line}");
    let bytes = |files: Vec<PathBuf>| text::size(size(&files));
    let (code, functions) = (bytes(sandbox.files(&cwasm(&sandbox))), bytes(packs(&sandbox)));
    let sizes = format!("cache: {code} of compiled code, {functions} of compiled functions; 0 % of 15");
    assert!(line.starts_with(&sizes), "{line}");
}
