//! Times and counts of the real program, printed. Run with `--release`; `.ci/full` does.

use std::time::{Duration, Instant};

use crate::support::artifact::{Artifact, component};
use crate::support::greeting::upgrade;
use crate::support::guest;
use crate::support::library_host::live;
use crate::support::registry::{Fault, Registry};
use crate::support::sandbox::Sandbox;
use sesame::host::values::Val;

const EXTENSIONS: usize = 100;
const RUNS: usize = 20;

/// A component of its own: a real guest with one more custom section.
fn variant(number: usize) -> Vec<u8> {
    let mut bytes = guest("greeting-0.1.0");
    let payload = format!("\u{7}variant{number:04}");
    bytes.extend([0, u8::try_from(payload.len()).unwrap()]);
    bytes.extend(payload.as_bytes());
    bytes
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
#[ignore = "a figure; .ci/full runs it in a release build"]
fn a_sync_with_nothing_to_do_of_a_hundred_extensions() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let references: Vec<String> =
        (0..EXTENSIONS).map(|n| registry.push(&format!("org/e{n}"), "1", &Artifact::wkg(&variant(n)))).collect();
    let entries = references.iter().enumerate().map(|(n, reference)| {
        format!("[extensions.e{n:03}]\noci = \"{reference}\"\ncapabilities = {{ config-read = true }}\n\n")
    });
    let settings = format!("[registries.\"{}\"]\nplain-http = true\n\n", registry.host());
    sandbox.write("sesame.toml", settings + &entries.collect::<String>());
    let start = Instant::now();
    sandbox.ok(&["sync", "-q"]);
    println!("cold sync of {EXTENSIONS} extensions: {:?}, {} requests", start.elapsed(), registry.take_log().len());
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    sandbox.ok(&["sync"]);
    println!("first sync after it, which hashes everything once more: {:?}", start.elapsed());
    let time = |arguments: &[&str]| {
        let times = (0..RUNS).map(|_| {
            let start = Instant::now();
            sandbox.ok(arguments);
            start.elapsed()
        });
        median(times.collect())
    };
    println!("process start alone (--version), median of {RUNS}: {:?}", time(&["--version"]));
    println!("sync with nothing to do, {EXTENSIONS} extensions, median of {RUNS}: {:?}", time(&["sync"]));
    println!("lock, satisfied, {EXTENSIONS} extensions, median of {RUNS}: {:?}", time(&["lock"]));
    assert_eq!(registry.take_log(), Vec::<String>::new());
}

/// The greeting as built from Rust, and from the languages in the folder that `$SESAME_LANGUAGES` names.
fn greetings() -> Vec<(&'static str, Vec<u8>)> {
    let mut greetings = vec![("rust", guest("greeting-0.1.0"))];
    if let Some(folder) = std::env::var_os("SESAME_LANGUAGES") {
        let folder = std::path::PathBuf::from(folder);
        let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
        greetings.push(("python", read("greeting-python.wasm")));
        greetings.push(("javascript", read("greeting-javascript.wasm")));
    }
    greetings
}

