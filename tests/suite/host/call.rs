//! `call`: arguments, results, and how it ends.

use serde_json::Value;

use crate::support::guest;
use crate::support::sandbox::Sandbox;

/// A guest with a function for each kind of result.
const RESULTS: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (data (i32.const 100) "bad\1b[2J")
        (data (i32.const 0) "\01\00\00\00\64\00\00\00\07\00\00\00")
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (global.get $next))
            (global.set $next (i32.add (global.get $next) (local.get 3)))
            (local.get $at))
        (func (export "fails") (result i32) (i32.const 0))
        (func (export "nothing"))
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "inner_trap") unreachable)
        (func $outer (export "trap") (call 4)))
    (core instance $i (instantiate $m))
    (func (export "fails") (result (result u32 (error string)))
        (canon lift (core func $i "fails") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (func (export "nothing") (canon lift (core func $i "nothing")))
    (func (export "add") (param "a" s32) (param "b" s32) (result s32) (canon lift (core func $i "add")))
    (func (export "trap") (canon lift (core func $i "trap"))))"#;

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("greeting.wasm", guest("greeting-0.1.0"));
    sandbox.write("wordcount.wasm", guest("wordcount-1.0.0"));
    sandbox.write("results.wasm", wat::parse_str(RESULTS).unwrap());
    sandbox.write(
        "sesame.toml",
        "[extensions]\nresults = { path = \"results.wasm\" }\nwordcount = { path = \"wordcount.wasm\" }\n\
         greeting = { path = \"greeting.wasm\", capabilities.config-read = true }\n",
    );
    sandbox.ok(&["sync"]);
    sandbox
}

fn call(sandbox: &Sandbox, arguments: &[&str]) -> crate::support::sandbox::Run {
    sandbox.run(&[&["extension", "call"], arguments].concat())
}

#[test]
fn strings_are_printed_raw_and_other_values_as_wave() {
    let sandbox = project();
    for (arguments, printed) in [
        (&["greeting", "greet", "World"][..], "Hello, World!\n"),
        (&["greeting", "greet", "\"World\""], "Hello, World!\n"),
        (&["greeting", "greet", "--", "-v"], "Hello, -v!\n"),
        (&["wordcount", "counts.count", "a b"], "{lines: 1, words: 2, chars: 3}\n"),
        (&["wordcount", "my-org:wordcount/counts.count", "a"], "{lines: 1, words: 1, chars: 1}\n"),
        (&["wordcount", "my-org:wordcount/counts@1.0.0.count", ""], "{lines: 0, words: 0, chars: 0}\n"),
        (&["results", "add", "-5", "3"], "-2\n"),
        (&["results", "nothing"], ""),
        (&["./greeting.wasm", "greet", "file", "--grant", "config-read"], "Hello, file!\n"),
    ] {
        let run = call(&sandbox, arguments);
        assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, printed, ""), "{arguments:?}");
    }
}

#[test]
fn json_goes_both_ways() {
    let sandbox = project();
    let value = |arguments: &[&str], status: i32| -> Value {
        let run = call(&sandbox, &[arguments, &["--json"]].concat());
        assert_eq!((run.status, run.stderr.as_str()), (status, ""), "{arguments:?}: {}", run.stdout);
        let document: Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(crate::formats::schemas::validator("output.json").is_valid(&document), "{}", run.stdout);
        document
    };
    assert_eq!(value(&["greeting", "greet", "\"W\\u00f6rld\""], 0)["data"]["value"], "Hello, Wörld!");
    assert_eq!(value(&["greeting", "greet", "bare"], 0)["data"]["value"], "Hello, bare!");
    assert_eq!(value(&["wordcount", "counts.count", "a b"], 0)["data"]["value"]["words"], 2);
    let failed = value(&["results", "fails"], 1);
    assert_eq!((&failed["data"]["value"]["err"], &failed["data"]["outcome"]), (&"bad\u{1b}[2J".into(), &"err".into()));
    assert_eq!(value(&["results", "trap"], 3)["error"]["kind"], "guest");
    assert_eq!(value(&["results", "add", "1", "x"], 2)["error"]["kind"], "usage");
}

