//! Components that are no extension, or too much of one: refused at `lock` by what they are, soon, and in a few words.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::fixture;
use crate::support::sandbox::{Run, Sandbox};

/// Locks a project of one component; the time that it took.
fn lock(text: &str) -> (Sandbox, Run, Duration) {
    let sandbox = Sandbox::new();
    sandbox.write("c.wasm", wat::parse_str(text).unwrap());
    sandbox.write(
        "sesame.toml",
        "extensions.c = { path = \"c.wasm\", limits = { max_memory_mib = 16, timeout_ms = 200 } }\n",
    );
    let began = Instant::now();
    let run = sandbox.run(&["lock"]);
    (sandbox, run, began.elapsed())
}

/// Checks that a component is refused in these words, in time, and that a message of it can be read.
#[track_caller]
fn refused(text: &str, words: &[&str]) -> Run {
    let (_, run, took) = lock(text);
    run.fails(65, words);
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(run.stderr.len() < 8 << 10, "{} bytes of message", run.stderr.len());
    run
}

/// Component instances multiply by `width` on each level.
fn nested(levels: usize, width: usize) -> String {
    let mut text = "(component (component $c0)".to_owned();
    for level in 0..levels {
        let instances = format!("(instance (instantiate $c{level}))").repeat(width);
        let _ = write!(text, "(component $c{} (alias outer 1 $c{level} (component $c{level})) {instances})", level + 1);
    }
    let run = "(core module $m (func (export \"run\"))) (core instance $i (instantiate $m)) (func (export \"run\") (canon lift (core func $i \"run\")))";
    text + &format!("(instance (instantiate $c{levels})) {run})")
}

#[test]
fn instances_that_multiply_are_refused_before_they_are_made() {
    for (levels, width, found) in
        [(7, 10, "11111111"), (6, 11, "1948717"), (31, 2, "4294967295"), (90, 4, "18446744073709551615")]
    {
        let words = format!("it has {found} component instances, and at most 1000 are allowed");
        refused(&nested(levels, width), &[&words, "ask its author for a simpler build"]);
    }
    // What is allowed is called at once.
    let (sandbox, run, _) = lock(&nested(2, 30));
    assert_eq!(run.status, 0, "{}", run.stderr);
    sandbox.ok(&["sync"]);
    sandbox.ok(&["extension", "call", "c", "run"]);
}