#[test]
#[ignore = "a figure; .ci/full runs it in a release build"]
fn calls_of_the_greeting_in_each_language() {
    let sandbox = Sandbox::new();
    let greetings = greetings();
    let mut manifest = String::new();
    for (name, component) in &greetings {
        sandbox.write(&format!("{name}.wasm"), component);
        manifest += &format!("[extensions.{name}]\npath = \"{name}.wasm\"\ncapabilities.config-read = true\n");
    }
    sandbox.write("sesame.toml", manifest);
    sandbox.ok(&["sync", "-q"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let live = live(&sandbox);
    for (name, _) in greetings {
        let times = (0..RUNS + 1).map(|_| {
            let start = Instant::now();
            let run = sandbox.ok(&["extension", "call", name, "greet", "World"]);
            assert_eq!(run.stdout, "Hello, World!\n");
            start.elapsed()
        });
        println!("{name}: `call`, whole process, warm cache, median of {RUNS}: {:?}", median(times.skip(1).collect()));
        let bonjour = ["extension", "call", name, "greet", "World", "--config", "greeting.template=Bonjour, {}"];
        assert_eq!(sandbox.ok(&bonjour).stdout, "Bonjour, World\n");
        let extension = live.load(&name.parse().unwrap()).unwrap();
        let world = [Val::String("World".to_owned())];
        runtime.block_on(async {
            let mut instance = extension.instantiate().await.unwrap();
            let mut calls = 0_u32;
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(2) {
                instance.call("greet", &world).await.unwrap();
                calls += 1;
            }
            println!("{name}: {:.0} calls a second of one instance", f64::from(calls) / start.elapsed().as_secs_f64());
            let mut instances = 0_u32;
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(2) {
                extension.instantiate().await.unwrap();
                instances += 1;
            }
            let rate = f64::from(instances) / start.elapsed().as_secs_f64();
            println!("{name}: {rate:.0} instantiations a second");
        });
    }
}

/// Each answer takes 50 ms, and six go on at once: what there is to ask cannot be had in less.
#[test]
#[ignore = "a figure; .ci/full runs it in a release build"]
fn a_sync_of_fifty_components_of_a_mebibyte_from_a_slow_registry() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let references: Vec<String> = (0..50)
        .map(|n| {
            let component = component(&format!("{n:02}{}", "x".repeat(1 << 20)));
            registry.push(&format!("org/e{n}"), "1", &Artifact::wkg(&component))
        })
        .collect();
    let entries = references.iter().enumerate().map(|(n, reference)| format!("e{n} = \"{reference}\"\n"));
    sandbox.write("sesame.toml", "[extensions]\n".to_owned() + &entries.collect::<String>());
    sandbox.ok(&["lock", "-q"]);
    registry.misbehave("", Fault::Delay(Duration::from_millis(50)));
    let times = (0..5).map(|_| {
        sandbox.empty_home();
        registry.take_log();
        let start = Instant::now();
        sandbox.ok(&["sync", "-q", "--locked"]);
        start.elapsed()
    });
    let time = median(times.collect());
    let requests = registry.take_log().len();
    let best = Duration::from_millis(50) * u32::try_from(requests.div_ceil(6)).unwrap();
    let ratio = time.as_secs_f64() / best.as_secs_f64();
    println!(
        "sync of 50 components of 1 MiB, 50 ms an answer, median of 5: {time:?}; {requests} requests, at best {best:?}: {ratio:.2}"
    );
    assert!(ratio < 1.5, "{ratio}");
}

/// How long a command takes, and the most memory that it held, in KiB, looked at every 2 ms.
fn cost(sandbox: &Sandbox, arguments: &[&str]) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = sandbox.command(arguments).stderr(std::process::Stdio::null()).spawn().unwrap();
    let (status, mut most) = (format!("/proc/{}/status", child.id()), 0);
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let held = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(held.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    (start.elapsed(), most)
}

#[test]
#[ignore = "a figure; .ci/full runs it in a release build"]
fn verify_and_gc_of_many_blobs() {
    for blobs in [1_000, 10_000_u32] {
        let sandbox = Sandbox::new();
        sandbox.write("a.wasm", component("a"));
        sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
        sandbox.ok(&["sync"]);
        let folder = sandbox.data().join("blobs/sha256");
        for number in 0..blobs {
            let bytes = [&number.to_le_bytes()[..], &[7; 20_000]].concat();
            let path = folder.join(sesame::model::digest::Digest::of(&bytes).hex());
            std::fs::write(path, bytes).unwrap();
        }
        let (verify, gc) = (cost(&sandbox, &["verify", "-q"]), cost(&sandbox, &["gc", "-q"]));
        println!(
            "{blobs} blobs of 20 kB: verify {:?}, {} KiB; gc of all: {:?}, {} KiB",
            verify.0, verify.1, gc.0, gc.1
        );
        assert_eq!(sandbox.files(&folder).len(), 1);
    }
}

#[test]
#[ignore = "a figure; .ci/full runs it in a release build"]
fn a_rollback_with_a_warm_cache() {
    let registry = Registry::start();
    let sandbox = Sandbox::new();
    upgrade(&sandbox, &registry, "");
    let times = (0..RUNS).map(|run| {
        let start = Instant::now();
        sandbox.ok(&["rollback", if run % 2 == 0 { "1" } else { "2" }]);
        start.elapsed()
    });
    println!("rollback, warm cache, median of {RUNS}: {:?}", median(times.collect()));
}
