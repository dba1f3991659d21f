//! Components that give the compiler work, and what is seen of that from outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::support::artifact::component;
use crate::support::library_host::context;
use crate::support::sandbox::{Run, Sandbox};
use sesame::compiler::settings::CompilerSettings;
use sesame::model::digest::Digest;
use sesame::model::fault::Fault;
use sesame::model::report::sync::StepOutcome;
use sesame::ops::context::Context;
use sesame::ops::error::Error;
use sesame::ops::error::lock::LockError;
use sesame::ops::sync;
use sesame::ops::sync::options::{LockPolicy, ProfileTakeover, SyncOptions, WriteMode};

/// What a process is given to end, or to get somewhere.
pub const SOON: Duration = Duration::from_secs(5);

/// How many functions a large component has, each of which it calls.
pub const FUNCTIONS: u32 = 1500;

/// The components that a manifest wants, by name.
pub type Wanted = BTreeMap<String, Vec<u8>>;

/// Something that the compiler chokes on.
pub struct Bomb {
    pub component: Vec<u8>,
    pub bounds: &'static [&'static str],
    pub reason: &'static str,
    pub hint: &'static str,
}

pub fn too_slow() -> Bomb {
    Bomb {
        component: slow(2000),
        bounds: &["--compile-timeout", "2"],
        reason: "the compiler takes longer than 2 s",
        hint: "give it more time with `--compile-timeout SECONDS` (300 if not said)",
    }
}

pub fn too_large() -> Bomb {
    Bomb {
        component: greedy(),
        bounds: &["--compile-memory", "512"],
        reason: "the compiler takes more than 512 MiB of memory",
        hint: "give it more with `--compile-memory MIB` (4096 if not said)",
    }
}

/// Makes the worker of a debug build panic.
pub fn too_odd() -> Bomb {
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
pub fn slow(blocks: usize) -> Vec<u8> {
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
pub fn greedy() -> Vec<u8> {
    let block = |n: usize| {
        let (a, b) = (n % 1000, (n * 7 + 1) % 1000);
        format!("(block (br_if 0 (local.get {a})) (local.set {b} (i32.add (local.get {b}) (local.get {a}))))")
    };
    bomb(1000, &(0..7000).map(block).collect::<String>())
}

pub fn bomb(variables: usize, body: &str) -> Vec<u8> {
    let sum: String = (0..variables).map(|variable| format!("(local.get {variable}) i32.add ")).collect();
    let parameters = "i32 ".repeat(variables);
    wat::parse_str(format!(
        "(component (core module (func (param {parameters}) (result i32) {body} (i32.const 0) {sum})))"
    ))
    .unwrap()
}

/// The multipliers of a large component: two thirds of them are the same for all seeds.
pub fn multipliers(seed: u32) -> impl Iterator<Item = u32> {
    (1..=FUNCTIONS).map(move |n| (n * 8 + if n % 3 == 0 { seed } else { 0 }).wrapping_mul(2_654_435_761) | 0x4000_0001)
}

/// A component that is large enough for its functions to be kept. Its `f` calls all of them.
pub fn large(seed: u32) -> Vec<u8> {
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
pub fn result(seed: u32) -> String {
    let mixed = |value: u32, k: u32| ((value.wrapping_mul(k) ^ (k / 3)).wrapping_mul(k)).rotate_left(k % 32);
    multipliers(seed).fold(1, mixed).to_string()
}

pub fn larges(seeds: u32) -> Wanted {
    (0..seeds).map(|seed| (format!("large-{seed}"), large(seed))).collect()
}

pub fn small(name: &str) -> (String, Vec<u8>) {
    (name.to_owned(), component(name))
}

/// Writes a manifest of files, and the files.
pub fn want(sandbox: &Sandbox, wanted: &Wanted) {
    let mut manifest = "[extensions]\n".to_owned();
    for (name, component) in wanted {
        sandbox.write(&format!("{name}.wasm"), component);
        manifest += &format!("{name} = {{ path = \"{name}.wasm\" }}\n");
    }
    sandbox.write("sesame.toml", manifest);
}

pub fn call(sandbox: &Sandbox, name: &str, function: &str) -> Run {
    sandbox.run(&["extension", "call", name, function])
}

#[track_caller]
pub fn gives(sandbox: &Sandbox, name: &str, function: &str, result: &str) {
    let run = call(sandbox, name, function);
    assert!(run.status == 0 && run.stdout.trim() == result, "{name}: {} {}{}", run.status, run.stdout, run.stderr);
}

pub fn cwasm(sandbox: &Sandbox) -> PathBuf {
    sandbox.cache().join("cwasm")
}

pub fn functions(sandbox: &Sandbox) -> PathBuf {
    sandbox.cache().join("functions")
}

pub fn packs(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = sandbox.files(&functions(sandbox));
    files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "pack")).collect()
}

pub fn size(files: &[PathBuf]) -> u64 {
    files.iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}

pub fn is_compiled(sandbox: &Sandbox, component: &[u8]) -> bool {
    sandbox.files(&cwasm(sandbox)).iter().any(|file| file.ends_with(Digest::of(component).hex()))
}

/// How much of what was compiled was found, as `sync -v` says it.
pub fn percent(run: &Run) -> u64 {
    let said = run.stderr.lines().last().and_then(|line| line.split_once(" % of ")).map(|(before, _)| before);
    said.and_then(|said| said.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{}", run.stderr))
}

/// Waits for something that must happen soon.
#[track_caller]
pub fn soon<T>(what: &str, mut happens: impl FnMut() -> Option<T>) -> T {
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
pub fn status(pid: Pid, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let value = |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    if value("State:")?.starts_with('Z') { None } else { value(name) }
}

pub fn is_gone(pid: Pid) -> bool {
    status(pid, "State:").is_none()
}

/// How long a process has computed, in hundredths of a second.
pub fn computed(pid: Pid) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(11).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

pub fn worker_of(sesame: &Child) -> Option<Pid> {
    let tasks = fs::read_dir(format!("/proc/{}/task", sesame.id())).ok()?;
    let children = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let child = children.collect::<String>().split_whitespace().next()?.parse().ok()?;
    Pid::from_raw(child)
}

/// A sync that is under way, and its worker, which compiles by now.
pub fn compiling(sandbox: &Sandbox, arguments: &[&str]) -> (Child, Pid) {
    // The lock's own worker is not the one that is meant.
    sandbox.ok(&["lock"]);
    let mut sync = sandbox.command(&["sync"]);
    let sync = sync.args(arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let worker = soon("a worker compiles", || worker_of(&sync).filter(|worker| computed(*worker) > 30));
    (sync, worker)
}

/// Waits for a process that should end about now.
pub fn ended(mut child: Child) -> Run {
    let status = soon("it ends", || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { status: status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A sync by the library, with a compiler of its own.
pub fn sync_with(sandbox: &Sandbox, program: &str) -> Error {
    sync_of(Context { compiler: CompilerSettings::of_program(program.into()), ..context(sandbox) })
}

pub fn sync_of(context: Context) -> Error {
    let options = SyncOptions {
        mode: WriteMode::Write,
        policy: LockPolicy::Update,
        ownership: ProfileTakeover::Refuse,
        profile: None,
    };
    let start = Instant::now();
    let error = sync::sync(&context, &options).unwrap_err();
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    error
}

/// What is wrong with the one extension.
pub fn fault_of(error: Error) -> Fault {
    match error {
        Error::Lock(LockError::Extensions { faults, .. }) => faults[0].1.clone(),
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
