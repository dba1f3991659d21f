//! Components that choke the compiler, processes that are killed while it works, and what is kept of its work.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::integrity::change;
use crate::schemas::validator;
use crate::support::artifact::component;
use crate::support::chance::Chance;
use crate::support::host::context;
use crate::support::sandbox::{Run, Sandbox};
use sesame::compiler::settings::CompilerSettings;
use sesame::model::digest::Digest;
use sesame::model::fault::{Fault, FaultKind};
use sesame::model::report::sync::StepOutcome;
use sesame::model::text;
use sesame::ops::context::Context;
use sesame::ops::error::Error;
use sesame::ops::sync;
use sesame::ops::sync::options::{LockPolicy, Mode, Ownership, SyncOptions};

/// What a process is given to end, or to get somewhere.
const SOON: Duration = Duration::from_secs(5);

/// How many functions a large component has, each of which it calls.
const FUNCTIONS: u32 = 1500;

/// The components that a manifest wants, by name.
type Wanted = BTreeMap<String, Vec<u8>>;

/// Something that the compiler chokes on.
struct Bomb {
    component: Vec<u8>,
    bounds: &'static [&'static str],
    reason: &'static str,
    hint: &'static str,
}

fn too_slow() -> Bomb {
    Bomb {
        component: slow(2000),
        bounds: &["--compile-timeout", "2"],
        reason: "the compiler takes longer than 2 s",
        hint: "give it more time with `--compile-timeout SECONDS` (300 if not said)",
    }
}

fn too_large() -> Bomb {
    Bomb {
        component: greedy(),
        bounds: &["--compile-memory", "512"],
        reason: "the compiler takes more than 512 MiB of memory",
        hint: "give it more with `--compile-memory MIB` (4096 if not said)",
    }
}

/// Makes the worker of a debug build panic.
fn too_odd() -> Bomb {
    let mut component = component("odd");
    component.extend(b"\x00\x13\x01xsesame-test-panic");
    Bomb {
        component,
        bounds: &[],
        reason: "the compiler gave it up: a component of the tests wants the compiler to panic",
        hint: "it may be a fault of the compiler",
    }
}

/// A jump table between so many nested blocks, in which all of 200 variables live. 2000 blocks take more than a minute and
/// not much memory, 200 about a second.
fn slow(blocks: usize) -> Vec<u8> {
    let table: String = (0..blocks * 20).map(|target| format!("{} ", target % blocks)).collect();
    let ends: String = (0..blocks)
        .map(|n| {
            let (a, b) = ((n + 1) % 200, (n * 3) % 200);
            format!(") (local.set {} (i32.add (local.get {a}) (local.get {b})))", n % 200)
        })
        .collect();
    bomb(200, &format!("{} (br_table {table} 0 (local.get 0)) {ends}", "(block ".repeat(blocks)))
}

/// Blocks in which all of 1000 variables live. Within a second it takes more than half a gigabyte.
fn greedy() -> Vec<u8> {
    let block = |n: usize| {
        let (a, b) = (n % 1000, (n * 7 + 1) % 1000);
        format!("(block (br_if 0 (local.get {a})) (local.set {b} (i32.add (local.get {b}) (local.get {a}))))")
    };
    bomb(1000, &(0..7000).map(block).collect::<String>())
}

fn bomb(variables: usize, body: &str) -> Vec<u8> {
    let sum: String = (0..variables).map(|variable| format!("(local.get {variable}) i32.add ")).collect();
    let parameters = "i32 ".repeat(variables);
    wat::parse_str(format!(
        "(component (core module (func (param {parameters}) (result i32) {body} (i32.const 0) {sum})))"
    ))
    .unwrap()
}

/// The multipliers of a large component: two thirds of them are the same for all seeds.
fn multipliers(seed: u32) -> impl Iterator<Item = u32> {
    (1..=FUNCTIONS).map(move |n| (n * 8 + if n % 3 == 0 { seed } else { 0 }).wrapping_mul(2_654_435_761) | 0x4000_0001)
}

