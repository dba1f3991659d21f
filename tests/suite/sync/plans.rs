//! Plans from text: `fixtures/plans/CASE/` holds `sesame.toml`, `sesame.lock`, `inventory.toml`, and the plan that
//! must come of them, with the order in which its steps become ready.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::support::{expect_text, fixture};
use sesame::model::digest::Digest;
use sesame::model::engine_key::{EngineKey, EngineKeys, Metering};
use sesame::model::fault::file_problem::FileProblem;
use sesame::model::lock::Lock;
use sesame::model::manifest::manifest_path::ManifestPath;
use sesame::model::manifest::{Manifest, ManifestSource};
use sesame::model::name::ProfileName;
use sesame::model::plan::generation::Generation;
use sesame::model::plan::inventory::{Inventory, StoredState};
use sesame::model::plan::schedule::{Schedule, StepResult};
use sesame::model::plan::step::{FetchSource, StepKind};
use sesame::model::plan::{Plan, ResolvedComponent};

/// What a case's store holds. Digests are those of the lock.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Stock {
    blobs: Vec<Digest>,
    /// With other bytes, of these digests.
    damaged_blobs: BTreeMap<Digest, Digest>,
    code: Vec<Digest>,
    metered_code: Vec<Digest>,
    /// With another MAC.
    damaged_code: Vec<Digest>,
    other_code: Vec<Digest>,
    generations: BTreeSet<u64>,
    /// The live generation is what the lock and manifest say (`same`), or that with no extensions (`other`).
    live: Option<String>,
    /// Steps to fail when the schedule is played, by the beginning of their line.
    fail: Vec<String>,
}

fn key(metering: Metering) -> EngineKey {
    EngineKey::new(if metering == Metering::Metered { [2; 16] } else { [1; 16] })
}

fn case(path: &Path) -> (Lock, Generation, Inventory, Stock) {
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    let source = ManifestSource { file: "sesame.toml".into(), folder: "/".into(), bytes: read("sesame.toml") };
    let manifest = Manifest::parse(&source, &[]).unwrap();
    let lock = Lock::parse("sesame.lock", &read("sesame.lock")).unwrap();
    let target =
        Generation::from_lock(&ProfileName::default(), &ManifestPath::new(Path::new("/sesame.toml")), &manifest, &lock);
    let stock: Stock = toml::from_str(&String::from_utf8(read("inventory.toml")).unwrap()).unwrap();
    let damaged_blobs = stock.damaged_blobs.iter();
    let damaged_blobs = damaged_blobs
        .map(|(digest, found)| (*digest, StoredState::Damaged(FileProblem::OtherDigest { found: *found })));
    let damaged_code = stock.damaged_code.iter().map(|digest| (*digest, StoredState::Damaged(FileProblem::OtherMac)));
    let good = |digests: &[Digest]| -> Vec<(Digest, StoredState)> {
        digests.iter().map(|digest| (*digest, StoredState::Good)).collect()
    };
    let code = |held: Vec<(Digest, StoredState)>, metering| {
        held.into_iter().map(move |(digest, held)| ((digest, key(metering)), held))
    };
    let live = stock.live.as_deref().map(|live| {
        let mut generation = target.clone();
        if live != "same" {
            generation.extensions.clear();
        }
        (*stock.generations.last().unwrap(), generation)
    });
    let inventory = Inventory {
        blobs: good(&stock.blobs).into_iter().chain(damaged_blobs).collect(),
        code: code(good(&stock.code), Metering::Unmetered)
            .chain(code(damaged_code.collect(), Metering::Unmetered))
            .chain(code(good(&stock.metered_code), Metering::Metered))
            .collect(),
        other_code: stock.other_code.iter().copied().collect(),
        engines: EngineKeys { unmetered: Some(key(Metering::Unmetered)), metered: Some(key(Metering::Metered)) },
        active: live,
        generations: stock.generations.clone(),
    };
    (lock, target, inventory, stock)
}

/// Plays a plan's schedule; each round is what became ready, and after it what was skipped.
fn play(plan: &Plan, fail: &[String]) -> String {
    let mut schedule = Schedule::new(plan, 8);
    let mut text = String::new();
    while !schedule.is_done() {
        let ready = schedule.take_ready();
        assert!(!ready.is_empty(), "the schedule is stuck:\n{plan}");
        writeln!(text, "then").unwrap();
        for id in ready {
            let line = plan.step(id).to_string();
            let fails = fail.iter().any(|start| line.starts_with(start.as_str()));
            writeln!(text, "  {}{line}", if fails { "FAILS " } else { "" }).unwrap();
            for skipped in schedule.finish(id, if fails { StepResult::Failed } else { StepResult::Done }) {
                writeln!(text, "    skipped: {}", plan.step(skipped)).unwrap();
            }
        }
    }
    text
}

#[test]
fn every_case_gives_its_plan_and_its_order() {
    let mut paths: Vec<_> = fs::read_dir(fixture("plans")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        let (lock, target, inventory, stock) = case(&path);
        let plan = Plan::for_sync(&target, &lock, &inventory);
        expect_text(&path.join("plan.txt"), &format!("{plan}\n{}", play(&plan, &stock.fail)));
    }
}

#[test]
fn a_step_comes_after_all_that_it_needs() {
    for path in fs::read_dir(fixture("plans")).unwrap().map(|entry| entry.unwrap().path()) {
        let (lock, target, inventory, _) = case(&path);
        let plan = Plan::for_sync(&target, &lock, &inventory);
        for (id, _) in plan.steps() {
            assert!(plan.dependents(id).all(|dependent| dependent > id), "{}", path.display());
        }
    }
}

#[test]
fn a_lock_fetches_and_verifies_each_component_once_and_does_nothing_else() {
    let candidate = |name: &str, content: &[u8]| ResolvedComponent {
        name: name.parse().unwrap(),
        component: Digest::of(content),
        size: 8,
        origin: FetchSource::Registry(format!("ghcr.io/org/{name}:1").parse().unwrap()),
    };
    let candidates = [candidate("a", b"1"), candidate("b", b"1"), candidate("c", b"2"), candidate("d", b"held")];
    let blobs = [(Digest::of(b"held"), StoredState::Good)].into();
    let plan = Plan::for_lock(&candidates, &Inventory { blobs, ..Inventory::default() });
    let actions: Vec<(&str, usize)> = plan.steps().map(|(_, step)| (step.kind.verb(), step.extensions.len())).collect();
    assert_eq!(actions, [("fetch", 2), ("verify", 2), ("fetch", 1), ("verify", 1)]);
    assert!(plan.steps().all(|(_, step)| matches!(step.kind, StepKind::Fetch { .. } | StepKind::Verify { .. })));
}
