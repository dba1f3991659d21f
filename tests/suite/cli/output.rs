//! What is printed, where, and how the process ends.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component};
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};

#[test]
fn without_a_manifest_it_says_where_it_looked_and_what_to_do() {
    let sandbox = Sandbox::new();
    let texts = [
        "there is no sesame.toml",
        "looked at:",
        "project/sesame.toml",
        "home/config/pds/sesame.toml",
        "`sesame init`",
    ];
    sandbox.run(&["sync"]).fails(66, &texts);
    sandbox.run(&["sync", "--manifest", "nowhere.toml"]).fails(66, &["there is no manifest at", "nowhere.toml"]);
}

#[test]
fn the_manifest_is_found_above_in_the_environment_and_in_the_configuration() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.write("deep/er/x", "");
    let run = |mut command: std::process::Command| crate::support::sandbox::Run::of(&mut command);
    let mut deep = sandbox.command(&["lock"]);
    deep.current_dir(sandbox.path("project/deep/er"));
    run(deep).fails(0, &["+ a"]);
    sandbox.write("../home/config/pds/sesame.toml", "");
    sandbox.write("../empty/x", "");
    let mut own = sandbox.command(&["lock"]);
    own.current_dir(sandbox.path("empty"));
    run(own).fails(0, &["home/config/pds/sesame.lock"]);
    let mut named = sandbox.command(&["lock"]);
    named.current_dir(sandbox.path("empty")).env("SESAME_MANIFEST", "../project");
    run(named).fails(0, &["satisfies the manifest (1 extension)"]);
}

#[test]
fn init_writes_a_manifest_once() {
    let sandbox = Sandbox::new();
    sandbox.run(&["init"]).fails(0, &["wrote sesame.toml", "sesame sync"]);
    sandbox.run(&["init"]).fails(78, &["sesame.toml already exists"]);
    sandbox.run(&["init", "--manifest", "sub/folder/sesame.toml"]).fails(0, &["wrote sub/folder/sesame.toml"]);
    sandbox.run(&["sync"]).fails(0, &["0 extensions are live"]);
}

#[test]
fn json_is_one_document_of_the_schema_on_standard_output() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let schema = validator("output.json");
    let check = |arguments: &[&str], status: i32, part: &str| -> Value {
        let run = sandbox.run(arguments);
        assert_eq!(run.status, status, "{arguments:?}: {}{}", run.stdout, run.stderr);
        let document: Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout));
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:?} in {}", run.stdout);
        assert_eq!(document["command"], arguments[0]);
        assert!(document[part].is_object(), "{}", run.stdout);
        assert_eq!(run.stderr, "", "{arguments:?}");
        document
    };
    let missing = check(&["sync", "--json"], 66, "error");
    assert_eq!((&missing["error"]["kind"], &missing["error"]["exit"]), (&"missing".into(), &66.into()));
    check(&["init", "--json"], 0, "data");
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    check(&["lock", "--check", "--json"], 1, "data");
    check(&["diff", "--json"], 1, "data");
    assert_eq!(check(&["lock", "--json"], 0, "data")["data"]["outcome"], "written");
    check(&["sync", "--dry-run", "--json"], 0, "data");
    assert_eq!(check(&["sync", "--json"], 0, "data")["data"]["extensions"][0]["status"], "active");
    assert_eq!(check(&["sync", "--json"], 0, "data")["data"]["outcome"], "up-to-date");
    check(&["diff", "--json"], 0, "data");
    sandbox.write("sesame.toml", "nonsense = 1\n");
    assert_eq!(check(&["lock", "--json"], 65, "error")["error"]["problems"][0]["line"], 1);
    sandbox.want(&registry, &[("a", &a), ("b", &format!("{}/org/b:1", registry.host()))]);
    assert_eq!(check(&["lock", "--json"], 69, "error")["error"]["extensions"][0]["name"], "b");
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.empty_home();
    registry.misbehave("", crate::support::registry::Fault::Status(503));
    let failed = check(&["sync", "--json"], 69, "error");
    assert_eq!(failed["error"]["report"]["steps"][0]["outcome"]["failed"]["kind"], "unavailable");
}

