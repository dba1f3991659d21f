//! Row 7: a call, as a whole process.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::measure::{in_turns, time};
use crate::support::guest;
use crate::support::sandbox::Sandbox;
use crate::table::{Row, shown};
use crate::{guests, peers};
use sesame::engine::config::engine;
use sesame::engine::key::engine_key;
use sesame::host::load::load;
use sesame::model::digest::Digest;
use sesame::model::engine_key::Metering;
use sesame::store::code::cwasm;
use sesame::store::key;
use sesame::store::paths::StorePaths;
use wasmtime::Store;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The argument that makes this program the bare one.
pub const BARE: &str = "--bare";

/// How much longer than the bare program a call may take.
const MORE: Duration = Duration::from_micros(1_500);

pub fn rows() -> Vec<Row> {
    let languages = [
        ("Rust", "rust", guest("greeting-0.1.0"), guest("wordcount-1.0.0"), "count(\"World\")"),
        (
            "JavaScript",
            "javascript",
            guests::component("greeting-javascript"),
            guests::component("plain-javascript"),
            "greet(\"World\")",
        ),
        (
            "Python",
            "python",
            guests::component("greeting-python"),
            guests::component("plain-python"),
            "greet(\"World\")",
        ),
    ];
    languages.into_iter().map(|(title, name, greeting, twin, call)| row(title, name, &greeting, &twin, call)).collect()
}

fn row(title: &str, name: &str, greeting: &[u8], twin: &[u8], call: &str) -> Row {
    let sandbox = Sandbox::new();
    sandbox.write("greeting.wasm", greeting);
    sandbox.write("twin.wasm", twin);
    let entry = |name: &str, limits: &str| {
        format!("{name} = {{ path = \"greeting.wasm\", capabilities.config-read = true{limits} }}\n")
    };
    let metered = format!("{name}-metered");
    let text = entry(name, "") + &entry(&metered, ", limits.max_fuel = 100_000_000_000");
    sandbox.write("sesame.toml", format!("[extensions]\n{text}"));
    sandbox.ok(&["sync", "-q"]);
    let component = Digest::of(greeting).to_string();
    let bare = |metering: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(BARE).args([&component, metering]);
        command.args([sandbox.data(), sandbox.cache(), sandbox.path("home/state/pds")]);
        command
    };
    let wasmtime = peers::has("wasmtime");
    let times = in_turns::<5>(21, |which| match which {
        0 => time(&mut sandbox.command(&["extension", "call", name, "greet", "World"])),
        1 => time(&mut bare("unmetered")),
        2 => time(&mut sandbox.command(&["extension", "call", &metered, "greet", "World"])),
        3 => time(&mut bare("metered")),
        _ if wasmtime => {
            let mut command = Command::new("wasmtime");
            command.args(["run", "-C", "cache=y", "--invoke", call]).arg(sandbox.path("project/twin.wasm"));
            time(command.env("HOME", sandbox.path("home")).env_remove("XDG_CACHE_HOME"))
        }
        _ => Duration::ZERO,
    });
    let peer = if wasmtime { shown(times[4]) } else { "–".to_owned() };
    Row {
        number: 7,
        what: format!("`extension call` of the greeting in {title}; with fuel"),
        figure: format!("{}; {}", shown(times[0]), shown(times[2])),
        beside: format!(
            "a bare program: {}; {}; `wasmtime run` of a twin without imports: {peer}",
            shown(times[1]),
            shown(times[3])
        ),
        aim: "the bare program and 1.5 ms, and faster than wasmtime".to_owned(),
        met: wasmtime.then_some(times[0] <= times[1] + MORE && times[0] < times[4]),
    }
}

/// A program that does no more than it must: it maps, checks, links and calls.
pub fn bare(arguments: &[String]) {
    let [component, metering, data, cache, state] = arguments else { panic!("{arguments:?}") };
    let [data, cache, state] = [data, cache, state].map(PathBuf::from);
    let paths = StorePaths { data, cache, state };
    let metering = if metering == "metered" { Metering::Metered } else { Metering::Unmetered };
    let engine = engine(metering).unwrap();
    let key = key::read(&paths).unwrap().unwrap();
    let component: Digest = component.parse().unwrap();
    let code = cwasm::open(&paths, &key, &engine_key(&engine), &component).unwrap().unwrap();
    let (component, _) = load(&engine, &code).unwrap();
    let mut linker: Linker<State> = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    let mut config = linker.instance("open-sesame:host/config-read@0.1.0").unwrap();
    config.func_wrap("get", |_, (_,): (String,)| Ok((None::<String>,))).unwrap();
    let mut store = Store::new(&engine, State::default());
    store.set_epoch_deadline(u64::MAX);
    if metering == Metering::Metered {
        store.set_fuel(u64::MAX).unwrap();
    }
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let greet = instance.get_typed_func::<(String,), (String,)>(&mut store, "greet").unwrap();
    let (greeting,) = greet.call(&mut store, ("World".to_owned(),)).unwrap();
    println!("{greeting}");
}

#[derive(Default)]
struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