/// A component that is large enough for its functions to be kept. Its `f` calls all of them.
fn large(seed: u32) -> Vec<u8> {
    let function = |(n, k): (usize, u32)| {
        let mixed = format!("(i32.xor (i32.mul (local.get 0) (i32.const {k})) (i32.const {}))", k / 3);
        format!("(func $f{n} (param i32) (result i32) (i32.rotl (i32.mul {mixed} (i32.const {k})) (i32.const {k})))")
    };
    let functions: String = multipliers(seed).enumerate().map(function).collect();
    let calls: String = (0..FUNCTIONS).map(|n| format!("call $f{n} ")).collect();
    let text = format!(
        "(component
           (core module $m {functions} (func (export \"f\") (result i32) i32.const 1 {calls}))
           (core instance $i (instantiate $m))
           (func (export \"f\") (result u32) (canon lift (core func $i \"f\"))))"
    );
    let component = wat::parse_str(&text).unwrap();
    assert!(component.len() >= 64 << 10, "{}", component.len());
    component
}

/// What `f` of a large component gives.
fn result(seed: u32) -> String {
    let mixed = |value: u32, k: u32| ((value.wrapping_mul(k) ^ (k / 3)).wrapping_mul(k)).rotate_left(k % 32);
    multipliers(seed).fold(1, mixed).to_string()
}

fn larges(seeds: u32) -> Wanted {
    (0..seeds).map(|seed| (format!("large-{seed}"), large(seed))).collect()
}

fn small(name: &str) -> (String, Vec<u8>) {
    (name.to_owned(), component(name))
}

/// Writes a manifest of files, and the files.
fn want(sandbox: &Sandbox, wanted: &Wanted) {
    let mut manifest = "[extensions]\n".to_owned();
    for (name, component) in wanted {
        sandbox.write(&format!("{name}.wasm"), component);
        manifest += &format!("{name} = {{ path = \"{name}.wasm\" }}\n");
    }
    sandbox.write("sesame.toml", manifest);
}

fn call(sandbox: &Sandbox, name: &str, function: &str) -> Run {
    sandbox.run(&["extension", "call", name, function])
}

#[track_caller]
fn gives(sandbox: &Sandbox, name: &str, function: &str, result: &str) {
    let run = call(sandbox, name, function);
    assert!(run.status == 0 && run.stdout.trim() == result, "{name}: {} {}{}", run.status, run.stdout, run.stderr);
}

fn cwasm(sandbox: &Sandbox) -> PathBuf {
    sandbox.cache().join("cwasm")
}

fn functions(sandbox: &Sandbox) -> PathBuf {
    sandbox.cache().join("functions")
}

fn packs(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = sandbox.files(&functions(sandbox));
    files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "pack")).collect()
}

fn size(files: &[PathBuf]) -> u64 {
    files.iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}

fn is_compiled(sandbox: &Sandbox, component: &[u8]) -> bool {
    sandbox.files(&cwasm(sandbox)).iter().any(|file| file.ends_with(Digest::of(component).hex()))
}

/// How much of what was compiled was found, as `sync -v` says it.
fn percent(run: &Run) -> u64 {
    let said = run.stderr.lines().last().and_then(|line| line.split_once(" % of ")).map(|(before, _)| before);
    said.and_then(|said| said.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{}", run.stderr))
}

/// Waits for something that must happen soon.
#[track_caller]
fn soon<T>(what: &str, mut happens: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        match happens() {
            Some(it) => return it,
            None => assert!(start.elapsed() < SOON, "in {SOON:?}: {what}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The value of a line of `/proc/PID/status`; none if there is no such process, or it only waits to be buried.
fn status(pid: Pid, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let value = |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    if value("State:")?.starts_with('Z') { None } else { value(name) }
}

fn is_gone(pid: Pid) -> bool {
    status(pid, "State:").is_none()
}

/// How long a process has computed, in hundredths of a second.
fn computed(pid: Pid) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(11).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

fn worker_of(sesame: &Child) -> Option<Pid> {
    let tasks = fs::read_dir(format!("/proc/{}/task", sesame.id())).ok()?;
    let children = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let child = children.collect::<String>().split_whitespace().next()?.parse().ok()?;
    Pid::from_raw(child)
}

/// A sync that is under way, and its worker, which compiles by now.
fn compiling(sandbox: &Sandbox, arguments: &[&str]) -> (Child, Pid) {
    // The lock's own worker is not the one that is meant.
    sandbox.ok(&["lock"]);
    let mut sync = sandbox.command(&["sync"]);
    let sync = sync.args(arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let worker = soon("a worker compiles", || worker_of(&sync).filter(|worker| computed(*worker) > 30));
    (sync, worker)
}

/// Waits for a process that should end about now.
fn ended(mut child: Child) -> Run {
    let status = soon("it ends", || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { status: status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Of ten extensions one is a bomb: it alone is not compiled.
fn fails_alone(bomb: &Bomb) {
    let sandbox = Sandbox::new();
    let mut extensions: Wanted = [small("good-0")].into();
    want(&sandbox, &extensions);
    sandbox.ok(&["sync"]);
    extensions.extend((1..9).map(|n| small(&format!("good-{n}"))));
    let good = extensions.clone();
    extensions.insert("bomb".to_owned(), bomb.component.clone());
    want(&sandbox, &extensions);
    let start = Instant::now();
    let run = sandbox.run(&[&["sync"], bomb.bounds].concat());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    run.fails(65, &[&format!("error: bomb: {}", bomb.reason), bomb.hint, "1 of 10 extensions failed"]);
    for (name, component) in &good {
        assert!(is_compiled(&sandbox, component), "{name}: {}", run.stderr);
    }
    gives(&sandbox, "good-0", "run", "7");
    call(&sandbox, "good-1", "run").fails(66, &["there is no extension `good-1`"]);
    assert!(run.stderr.contains("to go on without bomb, take bomb out of the manifest"), "{}", run.stderr);
    let run = sandbox.ok(&["extension", "remove", "bomb"]);
    assert!(!run.stderr.contains("  compiled  ") && run.stderr.contains("9 extensions are live"), "{}", run.stderr);
    gives(&sandbox, "good-8", "run", "7");
}

#[test]
fn of_ten_extensions_one_that_takes_too_long_fails_alone() {
    fails_alone(&too_slow());
}

#[test]
fn of_ten_extensions_one_that_needs_too_much_memory_fails_alone() {
    fails_alone(&too_large());
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "the worker panics at will in a debug build only")]
fn of_ten_extensions_one_that_makes_the_compiler_panic_fails_alone() {
    fails_alone(&too_odd());
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "the worker panics at will in a debug build only")]
fn of_several_bombs_at_once_each_is_named_with_its_own_reason() {
    let sandbox = Sandbox::new();
    // What is too large must have the time to grow.
    let too_slow =
        Bomb { bounds: &["--compile-timeout", "4"], reason: "the compiler takes longer than 4 s", ..too_slow() };
    let bombs = [too_slow, too_large(), too_odd()];
    let good: Wanted = [small("good-0"), small("good-1"), small("good-2")].into();
    let mut extensions = good.clone();
    extensions.extend(bombs.iter().enumerate().map(|(n, bomb)| (format!("bomb-{n}"), bomb.component.clone())));
    want(&sandbox, &extensions);
    let bounds: Vec<&str> = bombs.iter().flat_map(|bomb| bomb.bounds.iter().copied()).collect();
    let run = sandbox.run(&[&["sync"], bounds.as_slice()].concat());
    run.fails(65, &["3 of 6 extensions failed"]);
    for (n, bomb) in bombs.iter().enumerate() {
        run.fails(65, &[&format!("error: bomb-{n}: {}", bomb.reason), bomb.hint]);
    }
    for (name, component) in &good {
        assert!(is_compiled(&sandbox, component), "{name}: {}", run.stderr);
    }
}

#[test]
fn a_file_that_is_called_is_given_up_too() {
    let sandbox = Sandbox::new();
    sandbox.write("bomb.wasm", slow(2000));
    let start = Instant::now();
    let run = sandbox.run(&["extension", "call", "./bomb.wasm", "f", "--compile-timeout", "1"]);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    run.fails(65, &["bomb.wasm is not usable", "the compiler takes longer than 1 s", "--compile-timeout SECONDS"]);
}

#[test]
fn the_worker_is_confined_and_ends_with_its_input() {
    const MEMORY: u64 = 300 << 20;
    let sandbox = Sandbox::new();
    let mut worker = sandbox.command(&["compile-worker"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&worker);
    let begin = json!({ "Begin": {
        "cache": sandbox.cache().as_os_str(), "state": sandbox.path("home/state/pds").as_os_str(),
        "memory": MEMORY, "functions": 0,
    } });
    let header = begin.to_string();
    let lengths = [&u32::try_from(header.len()).unwrap().to_le_bytes()[..], &0_u64.to_le_bytes()].concat();
    worker.stdin.as_mut().unwrap().write_all(&[&lengths, header.as_bytes()].concat()).unwrap();
    let is = |name: &str, value: &str| status(pid, name).is_some_and(|found| found == value);
    soon("the worker has a filter of system calls", || is("Seccomp:", "2").then_some(()));
    assert!(is("NoNewPrivs:", "1"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", worker.id())).unwrap();
    let limit = |name: &str| -> Vec<u64> {
        let values = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        values.split_whitespace().filter_map(|value| value.parse().ok()).collect()
    };
    assert_eq!(limit("Max data size"), [MEMORY, MEMORY]);
    assert_eq!(limit("Max core file size"), [0, 0]);
    assert!(!is_gone(pid));
    drop(worker.stdin.take());
    ended(worker).fails(0, &[]);
}

#[test]
fn a_sync_that_is_killed_leaves_no_worker() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("bomb".to_owned(), slow(2000))].into());
    let (mut sync, worker) = compiling(&sandbox, &[]);
    sync.kill().unwrap();
    assert_eq!(sync.wait().unwrap().signal(), Some(9));
    soon("the worker is gone", || is_gone(worker).then_some(()));
}

#[test]
fn an_interrupt_ends_the_worker_and_the_sync_at_once() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("bomb".to_owned(), slow(2000))].into());
    let (sync, worker) = compiling(&sandbox, &[]);
    kill_process(Pid::from_child(&sync), Signal::INT).unwrap();
    ended(sync).fails(130, &["interrupted"]);
    assert!(is_gone(worker));
}

#[test]
fn a_worker_that_is_killed_is_to_blame_where_it_had_nothing_else_to_do() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("slow".to_owned(), slow(200))].into());
    let (sync, worker) = compiling(&sandbox, &[]);
    kill_process(worker, Signal::KILL).unwrap();
    ended(sync).fails(65, &["error: slow: the compiler ended: signal 9", "hint: run the command again"]);
    sandbox.ok(&["sync"]);
}

#[test]
fn what_was_lost_with_a_worker_beside_others_is_compiled_again() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[("slow-a".to_owned(), slow(200)), ("slow-b".to_owned(), slow(201))].into());
    let (sync, worker) = compiling(&sandbox, &[]);
    kill_process(worker, Signal::KILL).unwrap();
    let output = sync.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("2 extensions are live"), "{said}");
}