#[test]
fn every_command_is_also_under_extension() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.ok(&["extension", "lock"]);
    sandbox.ok(&["extension", "sync"]);
    for command in ["lock", "sync", "diff"] {
        let direct = sandbox.ok(&[command]);
        let under = sandbox.ok(&["extension", command]);
        assert_eq!((direct.stdout, direct.stderr), (under.stdout, under.stderr));
    }
    assert_eq!(
        sandbox.ok(&["schema", "sesame.lock"]).stdout,
        sandbox.ok(&["extension", "schema", "sesame.lock"]).stdout
    );
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    for (arguments, status) in [(&["schema", "output.json"][..], 0), (&["diff"], 1), (&["--help"], 0)] {
        let mut child = sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(status), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn quiet_says_nothing_and_colour_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    let quiet = sandbox.ok(&["sync", "-q"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let plain = sandbox.ok(&["sync"]);
    assert!(!plain.stderr.contains('\u{1b}'));
    let coloured = sandbox.ok(&["sync", "--color", "always"]);
    assert!(coloured.stderr.contains("\u{1b}[32m"), "{:?}", coloured.stderr);
    let never = sandbox.ok(&["sync", "--color", "never"]);
    assert!(!never.stderr.contains('\u{1b}'));
    sandbox.run(&["frobnicate"]).fails(2, &["unrecognized subcommand"]);
    let version = format!("(wasmtime {})", sesame::engine::key::wasmtime_version());
    assert!(sandbox.ok(&["--version"]).stdout.contains(&version));
}

#[test]
fn help_is_there_for_commands_and_topics() {
    let sandbox = Sandbox::new();
    let all = sandbox.ok(&["help"]).stdout;
    let topics: Vec<&str> = all.split_once("Topics").unwrap().1.lines().skip(1).collect();
    assert!(topics.len() >= 8, "{all}");
    for topic in topics {
        let topic = topic.split_whitespace().next().unwrap();
        let told = sandbox.ok(&["help", topic]).stdout;
        assert!(told.len() > 300 && !told.contains("](") && !told.contains("|---"), "{topic}: {told}");
        for line in told.lines().filter(|line| !line.starts_with("    ")) {
            let widest = line.split_whitespace().map(str::len).max().unwrap_or(0);
            assert!(line.chars().count() <= 100.max(widest + 6), "{topic}: {line}");
        }
    }
    assert_eq!(sandbox.ok(&["help", "bundle", "import"]).stdout, sandbox.ok(&["bundle", "import", "--help"]).stdout);
    sandbox.run(&["help", "capabilites"]).fails(2, &["did you mean `capabilities`?", "`sesame help`"]);
    for below in [["registry", "login"], ["bundle", "import"], ["extension", "install"], ["extension", "sync"]] {
        let told = sandbox.ok(&[below[0], "help", below[1]]).stdout;
        assert!(told.contains(&format!("{} [OPTIONS]", below[1])), "{told}");
    }
    sandbox.run(&["install"]).fails(2, &["a similar subcommand exists: 'extension install'"]);
    sandbox.run(&["help", "bundle", "x"]).fails(2, &["no command or topic `bundle x`"]);
}

#[test]
fn a_wrong_command_line_is_json_where_json_is_asked_for() {
    let sandbox = Sandbox::new();
    for (arguments, message, hint) in [
        (
            &["extension", "info"][..],
            "the following required arguments were not provided: <NAME>",
            "`sesame help COMMAND`",
        ),
        (&["sycn"], "unrecognized subcommand 'sycn'", "did you mean `sync`?"),
        (&["sync", "--color", "red"], "invalid value 'red' for '--color <WHEN>'", "one of `auto`, `always`, `never`"),
        (&["sync", "--frozen", "--locked"], "the argument '--frozen' cannot be used with '--locked'", "`sesame help"),
        (&["sync", "--jobs", "65"], "invalid value '65' for '--jobs <N>': write a whole number", "`sesame help"),
        (&["sync", "--jbos"], "unexpected argument '--jbos' found", "did you mean `--jobs`?"),
        (&["bundle"], "a subcommand is required", "one of"),
    ] {
        let Run { status, stdout, stderr } = sandbox.run(&[arguments, &["--json"]].concat());
        let json: Value = serde_json::from_str(&stdout).unwrap();
        assert!(status == 2 && stderr.is_empty() && validator("output.json").is_valid(&json), "{stdout}{stderr}");
        let error = &json["error"];
        assert!(error["message"].as_str().unwrap().starts_with(message), "{stdout}");
        assert!(error["hints"][0].as_str().unwrap().contains(hint), "{stdout}");
    }
}

#[test]
fn links_are_for_terminals_that_show_them() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "extensions = 1\n");
    let plain = sandbox.run(&["lock"]).stderr;
    assert!(plain.starts_with("error: sesame.toml:1:14: ") && !plain.contains('\u{1b}'), "{plain}");
    let mut command = sandbox.command(&["lock", "--color", "always"]);
    let linked = Run::of(command.env("FORCE_HYPERLINK", "1")).stderr;
    let start = format!("\u{1b}]8;;file://{}", sandbox.path("project/sesame.toml").display());
    assert!(linked.contains(&format!("{start}\u{1b}\\sesame.toml:1:14\u{1b}]8;;\u{1b}\\: ")), "{linked:?}");
}
