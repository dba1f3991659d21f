//! Row 10: what the largest components that pass the bounds cost before the guest runs.

use std::time::Duration;

use crate::measure::{high_water, in_turns, time};
use crate::support::sandbox::Sandbox;
use crate::table::{Row, shown};
use sesame::engine::bounds::{COMPONENT_INSTANCES, COMPONENT_ITEMS, CORE_INSTANCES, CORE_ITEMS, EXPORTS};

/// Until the guest runs, process start aside.
const AIM: Duration = Duration::from_millis(100);

/// The memory of the extension, and what the host may take beside it, in MiB.
const LIMIT: u64 = 16;
const BESIDE: u64 = 64;

pub fn rows() -> Vec<Row> {
    let guests = [
        ("component instances", component_instances()),
        ("core instances of large modules", core_instances()),
        ("exported functions", exports()),
        ("aliases and lifted functions", items()),
    ];
    guests.into_iter().map(|(what, text)| row(what, &text)).collect()
}

fn row(what: &str, text: &str) -> Row {
    println!("row 10: {what}");
    let sandbox = Sandbox::new();
    sandbox.write("c.wasm", wat::parse_str(text).unwrap());
    sandbox.write("sesame.toml", format!("extensions.c = {{ path = \"c.wasm\", limits.max_memory_mib = {LIMIT} }}\n"));
    sandbox.ok(&["sync", "-q"]);
    let commands: [&[&str]; 2] = [&["extension", "call", "c", "run"], &["--version"]];
    let [call, start] = in_turns::<2>(11, |which| time(&mut sandbox.command(commands[which])));
    let peak = (0..5).map(|_| high_water(&mut sandbox.command(commands[0]))).max().unwrap_or(0) >> 20;
    let took = call.saturating_sub(start);
    Row {
        number: 10,
        what: format!("call of the largest component by {what}"),
        figure: format!("{}; {peak} MiB", shown(took)),
        beside: format!("process start alone: {}", shown(start)),
        aim: format!("{} ms, {} MiB", AIM.as_millis(), LIMIT + BESIDE),
        met: Some(took <= AIM && peak <= LIMIT + BESIDE),
    }
}

const RUN: &str = "(core module $r (func (export \"run\"))) (core instance $r (instantiate $r)) (func (export \"run\") (canon lift (core func $r \"run\")))";

fn component_instances() -> String {
    // `$a` in 30 of `$b`, 32 of which are made: 32 * (1 + 30) = 992. Each `$a` has a hundred resources.
    let many = |name: &str, times: usize| format!("(instance (instantiate ${name}))").repeat(times);
    assert_eq!(COMPONENT_INSTANCES.most, 1_000);
    let resources = "(type (resource (rep i32)))".repeat(100);
    format!(
        "(component (component $a {resources}) (component $b (alias outer 1 $a (component $a)) {}) {} {RUN})",
        many("a", 30),
        many("b", 32)
    )
}

fn core_instances() -> String {
    let instances = CORE_INSTANCES.most - 1;
    let globals = "(global (mut i64) (i64.const 1))".repeat((CORE_ITEMS.most / CORE_INSTANCES.most) as usize);
    let made = "(core instance (instantiate $m))".repeat(instances as usize);
    format!("(component (core module $m {globals}) {made} {RUN})")
}

fn exports() -> String {
    let functions: String = (0..EXPORTS.most - 2).map(|n| format!("(export \"f{n}\" (func $f))")).collect();
    format!(
        "(component {RUN} (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
          (func $f (canon lift (core func $i \"f\"))) (instance $x {functions}) (export \"my-org:x/y@1.0.0\" (instance $x)))"
    )
}

fn items() -> String {
    // Each lifted function is an alias and a lift.
    let lifted = "(func (canon lift (core func $i \"f\")))".repeat((COMPONENT_ITEMS.most / 2 - 10) as usize);
    format!("(component {RUN} (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) {lifted})")
}