/// Cold syncs that are killed, or their workers, at moments of chance: the next sync makes everything right.
fn killed_at(moments: u32) {
    let arguments = ["sync", "--function-cache", "2"];
    let components = larges(2);
    let cold = || {
        let sandbox = Sandbox::new();
        want(&sandbox, &components);
        sandbox
    };
    let start = Instant::now();
    cold().ok(&arguments);
    let duration = start.elapsed();
    let seed = 0x5E5A_3E00;
    let mut chance = Chance(seed);
    for moment in 0..moments {
        let after = Duration::from_micros(chance.below(duration.as_micros() as u64));
        let whom = if moment % 2 == 0 { "the sync" } else { "its worker" };
        let told = format!("{whom} was killed after {after:?} of {duration:?}; seed {seed:#x}, moment {moment}");
        let sandbox = cold();
        let mut sync = sandbox.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        match worker_of(&sync) {
            Some(worker) if moment % 2 == 1 => drop(kill_process(worker, Signal::KILL)),
            _ if moment % 2 == 0 => sync.kill().unwrap(),
            _ => {}
        }
        sync.wait().unwrap();
        // The second one compiles everything again, with the functions that were kept.
        for _ in 0..2 {
            let run = sandbox.run(&arguments);
            assert_eq!(run.status, 0, "{told}: {}", run.stderr);
            let run = call(&sandbox, "large-1", "f");
            assert!(run.status == 0 && run.stdout.trim() == result(1), "{told}: {}{}", run.stdout, run.stderr);
            fs::remove_dir_all(cwasm(&sandbox)).unwrap();
        }
        let files = sandbox.files(&functions(&sandbox));
        assert_eq!(files, packs(&sandbox), "{told}: no file under way is left");
        let kept = size(&files);
        assert!((256 << 10..2 << 20).contains(&kept), "{told}: {kept}");
    }
}

