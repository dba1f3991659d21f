//! The tests of the function cache.

use crate::store::key;

use super::*;

const BOUND: u64 = 1 << 20;

/// A store of its own, with a key.
fn store() -> (tempfile::TempDir, StorePaths, MachineKey) {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str| folder.path().join(name);
    let paths = StorePaths { data: part("data"), cache: part("cache"), state: part("state") };
    let key = key::read_or_create(&paths).unwrap();
    (folder, paths, key)
}

fn engine(number: u8) -> EngineKey {
    EngineKey::new([number; 16])
}

fn component(number: u8) -> Digest {
    Digest::new([number; 32])
}

/// Compiles a component of some functions, of `size` bytes each.
fn compile(cache: &Arc<FunctionCache>, number: u8, functions: std::ops::Range<u32>, size: usize) -> FunctionCounts {
    let compilation = cache.compilation(component(number));
    for function in functions {
        let (key, value) = (function.to_le_bytes(), vec![function as u8; size]);
        match compilation.get(&key) {
            Some(found) => assert_eq!(found, value),
            None => compilation.put(&key, &value),
        }
    }
    compilation.end()
}

/// One run that compiles one component.
fn run(
    store: &(tempfile::TempDir, StorePaths, MachineKey),
    number: u8,
    functions: std::ops::Range<u32>,
) -> FunctionCounts {
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    let counts = compile(&cache, number, functions, 100);
    cache.close().unwrap();
    counts
}

fn packs(paths: &StorePaths) -> Vec<PathBuf> {
    let mut packs: Vec<PathBuf> =
        list(&paths.functions_of(&engine(1))).unwrap().into_iter().map(|found| found.path).collect();
    packs.sort();
    packs
}

#[test]
fn what_was_compiled_is_found_at_once_and_by_later_runs_of_the_same_engine_and_key() {
    let store = store();
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    assert_eq!(compile(&cache, 1, 0..100, 100), FunctionCounts { found: 0, compiled: 100 });
    assert_eq!(compile(&cache, 2, 50..150, 100), FunctionCounts { found: 50, compiled: 50 });
    cache.close().unwrap();
    assert_eq!(run(&store, 3, 0..150), FunctionCounts { found: 150, compiled: 0 });
    assert_eq!(packs(&store.1).len(), 1);
    let other = FunctionCache::open(&store.1, &store.2, &engine(2), BOUND).unwrap();
    assert_eq!(compile(&other, 1, 0..10, 100).found, 0, "another engine");
    std::fs::copy(&packs(&store.1)[0], store.1.functions_of(&engine(2)).join("moved.pack")).unwrap();
    let other = FunctionCache::open(&store.1, &store.2, &engine(2), BOUND).unwrap();
    assert_eq!(compile(&other, 1, 0..10, 100).found, 0, "a pack of another engine");
    assert!(!store.1.functions_of(&engine(2)).join("moved.pack").exists());
}

#[test]
fn the_noise_of_a_component_that_was_compiled_before_is_not_kept() {
    let store = store();
    run(&store, 1, 0..100);
    let before = packs(&store.1);
    assert_eq!(run(&store, 1, 5..105), FunctionCounts { found: 95, compiled: 5 });
    assert_eq!(packs(&store.1), before);
    assert_eq!(run(&store, 2, 5..105), FunctionCounts { found: 95, compiled: 5 });
    assert_eq!(run(&store, 1, 50..150).compiled, 45, "that is more than noise");
    assert_eq!(run(&store, 1, 0..150).compiled, 0);
}

#[test]
fn noise_takes_no_room_from_what_is_new() {
    let store = store();
    let open = || FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    let cache = open();
    for number in 0..10 {
        compile(&cache, number, 0..95, 100);
    }
    cache.close().unwrap();
    let cache = open();
    for number in 0..10 {
        let compilation = cache.compilation(component(number));
        assert!((0..95_u32).all(|function| compilation.get(&function.to_le_bytes()).is_some()));
        for noise in 0..5 {
            let key = [0xff, number, noise];
            assert!(compilation.get(&key).is_none());
            compilation.put(&key, &[0; 12_000]);
        }
        assert_eq!(compilation.end(), FunctionCounts { found: 95, compiled: 5 });
    }
    assert_eq!(compile(&cache, 10, 900..910, 12_000).compiled, 10);
    assert_eq!(cache.exceeded_bound(), None);
    cache.close().unwrap();
    assert_eq!(compile(&open(), 10, 900..910, 12_000).found, 10);
}

#[test]
fn what_is_no_folder_of_an_engine_is_left_alone() {
    let store = store();
    std::fs::create_dir_all(store.1.functions()).unwrap();
    std::fs::write(store.1.functions().join("x"), "").unwrap();
    run(&store, 1, 0..100);
    assert_eq!(run(&store, 2, 0..100).found, 100);
    assert!(store.1.functions().join("x").exists());
}

#[test]
fn packs_grow_fewer_and_larger() {
    let store = store();
    for number in 0..100_u8 {
        run(&store, number, u32::from(number) * 10..u32::from(number + 1) * 10);
    }
    assert!(packs(&store.1).len() <= 8, "{}", packs(&store.1).len());
    assert_eq!(run(&store, 100, 0..1000).compiled, 0);
}

