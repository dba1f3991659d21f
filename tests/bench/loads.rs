//! Row 6: loading compiled code that is checked first.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::guests;
use crate::measure::in_turns;
use crate::support::sandbox::Sandbox;
use crate::table::{Row, shown};
use sesame::engine::config::engine;
use sesame::engine::key::engine_key;
use sesame::host::load::load;
use sesame::model::digest::Digest;
use sesame::model::engine_key::Metering;
use sesame::store::code::cwasm;
use sesame::store::key;
use sesame::store::paths::StorePaths;
use wasmtime::component::Component;

const AIM: Duration = Duration::from_millis(10);

pub fn rows() -> Vec<Row> {
    let sandbox = Sandbox::new();
    let bytes = guests::component("greeting-javascript");
    let component = Digest::of(&bytes);
    sandbox.write("javascript.wasm", bytes);
    sandbox.write(
        "sesame.toml",
        "[extensions]\njavascript = { path = \"javascript.wasm\", capabilities.config-read = true }\n",
    );
    sandbox.ok(&["sync", "-q"]);
    let paths = StorePaths { data: sandbox.data(), cache: sandbox.cache(), state: sandbox.path("home/state/pds") };
    let wasmtime = engine(Metering::Unmetered).unwrap();
    let key = key::read(&paths).unwrap().unwrap();
    let engine = engine_key(&wasmtime);
    let path: PathBuf = paths.code(&engine, &component);
    let code = std::fs::read(&path).unwrap();
    // Without the tag, for a loader that wants none.
    let plain = sandbox.path("plain.cwasm");
    std::fs::write(&plain, &code[..code.len() - 32]).unwrap();
    let times = in_turns::<3>(21, |which| {
        let start = Instant::now();
        match which {
            0 => drop(load(&wasmtime, &cwasm::open(&paths, &key, &engine, &component).unwrap().unwrap()).unwrap()),
            // SAFETY: sesame has just compiled it, in a folder of this benchmark's own.
            #[expect(unsafe_code, reason = "what sesame's own loading is held against")]
            1 => drop(unsafe { Component::deserialize_file(&wasmtime, &plain) }.unwrap()),
            _ => drop(blake3::Hasher::new().update_rayon(&code).finalize()),
        }
        start.elapsed()
    });
    vec![Row {
        number: 6,
        what: format!("checked load of a cwasm of {} MB", code.len() / 1_000_000),
        figure: shown(times[0]),
        beside: format!(
            "`Component::deserialize_file`, unchecked: {}; hashing as many bytes in memory: {}",
            shown(times[1]),
            shown(times[2])
        ),
        aim: "at most 10 ms".to_owned(),
        met: Some(times[0] <= AIM),
    }]
}
