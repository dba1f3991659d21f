//! Times and counts of the real program, printed. Run with `--release`; `.ci/full` does.

use std::time::{Duration, Instant};

use crate::support::artifact::Artifact;
use crate::support::guest;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

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