/// A component that exports an instance of so many functions.
fn exporting(functions: usize) -> String {
    let functions: String = (0..functions).map(|n| format!("(export \"f{n:08}\" (func $f))")).collect();
    format!(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
          (func $f (canon lift (core func $i \"f\"))) (instance $x {functions}) (export \"my-org:x/y@1.0.0\" (instance $x)))"
    )
}

#[test]
fn many_functions_are_listed_in_time_with_their_number() {
    refused(&exporting(100_000), &["it has 100004 definitions, aliases and arguments, and at most 100000 are allowed"]);
    refused(&exporting(20_000), &["it has 20001 exports, and at most 10000 are allowed"]);
    let (sandbox, run, _) = lock(&exporting(9_999));
    assert_eq!(run.status, 0, "{}", run.stderr);
    sandbox.ok(&["sync"]);
    let began = Instant::now();
    sandbox.ok(&["extension", "call", "c", "y.f00000001"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let wrong = sandbox.run(&["extension", "call", "c", "z.f"]);
    wrong.fails(2, &["it exports y.f00000000, y.f00000001", " and 9979 more"]);
    assert!(wrong.stderr.len() < 2_000, "{}", wrong.stderr);
    let inside = sandbox.run(&["extension", "call", "c", "y"]);
    inside.fails(2, &["it is an interface, with `y.f00000000: func()`", " and 9979 more"]);
}

#[test]
fn long_names_and_many_are_refused_in_a_few_words() {
    let imports = |count: usize, length: usize| -> String {
        let imports: String = (0..count).map(|n| format!("(import \"a{n}-{}\" (func))", "b".repeat(length))).collect();
        format!("(component {imports})")
    };
    let run = refused(
        &imports(1_000, 20_000),
        &["it imports or exports a name of 20003 bytes, and at most 1000 are allowed: `a0-bbb"],
    );
    assert!(run.stderr.contains("b…`"), "{}", run.stderr);
    refused(&imports(1, 90_000), &["a name of 90003 bytes"]);
    let run = refused(&imports(999, 900), &["`c` imports a0-bbb", "… and 979 more, which this host does not have"]);
    assert!(run.stderr.lines().count() < 6, "{}", run.stderr);
    refused(&imports(10_001, 3), &["it has 10001 imports, and at most 10000 are allowed"]);
    // A trap, an interface and a link error show names too.
    let text = format!(
        "(component (import \"open-sesame:host/config-read@0.1.0\" (instance (export \"g{}\" (func)))))",
        "x".repeat(900)
    );
    let (_, run, _) = lock(&text);
    assert!(run.status == 65 && run.stderr.len() < 2_000, "{}", run.stderr);
}

#[test]
fn a_type_of_a_million_parts_is_not_written_out() {
    let mut text = "(component (type $t0 u8)".to_owned();
    for level in 0..5 {
        let _ = write!(text, "(type $t{} (tuple {}))", level + 1, format!("$t{level} ").repeat(10));
    }
    text += "(core module $m (memory (export \"m\") 1) (func (export \"f\") (param i32)) (func (export \"r\") (param i32 i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export \"run\") (param \"a\" $t5) (canon lift (core func $i \"f\") (memory $i \"m\") (realloc (core func $i \"r\")))))";
    let (sandbox, run, _) = lock(&text);
    assert_eq!(run.status, 0, "{}", run.stderr);
    sandbox.ok(&["sync"]);
    for arguments in [&["extension", "call", "c", "walk"][..], &["extension", "call", "c", "run"]] {
        let run = sandbox.run(arguments);
        assert!(
            run.status == 2 && run.stderr.contains("run: func(a: tuple<") && run.stderr.contains('…'),
            "{}",
            run.stderr
        );
        assert!(run.stderr.len() < 4_000, "{} bytes", run.stderr.len());
    }
}

#[test]
fn what_a_component_needs_and_this_host_has_not_is_named() {
    let exceptions = std::fs::read_to_string(fixture("hostile/throw-forever.wat")).unwrap();
    refused(
        &exceptions,
        &["it needs exceptions, which this host does not have", "the README lists what this host has"],
    );
    refused(
        "(component (core module (memory i64 1)))",
        &["it needs 64-bit memories (memory64), which this host does not have"],
    );
    refused("(component (core module (memory 1 1 shared)))", &["it needs threads, which this host does not have"]);
    refused("(component (import \"f\" (func async)))", &["it needs async functions of the component model"]);
}

#[test]
fn what_is_no_extension_is_refused_by_its_name() {
    // As `wasm-tools component wit FOLDER --wasm` writes it.
    let package = "(component
        (type (component (type (component (type (instance (type (func)) (export \"f\" (func (type 0))))) (export \"a:b/c@1.0.0\" (instance (type 0))))) (export \"a:b/w@1.0.0\" (component (type 0)))))
        (export \"w\" (type 0)))";
    let run = refused(
        package,
        &["it is a WIT package: interfaces without the code of an extension", "name the component that implements it"],
    );
    assert!(!run.stderr.contains("no such"), "{}", run.stderr);
    let sandbox = Sandbox::new();
    sandbox.write("p.wasm", wat::parse_str(package).unwrap());
    sandbox.run(&["extension", "push", "p.wasm", "oci-layout:x:ghcr.io/a/p:1"]).fails(65, &["it is a WIT package"]);
    sandbox.run(&["extension", "call", "./p.wasm", "f"]).fails(65, &["it is a WIT package"]);
    refused(
        "(component (component $c) (export \"c\" (component $c)))",
        &["it exports the component `c`, which no host can run"],
    );
    refused(
        "(component (core module $c) (export \"c\" (core module $c)))",
        &["it exports the core module `c`, which no host can run"],
    );
}

/// Exports an interface of one resource, which counts.
const COUNTER: &str = r#"(component
    (core module $memory (func (export "drop") (param i32)))
    (core instance $memory (instantiate $memory))
    (type $counter (resource (rep i32) (dtor (core func $memory "drop"))))
    (core func $new (canon resource.new $counter))
    (core module $code
        (import "host" "new" (func $new (param i32) (result i32)))
        (func (export "constructor") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "get") (param i32) (result i32) (local.get 0)))
    (core instance $code (instantiate $code (with "host" (instance (export "new" (func $new))))))
    (func $make (param "start" u32) (result (own $counter)) (canon lift (core func $code "constructor")))
    (func $get (param "self" (borrow $counter)) (result u32) (canon lift (core func $code "get")))
    (component $shape
        (import "t" (type $t (sub resource)))
        (import "make" (func $make (param "start" u32) (result (own $t))))
        (import "get" (func $get (param "self" (borrow $t)) (result u32)))
        (export $counter "counter" (type $t))
        (export "[constructor]counter" (func $make) (func (param "start" u32) (result (own $counter))))
        (export "[method]counter.get" (func $get) (func (param "self" (borrow $counter)) (result u32))))
    (instance $counts (instantiate $shape
        (with "t" (type $counter)) (with "make" (func $make)) (with "get" (func $get))))
    (export "my-org:counts/c@1.0.0" (instance $counts)))"#;

#[test]
fn what_is_exported_of_resources_is_listed_with_why_it_cannot_be_called() {
    let (sandbox, run, _) = lock(COUNTER);
    assert_eq!(run.status, 0, "{}", run.stderr);
    sandbox.ok(&["sync"]);
    for name in ["c.counter", "c.[method]counter.get", "counter.get", "anything"] {
        let run = sandbox.run(&["extension", "call", "c", name, "5"]);
        run.fails(
            2,
            &["it exports `c.[constructor]counter`, `c.[method]counter.get`, which cannot be called from here"],
        );
        run.fails(2, &["a resource lives no longer than one call"]);
    }
}
