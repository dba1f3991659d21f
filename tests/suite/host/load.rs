//! Loading what is live, through the library.

use crate::support::artifact::component;
use crate::support::library_host::{live, request, surroundings};
use crate::support::sandbox::Sandbox;
use sesame::model::name::{ExtensionName, ProfileName};
use sesame::ops::context::Interrupt;
use sesame::ops::error::Error;
use sesame::ops::error::policy::PolicyError;
use sesame::ops::error::profile::ProfileError;
use sesame::ops::error::run::RunError;
use sesame::ops::run::active::{ActiveSet, Overrides};
use sesame::ops::run::call::call;

fn name(name: &str) -> ExtensionName {
    name.parse().unwrap()
}

#[test]
fn only_whole_code_of_a_live_extension_is_loaded() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write(
        "sesame.toml",
        "extensions.a = { path = \"a.wasm\" }\nextensions.b = { path = \"a.wasm\", limits.max_fuel = 5_000 }\n",
    );
    assert!(matches!(live(&sandbox).load(&name("a")), Err(Error::Profile(ProfileError::NoExtension { .. }))));
    sandbox.sync(None, &[]);
    for extension in ["a", "b"] {
        let extension = live(&sandbox).load(&name(extension)).unwrap();
        let report = call(&extension, "it", &request("run", &[]), &Interrupt::default()).unwrap();
        assert_eq!(report.text.as_deref(), Some("7"));
    }
    for file in sandbox.files(&sandbox.cache().join("cwasm")) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
    }
    assert!(matches!(live(&sandbox).load(&name("a")), Err(Error::Run(RunError::BadCode { .. }))));
    sandbox.sync(None, &[]);
    live(&sandbox).load(&name("a")).unwrap();
    std::fs::remove_dir_all(sandbox.cache()).unwrap();
    sandbox.run(&["extension", "call", "a", "run"]).fails(66, &["the compiled code of `a` is missing", "sesame sync"]);
}

#[test]
fn fuel_can_be_lowered_only_where_it_is_counted() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write(
        "sesame.toml",
        "extensions.a = { path = \"a.wasm\" }\nextensions.b = { path = \"a.wasm\", limits.max_fuel = 5_000 }\n",
    );
    sandbox.sync(None, &[]);
    sandbox.run(&["extension", "call", "a", "run", "--fuel", "1"]).fails(2, &["`a` counts no fuel", "set `max_fuel`"]);
    sandbox.run(&["extension", "call", "b", "run", "--fuel", "1"]).fails(3, &["used up its fuel of 1"]);
    assert_eq!(sandbox.ok(&["extension", "call", "b", "run", "--fuel", "9000000"]).stdout, "7\n");
}

#[test]
fn the_stricter_of_manifest_and_policies_holds() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\", limits.max_memory_mib = 512 }\n");
    sandbox.write("../home/config/pds/policy.toml", "[limits]\nmax_memory_mib = 128\ntimeout_ms = 5000\n");
    let warned = "the `max_memory_mib` of `a` is 128 here, not 512";
    sandbox.ok(&["sync"]).fails(0, &[warned]);
    let info = sandbox.ok(&["extension", "info", "a"]).stdout;
    assert!(info.contains("at most 128 MiB") && info.contains("at most 5 s a call"), "{info}");
    // A second policy, as `/etc/pds/policy.toml` is one: the stricter wins, without a sync where it can.
    let policy = |text: &str| {
        sandbox.write("../system/policy.toml", text);
        let mut surroundings = surroundings(&sandbox);
        surroundings.user.policies =
            vec![sandbox.path("home/config/pds/policy.toml"), sandbox.path("system/policy.toml")];
        ActiveSet::open(surroundings, &ProfileName::default())
    };
    policy("[limits]\nmax_memory_mib = 1\ntimeout_ms = 900\n").unwrap().load(&name("a")).unwrap();
    let metered = policy("[limits]\nmax_fuel = 3\n").unwrap().load(&name("a"));
    assert!(matches!(metered, Err(Error::Policy(PolicyError::PolicyChanged { .. }))));
    assert!(matches!(policy("[limit]\n"), Err(Error::Policy(PolicyError::Problems(problems))) if problems.len() == 1));
    // A policy of fuel meters every extension.
    sandbox.write("../home/config/pds/policy.toml", "[limits]\nmax_fuel = 1\n");
    sandbox
        .run(&["extension", "call", "a", "run"])
        .fails(78, &["the policy of this machine was changed", "sesame sync"]);
    sandbox.sync(None, &[]);
    sandbox.run(&["extension", "call", "a", "run"]).fails(3, &["used up its fuel of 1"]);
    sandbox.write("../home/config/pds/policy.toml", "[limits]\nmax_feul = 1\n");
    sandbox.run(&["sync"]).fails(78, &["policy.toml:2:1", "did you mean `max_fuel`?"]);
}

#[test]
fn an_instance_that_was_stopped_is_gone_and_the_next_is_new() {
    let sandbox = Sandbox::new();
    let text = "(component (core module $m (global $n (mut i32) (i32.const 0))
            (func (export \"count\") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
            (func (export \"trap\") unreachable))
        (core instance $i (instantiate $m))
        (func (export \"count\") (result u32) (canon lift (core func $i \"count\")))
        (func (export \"trap\") (canon lift (core func $i \"trap\"))))";
    sandbox.write("a.wasm", wat::parse_str(text).unwrap());
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.sync(None, &[]);
    let extension = live(&sandbox).load_with(&name("a"), &Overrides::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sesame::host::extension::CallError;
        use wasmtime::component::Val;
        let mut instance = extension.instantiate().await.unwrap();
        for expected in 1..=3 {
            assert_eq!(instance.call("count", &[]).await.unwrap(), Some(Val::U32(expected)));
        }
        assert!(matches!(instance.call("count", &[Val::U8(1)]).await, Err(CallError::Arity { .. })));
        assert!(matches!(instance.call("cuont", &[]).await, Err(CallError::NoFunction(_))));
        assert_eq!(instance.call("count", &[]).await.unwrap(), Some(Val::U32(4)));
        assert!(matches!(instance.call("trap", &[]).await, Err(CallError::Stopped(_))));
        assert!(matches!(instance.call("count", &[]).await, Err(CallError::Gone)));
        let mut instance = extension.instantiate().await.unwrap();
        assert_eq!(instance.call("count", &[]).await.unwrap(), Some(Val::U32(1)));
    });
}
