//! Calls: who makes them, and what others on the bus can ask.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use super::desktop::{ALL_GRANTS, Desktop, NAME, OBJECT, snippets_manifest, wait_for};
use crate::support::guest;
use crate::support::sandbox::Run;

/// Gives a number, an error, a trap, or runs for ever.
const ENDINGS: &str = "(component (core module $m
        (func (export \"answer\") (result i32) (i32.const 42))
        (func (export \"fail\") (result i32) (i32.const 1))
        (func (export \"trap\") unreachable)
        (func (export \"spin\") (loop (br 0))))
    (core instance $i (instantiate $m))
    (func (export \"answer\") (result u32) (canon lift (core func $i \"answer\")))
    (func (export \"fail\") (result (result)) (canon lift (core func $i \"fail\")))
    (func (export \"trap\") (canon lift (core func $i \"trap\")))
    (func (export \"spin\") (canon lift (core func $i \"spin\"))))";

/// A session with the greeting, the snippets and the endings.
fn desktop() -> Desktop {
    let desktop = Desktop::start();
    let sandbox = &desktop.sandbox;
    sandbox.write("greeting.wasm", guest("greeting-0.1.0"));
    sandbox.write("snippets.wasm", guest("snippets-1.0.0"));
    sandbox.write("endings.wasm", wat::parse_str(ENDINGS).unwrap());
    let greeting = "[extensions.greeting]\npath = \"greeting.wasm\"\ncapabilities.config-read = true\n";
    let endings = "[extensions.endings]\npath = \"endings.wasm\"\nlimits.timeout_ms = 300\n";
    sandbox.write("sesame.toml", greeting.to_owned() + endings + &snippets_manifest(ALL_GRANTS));
    sandbox.sync(None, &[]);
    desktop
}

#[test]
#[ignore = "needs dbus"]
fn a_call_by_the_host_prints_and_ends_as_one_without_it() {
    let desktop = desktop();
    desktop.start_host();
    let calls: [&[&str]; 11] = [
        &["greeting", "greet", "Ada"],
        &["--json", "greeting", "greet", "\"Ada\""],
        &["endings", "answer"],
        &["endings", "fail"],
        &["endings", "trap"],
        &["endings", "spin"],
        &["--json", "endings", "trap"],
        &["endings", "fial"],
        &["greeting", "greet"],
        &["--json", "greeting", "greet", "Ada"],
        &["greting", "greet", "Ada"],
    ];
    for call in calls {
        let by_host = desktop.run(&[&["call"], call].concat());
        let here = desktop.run(&[&["call", "--no-host"], call].concat());
        assert_eq!(
            (by_host.status, &by_host.stdout, &by_host.stderr),
            (here.status, &here.stdout, &here.stderr),
            "{call:?}"
        );
    }
    let status = desktop.status();
    let counted = |name: &str| {
        let extensions = status["extensions"].as_array().unwrap();
        extensions.iter().find(|extension| extension["name"] == name).unwrap()["calls"].clone()
    };
    assert_eq!(
        (&counted("endings")["begun"], &counted("endings")["errors"], &counted("endings")["stopped"]),
        (&5.into(), &1.into(), &3.into())
    );
    assert_eq!(counted("greeting")["begun"], 3);
}

#[test]
#[ignore = "needs dbus"]
fn it_says_who_made_a_call_and_why() {
    let desktop = desktop();
    let greet = ["call", "-v", "greeting", "greet", "Ada"];
    desktop.ok(&greet).fails(0, &["called in this process: no host runs, and none is enabled"]);
    desktop.start_host();
    desktop.ok(&greet).fails(0, &["called by the host of the desktop"]);
    for option in [&["--no-host"][..], &["--timeout", "900"], &["--config", "a=b"], &["--memory", "64"]] {
        let run = desktop.ok(&[&greet, option].concat());
        run.fails(0, &[&format!("called in this process: `{}` was given", option[0])]);
    }
    desktop.write_configuration("host.toml", "profile = \"work\"\n");
    desktop.ok(&greet).fails(0, &["called in this process: the host serves profile `work`, not `default`"]);
    let run = Run::of(desktop.command(&greet).env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("XDG_RUNTIME_DIR"));
    run.fails(0, &["called in this process: "]);
    assert_eq!(run.stdout, "Hello, Ada!\n");
}

#[test]
#[ignore = "needs dbus"]
fn foreign_programs_can_call_list_and_ask_and_get_named_errors() {
    let desktop = desktop();
    desktop.start_host();
    let greeted = desktop.busctl("Call", &["greeting", "greet", "[\"Ada\"]"]);
    assert_eq!((greeted.status, greeted.stdout.as_str()), (0, "s \"\\\"Hello, Ada!\\\"\"\n"));
    let failed = desktop.busctl("Call", &["endings", "fail", "[]"]);
    assert_eq!(failed.stdout, "s \"{\\\"err\\\":null}\"\n");
    let gdbus = |method: &str, arguments: &[&str]| {
        let mut gdbus = desktop.program("gdbus");
        gdbus.args(["call", "--session", "-d", NAME, "-o", OBJECT, "-m", &format!("{NAME}.{method}")]).args(arguments);
        Run::of(&mut gdbus)
    };
    for (arguments, kind, texts) in [
        (["greeting", "gret", "[]"], "Usage", ["exports no function `gret`", "hint: did you mean `greet: func"]),
        (["greting", "greet", "[]"], "Missing", ["there is no extension `greting`", "hint: "]),
        (["Greeting!", "greet", "[]"], "Usage", ["is not the name of an extension", "hint: "]),
        (["greeting", "greet", "3"], "Usage", ["the arguments are not a JSON array", "hint: "]),
        (["greeting", "greet", "[3]"], "Usage", ["the argument `name` cannot be read", "hint: its signature"]),
        (["endings", "trap", "[]"], "Guest", ["`endings` was stopped: it trapped", "hint: "]),
        (["endings", "spin", "[]"], "Guest", ["longer than its limit of 300 ms", "hint: "]),
    ] {
        let run = gdbus("Call", &arguments);
        assert_eq!(run.status, 1);
        let name = format!("GDBus.Error:{NAME}.Error.{kind}: ");
        for text in texts.into_iter().chain([name.as_str()]) {
            assert!(run.stderr.contains(text), "{arguments:?}: no `{text}` in {}", run.stderr);
        }
    }
    let json = |method: &str| -> Value {
        let mut busctl = desktop.program("busctl");
        let run = Run::of(busctl.args(["--user", "--json=short", "call", NAME, OBJECT, NAME, method]));
        let answer: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
        serde_json::from_str(answer["data"][0].as_str().unwrap()).unwrap()
    };
    let names: Vec<Value> = json("List").as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["endings", "greeting", "snippets"]);
    assert_eq!((json("Status")["generation"].clone(), json("Status")["profile"].clone()), (1.into(), "default".into()));
    let mut introspect = desktop.program("busctl");
    let described = Run::of(introspect.args(["--user", "introspect", NAME, OBJECT])).stdout;
    for member in [".Call ", ".List ", ".Status ", ".Activated ", ".Message "] {
        assert!(described.contains(member), "no {member} in {described}");
    }
}

#[test]
#[ignore = "needs dbus"]
fn the_bus_starts_the_host_once_it_is_enabled() {
    let desktop = desktop();
    desktop
        .run(&["host", "status"])
        .fails(66, &["no host is running, and the session bus cannot start one", "sesame host enable"]);
    let enabled = desktop.ok(&["host", "enable"]);
    enabled.fails(0, &["the session bus starts the host when it is first called"]);
    let unit = desktop.sandbox.path("home/config/systemd/user/open-sesame-extensions.service");
    let verified = Run::of(desktop.program("systemd-analyze").args(["--user", "--man=no", "verify"]).arg(&unit));
    assert_eq!((verified.status, verified.stderr.as_str()), (0, ""));
    desktop.ok(&["call", "-v", "greeting", "greet", "Ada"]).fails(0, &["called by the host of the desktop"]);
    let process = desktop.status()["process"].as_u64().unwrap();
    desktop.run(&["host", "run"]).fails(69, &[&format!("a host is already running (process {process})")]);
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    let disabled = desktop.ok(&["host", "disable"]);
    disabled.fails(0, &["removed ", "a host that is running goes on"]);
    assert!(!unit.exists());
    desktop.ok(&["host", "disable"]).fails(0, &["the host was not enabled"]);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    wait_for("the end of the host", || desktop.run(&["host", "status"]).status == 66);
    // A program that is gone by now cannot be started.
    let file = desktop.sandbox.path("home/data/dbus-1/services").join(format!("{NAME}.service"));
    fs::write(&file, format!("[D-BUS Service]\nName={NAME}\nExec=/usr/bin/false\n")).unwrap();
    wait_for("the bus to read it", || desktop.run(&["host", "status"]).status == 69);
    desktop
        .run(&["call", "greeting", "greet", "Ada"])
        .fails(69, &["the session bus could not start the host", "`sesame host log` shows why"]);
}

#[test]
#[ignore = "needs dbus"]
fn a_call_does_not_outlive_its_limit_while_others_go_on() {
    let desktop = desktop();
    desktop.start_host();
    let spinning: Vec<_> = (0..50).map(|_| desktop.command(&["call", "endings", "spin"]).spawn().unwrap()).collect();
    let mut times: Vec<_> = (0..40)
        .map(|_| {
            let began = Instant::now();
            desktop.ok(&["call", "greeting", "greet", "Ada"]);
            began.elapsed()
        })
        .collect();
    times.sort();
    for mut child in spinning {
        assert_eq!(child.wait().unwrap().code(), Some(3));
    }
    assert!(times[20].as_millis() < 300, "{times:?}");
    assert_eq!(desktop.status()["memory"], 0);
}
