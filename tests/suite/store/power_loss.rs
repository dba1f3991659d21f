//! The power goes in the middle of a command: no name holds the wrong bytes, what is live is the old set or the new, whole, and
//! the next run ends right. What a cut leaves is worked out from a trace of the real program's calls.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::power_loss_model::{Trace, power_cut, undisturbed};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::scenario::{Copy, SCENARIOS, Wishes, answer, left};
use crate::support::seeded_rng::SeededRng;
use sesame::model::digest::Digest;

/// What people and later runs rely on besides the store: each file is as it was before or as it is after.
fn relied_on(sandbox: &Sandbox) -> BTreeMap<PathBuf, Vec<u8>> {
    let ours = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy();
        let named = ["toml", "lock", "wasm"].iter().any(|end| name.ends_with(&format!(".{end}")));
        let is_begun = name.starts_with(".sesame-");
        named && !is_begun && !path.starts_with(sandbox.data()) || name == "key"
    };
    let files = sandbox.files(&sandbox.path("home")).into_iter();
    files.filter(|path| ours(path)).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// How often it is cut when the command has ended: what it has done then stays done.
const STAYS: usize = 3;

/// Cuts the power so often in each scenario.
fn cut(times: usize) -> usize {
    let registry = Registry::start();
    let mut cuts = 0;
    for (seed, scenario) in (1..).zip(SCENARIOS) {
        let sandbox = Sandbox::new();
        (scenario.prepare)(&sandbox, &Wishes { registry: &registry, others: 1 });
        let home = sandbox.path("home");
        let (copy, before) = (Copy::of(&sandbox), relied_on(&sandbox));
        let (trace, run) = Trace::of(&sandbox, scenario.command);
        assert_eq!(run.status, 0, "{}: {}", scenario.name, run.stderr);
        let after = relied_on(&sandbox);
        let files = sandbox.files(&sandbox.path("home")).into_iter();
        let files: BTreeMap<PathBuf, Vec<u8>> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        copy.put_back();
        let model = undisturbed(&home, &trace);
        for path in files.keys().chain(model.keys()) {
            let is_right = files.get(path) == model.get(path);
            assert!(is_right, "{}: the model has {} wrong", scenario.name, path.display());
        }
        let mut chance = SeededRng(0x5eed + seed);
        for time in 0..times {
            let moment = if time < STAYS { trace.len() } else { chance.below(trace.len() as u64 + 1) as usize };
            copy.put_back();
            power_cut(&home, &trace, moment, &mut chance);
            let told = format!("{}, after {moment} of {} calls", scenario.name, trace.len());
            for blob in sandbox.files(&sandbox.data().join("blobs")) {
                let bytes = fs::read(&blob).unwrap();
                let hex = blob.file_name().unwrap().to_string_lossy();
                assert!(Digest::of(&bytes).hex() == hex || bytes == b"damaged", "{told}: {hex}");
            }
            let found = relied_on(&sandbox);
            for path in before.keys().chain(after.keys()).chain(found.keys()) {
                let [found, before, after] = [&found, &before, &after].map(|files| files.get(path));
                let is_known = found == after || time >= STAYS && found == before;
                let lengths = [found, before, after].map(|bytes| bytes.map(Vec::len));
                assert!(is_known, "{told}: {} was lost, of {lengths:?} bytes", path.display());
            }
            let generations = sandbox.ok(&["generations", "--json"]).stdout;
            let document: Value = serde_json::from_str(&generations).unwrap();
            let all = document["data"]["generations"].as_array().unwrap();
            assert!(all.iter().all(|generation| generation.get("damage").is_none()), "{told}: {document}");
            let live = answer(&sandbox);
            let is_live = live == scenario.after || time >= STAYS && scenario.between.contains(&live.as_str());
            assert!(is_live, "{told}: {live}");
            let again = sandbox.run(scenario.command);
            assert_eq!(again.status, 0, "{told}, and again: {}", again.stderr);
            assert_eq!(answer(&sandbox), scenario.after, "{told}");
            let verified = sandbox.run(&["verify"]);
            assert_eq!(verified.status, 0, "{told}: {}", verified.stderr);
            sandbox.ok(&["gc"]);
            assert!(left(&sandbox).is_empty(), "{told}: {:?}", left(&sandbox));
            cuts += 1;
        }
    }
    println!("the power was cut {cuts} times");
    cuts
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn a_few_power_cuts_leave_the_old_or_the_new() {
    assert!(cut(6) >= 40);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn five_hundred_power_cuts_leave_the_old_or_the_new() {
    assert!(cut(60) >= 500);
}
