//! Row 9: how long commands take with more and more extensions in one manifest.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use sesame::model::digest::Digest;

use crate::measure::time;
use crate::support::artifact::{Artifact, component, descriptor};
use crate::support::sandbox::Sandbox;
use crate::table::{Row, shown};

const SIZES: [u32; 5] = [1_000, 5_000, 10_000, 20_000, 40_000];

/// How many components they share, so that what is measured is not compiling.
const COMPONENTS: u32 = 10;

/// By how much the time of each may grow from the smallest set to the largest.
const GROWTH: f64 = 1.25;

const COMMANDS: [(&str, &[&str]); 6] = [
    ("lock, from nothing", &["lock", "-q"]),
    ("sync --dry-run, empty store", &["sync", "--dry-run", "-q"]),
    ("sync, everything fetched", &["sync", "-q"]),
    ("sync --dry-run, nothing to do", &["sync", "--dry-run", "-q"]),
    ("status", &["status", "-q"]),
    ("diff", &["diff", "-q"]),
];

pub fn rows() -> Vec<Row> {
    let times: Vec<[Duration; COMMANDS.len()]> = SIZES.iter().map(|size| measure(*size)).collect();
    let row = |(at, (what, _)): (usize, &(&str, &[&str]))| {
        let each = |size: usize| times[size][at] / SIZES[size];
        let growth = each(SIZES.len() - 1).as_secs_f64() / each(0).as_secs_f64();
        let figures = SIZES.iter().enumerate().map(|(size, count)| format!("{count}: {}", shown(times[size][at])));
        Row {
            number: 9,
            what: format!("{what}, one manifest"),
            figure: figures.collect::<Vec<_>>().join("; "),
            beside: format!("time of one extension at {} over that at {}: {growth:.2}", SIZES[4], SIZES[0]),
            aim: format!("at most {GROWTH}"),
            met: Some(growth <= GROWTH),
        }
    };
    COMMANDS.iter().enumerate().map(row).collect()
}

/// The best of three runs of each command, in a home that is in the same state before each.
fn measure(extensions: u32) -> [Duration; COMMANDS.len()] {
    println!("row 9: {extensions} extensions");
    let sandbox = project(extensions);
    let mut times = [Duration::MAX; COMMANDS.len()];
    for _ in 0..3 {
        sandbox.empty_home();
        let _ = fs::remove_file(sandbox.path("project/sesame.lock"));
        for ((what, arguments), best) in COMMANDS.iter().zip(&mut times) {
            // The first plan is made where nothing is but the lock; then what that has fetched is there again.
            let aside = sandbox.path("data.aside");
            let is_first_plan = what.contains("empty store");
            if is_first_plan {
                fs::rename(sandbox.data(), &aside).unwrap();
            }
            *best = time(&mut sandbox.command(arguments)).min(*best);
            if is_first_plan {
                fs::rename(&aside, sandbox.data()).unwrap();
            }
        }
    }
    times
}

/// How many extensions come from one OCI layout, whose index has a bound.
const LAYOUT: u32 = 5_000;

/// A project of extensions whose manifests are all different, in OCI layouts beside it.
fn project(extensions: u32) -> Sandbox {
    let sandbox = Sandbox::new();
    let components: Vec<Vec<u8>> = (0..COMPONENTS).map(|number| component(&format!("{number}"))).collect();
    let mut manifest = "[extensions]\n".to_owned();
    let mut registries = String::new();
    for layout in 0..extensions.div_ceil(LAYOUT) {
        let numbers = layout * LAYOUT..extensions.min((layout + 1) * LAYOUT);
        manifest += &layout_of(&sandbox, layout, numbers, &components);
        registries += &format!(
            "[registries.\"example.com/l{layout}\"]\nmirrors = [\"oci-layout:vendor{layout}\"]\nmirrors-only = true\n"
        );
    }
    sandbox.write("sesame.toml", manifest + &registries);
    sandbox
}

/// Writes a layout of some extensions; their entries in the manifest.
fn layout_of(sandbox: &Sandbox, layout: u32, numbers: std::ops::Range<u32>, components: &[Vec<u8>]) -> String {
    let folder = format!("vendor{layout}");
    let blobs = sandbox.path("project").join(&folder).join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
    let (mut manifest, mut entries): (String, Vec<Value>) = (String::new(), Vec::new());
    for number in numbers {
        let name = format!("e{number:05}");
        let reference = format!("example.com/l{layout}/{name}:1.0.0");
        let mut artifact = Artifact::wkg(&components[(number % COMPONENTS) as usize]);
        let mut document: Value = serde_json::from_slice(&artifact.manifest).unwrap();
        document["annotations"] = json!({ "org.opencontainers.image.title": name });
        artifact.manifest = document.to_string().into_bytes();
        artifact.blobs.iter().for_each(|blob| put(blob));
        put(&artifact.manifest);
        let mut entry = descriptor(artifact.media_type, &artifact.manifest);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": reference });
        entries.push(entry);
        // Every twentieth is granted a folder of its own.
        if number % 20 == 0 {
            fs::create_dir_all(sandbox.path("notes").join(&name)).unwrap();
            manifest +=
                &format!("{name} = {{ oci = \"{reference}\", capabilities.fs-write = [\"~/notes/{name}\"] }}\n");
        } else {
            manifest += &format!("{name} = \"{reference}\"\n");
        }
    }
    sandbox.write(&format!("{folder}/oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
    let index = json!({ "schemaVersion": 2, "manifests": entries }).to_string();
    sandbox.write(&format!("{folder}/index.json"), index);
    manifest
}
