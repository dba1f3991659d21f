//! Rows 1, 2, 3 and 8: syncs of real components, against fetching and compiling them one after the other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::measure::{Cost, cost, median};
use crate::support::artifact::Artifact;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::table::{Row, shown};
use crate::{guests, peers};

const ROUNDS: usize = 3;

pub fn rows(wanted: &dyn Fn(u32) -> bool) -> Vec<Row> {
    let registry = Registry::start();
    let mut rows = Vec::new();
    if wanted(1) || wanted(8) {
        rows.extend(cold(&registry));
    }
    if wanted(2) {
        rows.push(unrelated(&registry));
    }
    if wanted(3) {
        rows.push(upgrade(&registry));
    }
    rows
}

/// Row 1, and row 8 of the same runs.
fn cold(registry: &Registry) -> Vec<Row> {
    let set = Set::new(registry, "org", guests::eight());
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        own.push(set.cold_sync());
        theirs.push(set.peers().unwrap_or_default());
        println!("row 1, round {round}: {:?} against {:?}", own.last().unwrap(), theirs.last().unwrap());
    }
    let wall = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall).collect());
    let peak = |costs: &[Cost]| median(costs.iter().map(|cost| cost.peak).collect());
    let (ratio, memory) = (part(wall(&own), wall(&theirs)), peak(&own) as f64 / peak(&theirs) as f64);
    let compared = |text: String| if peers::both() { text } else { "–".to_owned() };
    vec![
        Row {
            number: 1,
            what: format!("cold sync of 8 components ({}), locked", set.size()),
            figure: shown(wall(&own)),
            beside: compared(format!("`wkg oci pull` and `wasmtime compile` of each: {}", shown(wall(&theirs)))),
            aim: "at most 0.50".to_owned(),
            met: peers::both().then_some(ratio <= 0.5),
        }
        .with_ratio(ratio),
        Row {
            number: 8,
            what: "most memory at a time in row 1, all processes".to_owned(),
            figure: mebibytes(peak(&own)),
            beside: compared(format!("the largest `wasmtime compile`: {}", mebibytes(peak(&theirs)))),
            aim: "at most 1.50".to_owned(),
            met: peers::both().then_some(memory <= 1.5),
        }
        .with_ratio(memory),
    ]
}

/// Row 2.
fn unrelated(registry: &Registry) -> Row {
    let components = guests::eight().into_iter().zip(1..);
    let components = components.map(|((name, bytes), number)| (name, guests::unrelated(&bytes, 7_000_000 + number)));
    let set = Set::new(registry, "unrelated", components.collect());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        own.push(set.cold_sync().wall);
        theirs.push(set.peers().unwrap_or_default().cpu / u32::try_from(cores).unwrap());
        println!("row 2, round {round}: {:?} against {:?}", own.last().unwrap(), theirs.last().unwrap());
    }
    let (own, theirs) = (median(own), median(theirs));
    Row {
        number: 2,
        what: "the same with 8 components that have no function in common".to_owned(),
        figure: shown(own),
        beside: if peers::both() {
            format!("the processor's time of both programs, over {cores} cores: {}", shown(theirs))
        } else {
            "–".to_owned()
        },
        aim: "at most 1.20".to_owned(),
        met: peers::both().then_some(part(own, theirs) <= 1.2),
    }
    .with_ratio(part(own, theirs))
}

/// Row 3.
fn upgrade(registry: &Registry) -> Row {
    let two: Vec<_> = guests::eight().into_iter().filter(|(name, _)| name.ends_with("-1")).collect();
    let (new, set) = (guests::component("greeting-javascript"), Set::new(registry, "upgrade", two));
    registry.push("upgrade/javascript-1", "2", &Artifact::wkg(&new));
    let file = set.folder.path().join("new.wasm");
    std::fs::write(&file, new).unwrap();
    let sandbox = set.sandbox();
    sandbox.ok(&["sync", "-q", "--locked"]);
    let kept = sandbox.path("tmp/kept");
    copy(&sandbox.path("home"), &kept);
    let old = sandbox.read("sesame.toml");
    let lock = sandbox.read("sesame.lock");
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS + 2 {
        sandbox.write("sesame.toml", old.replace("javascript-1:1\"", "javascript-1:2\""));
        own.push(cost(&mut sandbox.command(&["sync", "-q"])).wall);
        theirs.push(if peers::has("wasmtime") { cost(&mut peers::compile(&file)).wall } else { Duration::ZERO });
        println!("row 3, round {round}: {:?} against {:?}", own.last().unwrap(), theirs.last().unwrap());
        sandbox.write("sesame.toml", &old);
        sandbox.write("sesame.lock", &lock);
        std::fs::remove_dir_all(sandbox.path("home")).unwrap();
        copy(&kept, &sandbox.path("home"));
    }
    let (own, theirs) = (median(own), median(theirs));
    Row {
        number: 3,
        what: "sync after one JavaScript component moved to a new version".to_owned(),
        figure: shown(own),
        beside: format!("`wasmtime compile` of it: {}", shown(theirs)),
        aim: "at most 0.35".to_owned(),
        met: peers::has("wasmtime").then_some(part(own, theirs) <= 0.35),
    }
    .with_ratio(part(own, theirs))
}

/// Components in a registry, and a project that wants them.
struct Set {
    folder: tempfile::TempDir,
    manifest: String,
    lock: String,
    references: Vec<String>,
    bytes: usize,
}

impl Set {
    fn new(registry: &Registry, namespace: &str, components: Vec<(String, Vec<u8>)>) -> Self {
        let sandbox = Sandbox::new();
        let (mut references, mut manifest) = (Vec::new(), String::from("[extensions]\n"));
        for (name, component) in &components {
            let reference = registry.push(&format!("{namespace}/{name}"), "1", &Artifact::wkg(component));
            manifest += &format!("{name} = {{ oci = \"{reference}\", capabilities.config-read = true }}\n");
            references.push(reference);
        }
        sandbox.write("sesame.toml", &manifest);
        sandbox.ok(&["lock", "-q"]);
        let bytes = components.iter().map(|(_, component)| component.len()).sum();
        let (folder, lock) = (tempfile::tempdir().unwrap(), sandbox.read("sesame.lock"));
        Self { folder, manifest, lock, references, bytes }
    }

    /// The project on a machine that has nothing yet.
    fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.write("sesame.toml", &self.manifest);
        sandbox.write("sesame.lock", &self.lock);
        sandbox
    }

    fn cold_sync(&self) -> Cost {
        cost(&mut self.sandbox().command(&["sync", "-q", "--locked"]))
    }

    /// The same with other programs, if they are there.
    fn peers(&self) -> Option<Cost> {
        if !peers::both() {
            return None;
        }
        let mut all = Cost::default();
        for (number, reference) in self.references.iter().enumerate() {
            let file: PathBuf = self.folder.path().join(format!("{number}.wasm"));
            all += cost(&mut peers::pull(reference, &file));
            all += cost(&mut peers::compile(&file));
        }
        Some(all)
    }

    fn size(&self) -> String {
        mebibytes(self.bytes as u64)
    }
}

impl Row {
    fn with_ratio(mut self, ratio: f64) -> Self {
        if ratio.is_finite() {
            self.figure += &format!(" ({ratio:.2})");
        }
        self
    }
}

fn part(own: Duration, theirs: Duration) -> f64 {
    own.as_secs_f64() / theirs.as_secs_f64()
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}