#[test]
fn a_sync_or_worker_killed_at_any_moment_leaves_nothing_that_the_next_sync_cannot_mend() {
    killed_at(20);
}

#[test]
#[ignore = "200 moments; run by .ci/full"]
fn a_sync_or_worker_killed_at_any_of_many_moments() {
    killed_at(200);
}

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
fn corrupt(sandbox: &Sandbox, index_too: bool) {
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
    assert!(percent(&cold) < 70 && !packs(&sandbox).is_empty(), "{}", cold.stderr);
    let first = code();
    let is_same = |how: &str, arguments: &[&str]| {
        fs::remove_dir_all(cwasm(&sandbox)).unwrap();
        let run = sandbox.ok(&[&["sync", "-v"], arguments].concat());
        assert!(code() == first, "{how}");
        run
    };
    let warm = percent(&is_same("warm", &[]));
    assert!(warm > 85, "{warm}");
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
    let mut chance = Chance(seed);
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
        // Where there is no code, or no key to tell whose it is, it is missing.
        let is_missing = !cwasm(&sandbox).exists() || (is_cut && size == 32);
        let status = if is_missing { 66 } else { 76 };
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
fn bounds_are_numbers_of_a_range_that_is_said() {
    let sandbox = Sandbox::new();
    for (option, value, range) in [
        ("--compile-memory", "4GB", "256 to 1048576"),
        ("--compile-memory", "255", "256 to 1048576"),
        ("--compile-timeout", "0", "1 to 86400"),
        ("--compile-timeout", "300s", "1 to 86400"),
        ("--function-cache", "-1", "0 to 1048576"),
        ("--jobs", "65", "1 to 64"),
    ] {
        let run = sandbox.run(&["sync", &format!("{option}={value}")]);
        run.fails(2, &[&format!("'{value}' for '{option} "), &format!("write a whole number from {range}")]);
    }
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

/// A sync by the library, with a compiler of its own.
fn sync_with(sandbox: &Sandbox, program: &str) -> Error {
    sync_of(Context { compiler: CompilerSettings::of_program(program.into()), ..context(sandbox) })
}

fn sync_of(context: Context) -> Error {
    let options =
        SyncOptions { mode: Mode::Write, policy: LockPolicy::Update, ownership: Ownership::Respect, profile: None };
    let start = Instant::now();
    let error = sync::sync(&context, &options).unwrap_err();
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    error
}

/// What is wrong with the one extension.
fn fault_of(error: Error) -> Fault {
    match error {
        Error::Extensions { faults, .. } => faults[0].1.clone(),
        Error::Incomplete(report) => {
            let faults = report.steps.iter().filter_map(|step| match &step.outcome {
                StepOutcome::Failed(fault) => Some(fault.clone()),
                _ => None,
            });
            faults.collect::<Vec<_>>().remove(0)
        }
        error => panic!("{error}"),
    }
}

#[test]
fn a_library_is_told_when_its_compiler_is_none() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[small("a")].into());
    // To lock is to inspect; what is locked is only compiled.
    for locked in [false, true] {
        if locked {
            sandbox.ok(&["lock"]);
        }
        let error = sync_with(&sandbox, "/nonexistent/sesame");
        assert_eq!(error.kind(), FaultKind::Configuration, "{locked}");
        let fault = fault_of(error);
        assert!(fault.message.contains("the compiler /nonexistent/sesame cannot be started"), "{fault:?}");
        let error = sync_with(&sandbox, "/bin/false");
        assert_eq!(error.kind(), FaultKind::Data, "{locked}");
        let fault = format!("{:?}", fault_of(error));
        assert!(fault.contains("the compiler ended: exit status: 1"), "{fault}");
    }
    sandbox.ok(&["sync"]);
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

#[test]
fn folders_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = Sandbox::new();
    want(&sandbox, &larges(1));
    let cache = sandbox.path("home").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let run = Run::of(sandbox.command(&["sync", "-v"]).env("XDG_CACHE_HOME", &cache));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(!sandbox.files(&cache.join("pds/functions")).is_empty());
}

#[test]
fn a_compiler_that_says_nothing_is_not_waited_for_forever_and_one_that_says_nonsense_not_at_all() {
    let sandbox = Sandbox::new();
    want(&sandbox, &[small("a")].into());
    sandbox.write("../tmp/silent", "#!/bin/sh\nexec sleep 1000\n");
    sandbox.write("../tmp/babbles", "#!/bin/sh\nexec yes\n");
    sandbox.write("../tmp/breaks-off", "#!/bin/sh\nprintf '\\001\\000\\000\\000'\nexit 7\n");
    for (program, reason) in [
        ("silent", "the compiler takes longer than 1 s"),
        ("babbles", "cannot be read"),
        ("breaks-off", "the compiler ended: exit status: 7"),
    ] {
        let path = sandbox.path("tmp").join(program);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let compiler = CompilerSettings { timeout: Duration::from_secs(1), ..CompilerSettings::of_program(path) };
        let fault = format!("{:?}", fault_of(sync_of(Context { compiler, ..context(&sandbox) })));
        assert!(fault.contains(reason), "{fault}");
    }
}
