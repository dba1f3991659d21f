//! Rows 4 and 5: syncs and locks with nothing to do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sesame::model::digest::Digest;

use crate::measure::{in_turns, time};
use crate::support::artifact::{Artifact, component, descriptor};
use crate::support::sandbox::Sandbox;
use crate::table::{Row, shown};

/// How many extensions, and how long it may take.
const SIZES: [(usize, Option<Duration>); 4] =
    [(10, None), (100, Some(Duration::from_millis(4))), (1_000, None), (10_000, Some(Duration::from_millis(60)))];

/// Longer than files must have been left alone to be judged at a glance.
const LEFT_ALONE: Duration = Duration::from_millis(2_200);

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (extensions, aim) in SIZES {
        rows.extend(idle(extensions, Form::OneFile, aim));
    }
    rows.extend(idle(10_000, Form::DropIns, None));
    rows
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    OneFile,
    DropIns,
}

fn idle(extensions: usize, form: Form, aim: Option<Duration>) -> Vec<Row> {
    let sandbox = project(extensions, form);
    println!("rows 4 and 5: {extensions} extensions are made live");
    sandbox.ok(&["sync", "-q"]);
    std::thread::sleep(LEFT_ALONE);
    // The first looks at everything once more.
    sandbox.ok(&["sync", "-q"]);
    sandbox.ok(&["lock", "-q"]);
    let commands: [&[&str]; 3] = [&["sync"], &["lock"], &["--version"]];
    let times = in_turns::<3>(21, |which| time(&mut sandbox.command(commands[which])));
    let from = if form == Form::DropIns { "drop-ins" } else { "extensions" };
    let row = |number, what: &str, figure| Row {
        number,
        what: format!("{what}, {extensions} {from}"),
        figure: shown(figure),
        beside: format!("process start alone: {}", shown(times[2])),
        aim: aim.map_or("–".to_owned(), |aim| format!("{} ms", aim.as_millis())),
        met: aim.map(|aim| figure <= aim),
    };
    vec![row(4, "sync, nothing to do", times[0]), row(5, "lock, satisfied", times[1])]
}

/// A project of small components, all different, which come from an OCI layout beside it.
fn project(extensions: usize, form: Form) -> Sandbox {
    let sandbox = Sandbox::new();
    let layout = sandbox.path("project/vendor");
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let put = |bytes: &[u8]| fs::write(blob(&layout, &Digest::of(bytes)), bytes).unwrap();
    let mut manifest =
        "[registries.\"example.com\"]\nmirrors = [\"oci-layout:vendor\"]\nmirrors-only = true\n\n[extensions]\n"
            .to_owned();
    let mut entries: Vec<Value> = Vec::new();
    for number in 0..extensions {
        let name = format!("e{number:05}");
        let reference = format!("example.com/org/{name}:1.0.0");
        let artifact = Artifact::wkg(&component(&name));
        artifact.blobs.iter().for_each(|blob| put(blob));
        put(&artifact.manifest);
        let mut entry = descriptor(artifact.media_type, &artifact.manifest);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": reference });
        entries.push(entry);
        match form {
            Form::OneFile => manifest += &format!("{name} = \"{reference}\"\n"),
            Form::DropIns => sandbox.write(
                &format!("extensions/{name}.toml"),
                format!("[extension]\nname = \"{name}\"\noci = \"{reference}\"\n"),
            ),
        }
    }
    sandbox.write("sesame.toml", manifest);
    sandbox.write("vendor/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    sandbox.write("vendor/index.json", json!({ "schemaVersion": 2, "manifests": entries }).to_string());
    sandbox
}

fn blob(layout: &Path, digest: &Digest) -> std::path::PathBuf {
    layout.join("blobs/sha256").join(digest.hex())
}