#[test]
fn an_error_that_the_function_gives_ends_with_1_and_a_trap_with_3() {
    let sandbox = project();
    let run = call(&sandbox, &["results", "fails"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (1, "", "error: bad\\u{1b}[2J\n"));
    let run = call(&sandbox, &["results", "trap"]);
    run.fails(3, &["`results` was stopped: it trapped: wasm `unreachable` instruction executed", "it was in:", "trap"]);
    assert!(!run.stderr.contains("panicked") && !run.stderr.contains("report it"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_called_is_answered_with_the_signature_or_the_nearest_name() {
    let sandbox = project();
    for (arguments, status, texts) in [
        (
            &["greeting", "great", "x"][..],
            2,
            &["no function `great`", "did you mean `greet: func(name: string) -> string`?"][..],
        ),
        (&["wordcount", "count", "x"], 2, &["did you mean `counts.count: func(text: string)"]),
        (&["wordcount", "counts", "x"], 2, &["it is an interface, with `counts.count: func("]),
        (&["results", "xyzzy"], 2, &["it exports", "`add: func(a: s32, b: s32) -> s32`"]),
        (&["greeting", "greet"], 2, &["1 argument wanted, 0 given", "`greet: func(name: string) -> string`"]),
        (&["results", "add", "1", "2", "3"], 2, &["2 arguments wanted, 3 given"]),
        (&["results", "add", "1", "two"], 2, &["the argument `b` cannot be read", "it is no s32", "`add: func(a: s32"]),
        (
            &["greting", "greet", "x"],
            66,
            &["no extension `greting` in the profile `default`", "did you mean `greeting`?"],
        ),
        (&["./none.wasm", "greet"], 66, &["there is no file", "none.wasm"]),
        (&["./sesame.toml", "greet"], 65, &["sesame.toml is "]),
        (&["./greeting.wasm", "greet", "x"], 77, &["does not grant: config-read", "add `--grant config-read`"]),
        (&["greeting", "greet", "x", "--grant", "config-read"], 2, &["`--grant` is for a component's file"]),
        (&["Greeting", "greet", "x"], 2, &["neither the name of an extension nor a file", "write `./Greeting`"]),
        (&["greeting", "greet", "x", "--grant", "config-reed"], 2, &["did you mean `config-read`?"]),
    ] {
        call(&sandbox, arguments).fails(status, texts);
    }
}

#[test]
fn settings_of_the_call_go_first_then_the_extensions_own_then_the_shared() {
    let sandbox = project();
    let manifest = sandbox.read("sesame.toml");
    let greet = |arguments: &[&str]| call(&sandbox, &[&["greeting", "greet", "World"], arguments].concat()).stdout;
    assert_eq!(greet(&[]), "Hello, World!\n");
    sandbox.write("sesame.toml", manifest.clone() + "[config]\ngreeting.template = \"shared {}\"\n");
    sandbox.ok(&["sync"]).fails(0, &["~ the shared [config]", "generation 2"]);
    assert_eq!(greet(&[]), "shared World\n");
    let own = manifest.replace("config-read = true", "config-read = true, config = { greeting.template = \"own {}\" }");
    sandbox.write("sesame.toml", own.clone() + "[config]\ngreeting.template = \"shared {}\"\n");
    let run = sandbox.ok(&["sync"]);
    assert!(!run.stderr.contains("compiled"), "{}", run.stderr);
    assert_eq!(greet(&[]), "own World\n");
    assert_eq!(greet(&["--config", "greeting.template=call {}"]), "call World\n");
    // A table is none, and so is a key outside what is granted, which is logged.
    sandbox.write("sesame.toml", own.replace("greeting.template = \"own {}\"", "greeting.template.x = 1"));
    sandbox.ok(&["sync"]);
    assert_eq!(greet(&[]), "Hello, World!\n");
    let elsewhere = own.replace("config-read = true", "config-read = [\"greeting.templ\", \"other\"]");
    sandbox.write("sesame.toml", elsewhere.clone());
    sandbox.ok(&["sync"]);
    assert_eq!(greet(&[]), "Hello, World!\n");
    let log = sandbox.ok(&["extension", "log", "greeting"]).stdout;
    assert!(log.contains("  host    it asked for the setting `greeting.template`, which is outside"), "{log}");
    sandbox.write("sesame.toml", elsewhere.replace("\"other\"", "\"greeting\""));
    sandbox.ok(&["sync"]);
    assert_eq!(greet(&[]), "own World\n");
}

#[test]
fn what_was_live_stays_callable_when_an_upgrade_needs_more() {
    use crate::support::artifact::Artifact;
    use crate::support::registry::Registry;
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let reference = registry.push("my-org/greeting", "latest", &Artifact::wkg(&guest("greeting-0.1.0")));
    let manifest = format!("[extensions.greeting]\noci = \"{reference}\"\ncapabilities.config-read = true\n");
    sandbox.write("sesame.toml", &manifest);
    sandbox.sync(Some(&registry), &[]);
    let lock = sandbox.read("sesame.lock");
    registry.push("my-org/greeting", "latest", &Artifact::wkg(&guest("greeting-0.3.0")));
    sandbox.run(&["lock", "--upgrade"]).fails(
        77,
        &["capabilities: +secret-read", "does not grant: secret-read", "run `sesame grant greeting secret-read`"],
    );
    assert_eq!(sandbox.read("sesame.lock"), lock);
    assert_eq!(call(&sandbox, &["greeting", "greet", "World"]).stdout, "Hello, World!\n");
    sandbox.write("sesame.toml", manifest + "capabilities.secret-read = [\"greeting.signature\"]\n");
    sandbox.ok(&["lock", "--upgrade"]).fails(0, &["capabilities: +secret-read"]);
    sandbox.sync(Some(&registry), &[]);
    assert_eq!(call(&sandbox, &["greeting", "greet", "World"]).stdout, "Hello, World!\n");
    sandbox.write("secrets.toml", "greeting.signature = \"me\"\n");
    let signed = ["greeting", "greet", "World", "--secrets", "secrets.toml"];
    call(&sandbox, &signed).fails(78, &["secrets.toml cannot be used", "others can read it", "chmod 600"]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(sandbox.path("project/secrets.toml"), mode).unwrap();
    assert_eq!(call(&sandbox, &signed).stdout, "Hello, World! (signed)\n");
}

#[test]
fn types_of_the_world_are_no_imports_and_interfaces_of_one_name_are_told_apart() {
    let sandbox = Sandbox::new();
    let text = r#"(component
        (type $r (record (field "age" u32)))
        (import "person" (type $person (eq $r)))
        (type $types (instance (type $r (record (field "age" u32))) (export "r" (type (eq $r)))))
        (import "acme:people/types" (instance (type $types)))
        (core module $m
            (func (export "older") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func (export "one") (result i32) (i32.const 1))
            (func (export "two") (result i32) (i32.const 2)))
        (core instance $i (instantiate $m))
        (func (export "older") (param "p" $person) (result u32) (canon lift (core func $i "older")))
        (func $one (result u32) (canon lift (core func $i "one")))
        (func $two (result u32) (canon lift (core func $i "two")))
        (instance $a (export "n" (func $one)))
        (instance $b (export "n" (func $two)))
        (export "a:b/counts" (instance $a))
        (export "c:d/counts" (instance $b)))"#;
    sandbox.write("people.wasm", wat::parse_str(text).unwrap());
    sandbox.write("sesame.toml", "extensions.people = { path = \"people.wasm\" }\n");
    sandbox.sync(None, &[]);
    assert_eq!(call(&sandbox, &["people", "older", "{age: 41}"]).stdout, "42\n");
    assert_eq!(call(&sandbox, &["people", "c:d/counts.n"]).stdout, "2\n");
    call(&sandbox, &["people", "counts.n"])
        .fails(2, &["several functions of the name `counts.n`", "`a:b/counts.n: func() -> u32`"]);
}

#[test]
fn without_a_function_all_are_listed_with_their_types() {
    let sandbox = Sandbox::new();
    sandbox.write("g.wasm", guest("greeting-0.1.0"));
    let listed = sandbox.ok(&["call", "./g.wasm", "--grant", "config-read"]).stdout;
    assert!(listed.lines().any(|line| line.starts_with("greet: func(name: string) -> string")), "{listed}");
    sandbox.write("sesame.toml", "extensions.g = { path = \"g.wasm\", capabilities.config-read = true }\n");
    sandbox.ok(&["sync"]);
    assert_eq!(sandbox.ok(&["call", "g"]).stdout, listed);
    let json: serde_json::Value = serde_json::from_str(&sandbox.ok(&["call", "g", "--json"]).stdout).unwrap();
    assert!(crate::formats::schemas::validator("output.json").is_valid(&json), "{json}");
    assert_eq!(json["data"]["functions"][0]["name"], "greet");
}
