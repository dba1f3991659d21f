//! Grants are what decides: for each capability, granted works, ungranted is refused at `lock`, at `sync` and at load.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::guest;
use crate::support::sandbox::{Run, Sandbox};

/// A guest whose `run` calls one function of one interface of the host with strings, and gives what that gives:
/// whether it was an error, or nothing at all.
fn caller(interface: &str, function: &str, parameters: &str, result: &str, strings: usize) -> Vec<u8> {
    let arguments = "(i32.const 16) (i32.const 5) ".repeat(strings);
    let types = "i32 ".repeat(strings * 2 + 1);
    let text = format!(
        "(component
            (import \"open-sesame:host/{interface}@0.1.0\" (instance $host
                (export \"{function}\" (func {parameters} (result {result})))))
            (core module $memory
                (memory (export \"memory\") 1)
                (data (i32.const 16) \"token\")
                (global $next (mut i32) (i32.const 1024))
                (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (global.get $next))
                    (global.set $next (i32.add (global.get $next) (local.get 3)))
                    (local.get $at)))
            (core instance $memory (instantiate $memory))
            (core func $called (canon lower (func $host \"{function}\")
                (memory (core memory $memory \"memory\")) (realloc (core func $memory \"realloc\"))))
            (core module $m
                (import \"memory\" \"memory\" (memory 1))
                (import \"host\" \"called\" (func $called (param {types})))
                (func (export \"run\") (result i32)
                    (call $called {arguments} (i32.const 64))
                    (i32.load8_u (i32.const 64))))
            (core instance $i (instantiate $m
                (with \"memory\" (instance $memory))
                (with \"host\" (instance (export \"called\" (func $called))))))
            (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Each capability with an interface: a guest that uses it, and what `call` prints for it: on standard output what `run`
/// gives (0 is a good `result`, 1 is `some`), on standard error what the development backend prints.
fn capabilities() -> [(&'static str, Vec<u8>, &'static str, &'static str); 6] {
    let string = "(param \"a\" string)";
    let two = "(param \"a\" string) (param \"b\" string)";
    let done = "(result (error string))";
    [
        ("config-read", caller("config-read", "get", "(param \"key\" string)", "(option string)", 1), "1\n", ""),
        (
            "secret-read",
            caller("secret-read", "get", "(param \"name\" string)", "(result (option string) (error string))", 1),
            "0\n",
            "",
        ),
        (
            "secret-write",
            caller("secret-write", "set", "(param \"name\" string) (param \"value\" string)", done, 2),
            "0\n",
            "",
        ),
        (
            "ipc-publish",
            caller("ipc-publish", "publish", "(param \"topic\" string) (param \"payload\" (list u8))", done, 2),
            "0\n",
            "message from a: token: token\n",
        ),
        (
            "clipboard-write",
            caller("clipboard-write", "write", &string.replace("\"a\"", "\"text\""), done, 1),
            "0\n",
            "clipboard from a: token\n",
        ),
        (
            "notification",
            caller("notification", "show", &two.replace("\"a\"", "\"title\"").replace("\"b\"", "\"body\""), done, 2),
            "0\n",
            "notification from a: token: token\n",
        ),
    ]
}

fn manifest(grants: &str) -> String {
    format!("[extensions.a]\npath = \"a.wasm\"\nconfig = {{ token = \"x\" }}\n{grants}\n")
}

#[test]
fn granted_works_and_ungranted_is_refused_at_lock_at_sync_and_at_load() {
    for (capability, component, printed, said) in capabilities() {
        let sandbox = Sandbox::new();
        sandbox.write("a.wasm", component);
        sandbox.write("secrets.toml", "token = \"x\"\n");
        fs::set_permissions(sandbox.path("project/secrets.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        let call = ["extension", "call", "a", "run", "--secrets", "secrets.toml"];
        let refused = format!("does not grant: {capability}");
        sandbox.write("sesame.toml", manifest(""));
        sandbox.run(&["lock"]).fails(77, &[&refused, &format!("run `sesame grant a {capability}`")]);
        sandbox.write("sesame.toml", manifest(&format!("capabilities.{capability} = true")));
        sandbox.sync(None, &[]);
        let run = sandbox.run(&call);
        assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, printed, said), "{capability}");
        sandbox.write("sesame.toml", manifest(""));
        sandbox.run(&["sync"]).fails(77, &[&refused]);
        sandbox.run(&call).fails(77, &["the live generation", &refused]);
        sandbox.ok(&["rollback"]);
        assert_eq!(sandbox.run(&call).status, 0, "the earlier generation has its grants");
        // At load nothing is believed but the generation: one without the grant loads nothing that needs it.
        let generation = sandbox.data().join("profiles/default/generations/1.toml");
        let text = fs::read_to_string(&generation).unwrap();
        let without = text.replace(&format!("{capability} = true\n"), "");
        assert_ne!(text, without);
        fs::remove_file(&generation).unwrap();
        fs::write(&generation, without).unwrap();
        fs::set_permissions(&generation, fs::Permissions::from_mode(0o400)).unwrap();
        sandbox.run(&call).fails(77, &["the live generation", &refused]);
    }
}

#[test]
fn a_capability_without_a_backend_is_an_error_for_the_guest() {
    // Settings come from the host itself.
    for (capability, component, ..) in capabilities().into_iter().filter(|(name, ..)| *name != "config-read") {
        let sandbox = Sandbox::new();
        sandbox.write("a.wasm", component);
        sandbox.write("sesame.toml", manifest(&format!("capabilities.{capability} = true")));
        sandbox.ok(&["sync"]);
        let extension = crate::support::library_host::live(&sandbox).load(&"a".parse().unwrap()).unwrap();
        let interrupt = sesame::ops::context::Interrupt::default();
        let call = crate::support::library_host::request("run", &[]);
        let report = sesame::ops::run::call::call(&extension, "a", &call, &interrupt).unwrap();
        assert_eq!(report.text.as_deref(), Some("1"), "{capability}");
    }
}

#[test]
fn secrets_are_granted_by_name_and_kept_where_they_stand() {
    let sandbox = Sandbox::new();
    let [_, (_, read, ..), (_, write, ..), ..] = capabilities();
    sandbox.write("a.wasm", read);
    sandbox.write("b.wasm", write);
    sandbox.write("secrets.toml", "# mine\ntoken = \"x\" # old\n");
    fs::set_permissions(sandbox.path("project/secrets.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    let grants = |name: &str| manifest(&format!("capabilities.secret-read = [\"{name}\"]"));
    let b = "[extensions.b]\npath = \"b.wasm\"\ncapabilities.secret-write = true\n";
    let call = |name: &str| sandbox.ok(&["extension", "call", name, "run", "--secrets", "secrets.toml"]).stdout;
    sandbox.write("sesame.toml", grants("token") + b);
    sandbox.ok(&["sync"]);
    assert_eq!(call("a"), "0\n");
    assert_eq!(call("b"), "0\n");
    assert_eq!(sandbox.read("secrets.toml"), "# mine\ntoken = \"token\"\n");
    sandbox.write("sesame.toml", grants("other") + b);
    sandbox.ok(&["sync"]).fails(0, &["grants: secret-read=token → secret-read=other"]);
    assert_eq!(call("a"), "1\n");
}

#[test]
fn a_grant_that_nothing_imports_is_a_warning_told_once() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", guest("greeting-0.1.0"));
    let grants = "capabilities = { config-read = true, secret-read = true, env = [\"LANG\"], fs-read = [\"~/notes\"] }";
    sandbox.write("sesame.toml", manifest(grants));
    fs::create_dir(sandbox.path("home/notes")).unwrap();
    for command in [&["lock"][..], &["lock"], &["sync"], &["sync"], &["diff"]] {
        let run = sandbox.ok(command);
        let warning = "warning: `a` is granted what its component does not import: env, fs-read, secret-read\n";
        assert_eq!(run.stderr.matches(warning).count(), 1, "{command:?}: {}", run.stderr);
        assert_eq!(run.stderr.matches("warning:").count(), 1, "{command:?}: {}", run.stderr);
    }
}

/// A guest that writes a file into each folder that it is granted.
pub fn writer() -> Vec<u8> {
    wat::parse_str(fs::read_to_string(crate::support::fixture("hostile/write-file.wat")).unwrap()).unwrap()
}

/// The guests of `fixtures/hostile` look for folders and variables.
fn hostile(sandbox: &Sandbox, name: &str, grants: &str) -> Run {
    let text = fs::read_to_string(crate::support::fixture(&format!("hostile/{name}.wat"))).unwrap();
    sandbox.write("a.wasm", wat::parse_str(text).unwrap());
    sandbox.write("sesame.toml", manifest(grants));
    let run = sandbox.run(&["sync"]);
    if run.status != 0 {
        return run;
    }
    let mut command = sandbox.command(&["extension", "call", "a", "run"]);
    Run::of(command.env("LANG", "C").env("TOKEN", "secret"))
}

#[test]
fn folders_and_variables_are_seen_only_where_they_are_granted() {
    let sandbox = Sandbox::new();
    let notes = sandbox.path("home/notes");
    fs::create_dir(&notes).unwrap();
    assert_eq!(hostile(&sandbox, "list-environment", "").stdout, "empty\n");
    assert_eq!(hostile(&sandbox, "list-environment", "capabilities.env = [\"LANG\", \"NONE\"]").stdout, "LANG\n");
    assert_eq!(hostile(&sandbox, "write-file", "").stdout, "no folders\n");
    assert_eq!(hostile(&sandbox, "write-file", "capabilities.fs-read = [\"~/notes\"]").stdout, "denied\n");
    assert!(fs::read_dir(&notes).unwrap().next().is_none());
    assert_eq!(hostile(&sandbox, "read-passwd", "capabilities.fs-read = [\"~/notes\"]").stdout, "denied\n");
    assert_eq!(hostile(&sandbox, "write-file", "capabilities.fs-write = [\"~/notes\"]").stdout, "wrote it\n");
    assert!(notes.join("sesame-was-here").is_file());
    std::os::unix::fs::symlink("/etc/passwd", notes.join("sesame-was-here-too")).unwrap();
    assert_eq!(hostile(&sandbox, "read-passwd", "capabilities.fs-write = [\"~/notes\"]").stdout, "denied\n");
}

#[test]
fn sesames_own_folders_are_refused_and_missing_ones_told() {
    let sandbox = Sandbox::new();
    for folder in ["~", "~/data", "~/data/pds/blobs", "/"] {
        hostile(&sandbox, "read-passwd", &format!("capabilities.fs-read = [\"{folder}\"]"))
            .fails(77, &["a folder that `a` is granted cannot be given to it", "which is sesame's own"]);
    }
    hostile(&sandbox, "write-file", "capabilities.fs-write = [\".\"]")
        .fails(77, &["can be used to change", "project/a.wasm, the component of `a` of", "project/sesame.toml"]);
    sandbox.write("sesame.toml", manifest("capabilities.fs-read = [\"nowhere\"]"));
    sandbox.ok(&["sync"]).fails(
        0,
        &["warning: `a` cannot be called on this machine", "nowhere cannot be used: No such file", "create the folder"],
    );
    sandbox.run(&["extension", "call", "a", "run"]).fails(78, &["nowhere cannot be used", "create the folder"]);
}

/// Prints through WASI.
pub const PRINTER: &str = r#"(component
    (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
    (alias export $errors "error" (type $error))
    (import "wasi:io/streams@0.2.0" (instance $streams
        (export "output-stream" (type $stream (sub resource)))
        (alias outer 1 $error (type $outer))
        (export "error" (type $error (eq $outer)))
        (type $variant (variant (case "last-operation-failed" (own $error)) (case "closed")))
        (export "stream-error" (type $failed (eq $variant)))
        (export "[method]output-stream.blocking-write-and-flush"
            (func (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $failed)))))))
    (alias export $streams "output-stream" (type $stream))
    (import "wasi:cli/stdout@0.2.0" (instance $stdout
        (alias outer 1 $stream (type $outer))
        (export "output-stream" (type $stream (eq $outer)))
        (export "get-stdout" (func (result (own $stream))))))
    (core module $memory
        (memory (export "memory") 1)
        (data (i32.const 16) "one\0atwo \1b[2J"))
    (core instance $memory (instantiate $memory))
    (core func $get (canon lower (func $stdout "get-stdout")))
    (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
        (memory (core memory $memory "memory"))))
    (core module $m
        (import "host" "get" (func $get (result i32)))
        (import "host" "write" (func $write (param i32 i32 i32 i32)))
        (func (export "run") (call $write (call $get) (i32.const 16) (i32.const 12) (i32.const 64))))
    (core instance $i (instantiate $m
        (with "host" (instance (export "get" (func $get)) (export "write" (func $write))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

#[test]
fn what_a_guest_prints_goes_to_its_log_line_by_line() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", wat::parse_str(PRINTER).unwrap());
    sandbox.write("sesame.toml", manifest(""));
    sandbox.ok(&["sync"]);
    let run = sandbox.ok(&["extension", "call", "a", "run"]);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let log = sandbox.ok(&["extension", "log", "a"]).stdout;
    let lines: Vec<&str> = log.lines().map(|line| &line[22..]).collect();
    assert_eq!(lines, ["stdout  one", "stdout  two \\u{1b}[2J"]);
    let run = sandbox.ok(&["extension", "call", "a", "run", "-v"]);
    let printed = run.stderr.strip_prefix("called in this process: there is no session bus\n");
    assert_eq!(printed, Some("stdout  one\nstdout  two \\u{1b}[2J\n"));
    sandbox.run(&["extension", "log", "b"]).fails(66, &["there is no extension `b`"]);
    std::fs::remove_dir_all(sandbox.path("home/state/pds/logs")).unwrap();
    sandbox.ok(&["extension", "log", "a"]).fails(0, &["`a` has printed nothing"]);
}