#[test]
fn the_longest_unused_packs_go_first() {
    let store = store();
    let part = (BOUND / PARTS) as usize;
    for number in 0..20_u8 {
        let cache = FunctionCache::open(&store.1, &store.2, &engine(1 + number % 2), BOUND).unwrap();
        // The first component of the first engine stays in use.
        if number % 2 == 0 {
            compile(&cache, 0, 0..1, part);
        }
        compile(&cache, number, u32::from(number)..u32::from(number) + 1, part);
        cache.close().unwrap();
    }
    let total = |engine| list(&store.1.functions_of(&engine)).unwrap().iter().map(|found| found.size).sum::<u64>();
    assert!(total(engine(1)) + total(engine(2)) <= BOUND);
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    assert_eq!(compile(&cache, 0, 0..1, part).found, 1);
    assert_eq!(compile(&cache, 2, 2..3, part).found, 0);
    assert_eq!(compile(&cache, 18, 18..19, part).found, 1);
    trim(&store.1, 0).unwrap();
    assert_eq!(total(engine(1)), 0);
}

#[test]
fn a_run_of_more_than_the_bound_stays_within_it() {
    let store = store();
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    for number in 0..30_u8 {
        compile(&cache, number, u32::from(number) * 10..u32::from(number + 1) * 10, 10_000);
        let total: u64 = list(&store.1.functions_of(&engine(1))).unwrap().iter().map(|found| found.size).sum();
        assert!(total <= BOUND, "{total}");
    }
    cache.close().unwrap();
    assert!(packs(&store.1).len() >= 4);
    assert_eq!(cache.exceeded_bound(), None);
}

#[test]
fn a_component_that_is_too_large_for_the_bound_is_kept_in_part() {
    let store = store();
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    compile(&cache, 1, 0..100, 10_000);
    assert_eq!(cache.exceeded_bound(), Some(BOUND / 4));
    cache.close().unwrap();
    let counts = {
        let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
        compile(&cache, 1, 0..100, 10_000)
    };
    assert!(counts.found > 10 && counts.compiled > 10, "{counts:?}");
}

#[test]
fn what_one_component_fills_is_not_lost_when_others_end_before_it() {
    let store = store();
    let open = || FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    let cache = open();
    let slow = cache.compilation(component(0));
    for function in 0..20_u32 {
        slow.put(&function.to_le_bytes(), &[function as u8; 10_000]);
    }
    for number in 1..4 {
        compile(&cache, number, 0..20, 10_000);
        compile(&cache, 10 + number, u32::from(number) * 20..u32::from(number + 1) * 20, 10_000);
    }
    let before = packs(&store.1).len();
    slow.end();
    assert!(before > 0 && packs(&store.1).len() > before, "what nobody writes any more has its name");
    cache.close().unwrap();
    let cache = open();
    assert_eq!(compile(&cache, 20, 0..80, 10_000), FunctionCounts { found: 80, compiled: 0 });
    assert_eq!(cache.exceeded_bound(), None);
}

#[test]
fn what_cannot_be_compiled_keeps_no_pack_waiting() {
    let store = store();
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    let broken = cache.compilation(component(0));
    broken.put(b"broken", &[0; 10_000]);
    compile(&cache, 1, 0..20, 10_000);
    assert_eq!(packs(&store.1).len(), 0);
    drop(broken);
    assert_eq!(packs(&store.1).len(), 1);
}

#[test]
fn a_flipped_or_cut_pack_is_never_believed_and_made_again() {
    let store = store();
    run(&store, 1, 0..20);
    let whole = std::fs::read(&packs(&store.1)[0]).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        if at % 9 == 0 {
            bytes.truncate(at);
        }
        trim(&store.1, 0).unwrap();
        std::fs::write(store.1.functions_of(&engine(1)).join("x.pack"), &bytes).unwrap();
        // Every function that is found is compared there.
        let counts = run(&store, 1, 0..20);
        assert!(counts.compiled > 0, "{at}");
        if counts.compiled < 20 {
            assert!(!store.1.functions_of(&engine(1)).join("x.pack").exists(), "{at}");
        }
        run(&store, 1, 0..20);
        assert_eq!(run(&store, 1, 0..20).found, 20, "{at}");
    }
}

#[test]
fn one_damaged_function_costs_no_other() {
    let store = store();
    run(&store, 1, 0..100);
    let pack = packs(&store.1).remove(0);
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[50] ^= 1;
    std::fs::remove_file(&pack).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    assert_eq!(compile(&cache, 2, 0..50, 100), FunctionCounts { found: 49, compiled: 1 });
    cache.close().unwrap();
    assert!(cache.was_damaged() && !pack.exists());
    assert_eq!(run(&store, 3, 0..100), FunctionCounts { found: 100, compiled: 0 });
}

#[test]
fn a_function_that_a_component_has_twice_counts_once() {
    let store = store();
    let cache = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    let compilation = cache.compilation(component(1));
    assert!(compilation.get(b"key").is_none());
    compilation.put(b"key", b"function");
    assert!(compilation.get(b"key").is_some());
    assert_eq!(compilation.end(), FunctionCounts { found: 0, compiled: 1 });
}

#[test]
fn two_processes_and_one_that_was_killed_do_no_harm() {
    let store = store();
    let (one, two) = (
        FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap(),
        FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap(),
    );
    compile(&one, 1, 0..10, 100);
    compile(&two, 2, 0..20, 100);
    let left = store.1.functions_of(&engine(1)).join(".sesame-unfinished-left");
    std::fs::write(&left, "what a killed process has left").unwrap();
    let three = FunctionCache::open(&store.1, &store.2, &engine(1), BOUND).unwrap();
    assert!(!left.exists());
    one.close().unwrap();
    two.close().unwrap();
    drop(three);
    assert_eq!(run(&store, 3, 0..20).found, 20);
    let names = std::fs::read_dir(store.1.functions_of(&engine(1))).unwrap().flatten().map(|entry| entry.file_name());
    assert!(names.into_iter().all(|name| name.to_string_lossy().ends_with(".pack")));
}
