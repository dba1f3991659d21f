//! What a program that embeds the host is given and told: who calls, how calls end, one budget of memory, sets that are reloaded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::support::artifact::component;
use crate::support::library_host::surroundings;
use crate::support::sandbox::Sandbox;
use crate::support::{fixture, guest};
use sesame::host::backends::{Backends, Caller, SecretRead};
use sesame::host::extension::{CallError, Extension};
use sesame::host::limits::memory_budget::MemoryBudget;
use sesame::host::observer::{CallEnd, CallObserver, EndedCall};
use sesame::host::options::HostOptions;
use sesame::host::termination::TerminationCause;
use sesame::host::values::Val;
use sesame::model::digest::Digest;
use sesame::model::manifest::Limits;
use sesame::model::name::ProfileName;
use sesame::ops::run::active::{ActiveSet, HostEnvironment};

/// Keeps what it is told.
#[derive(Default)]
struct Recorder {
    secrets: Mutex<Vec<Caller>>,
    began: Mutex<Vec<(Caller, Option<String>)>>,
    ended: Mutex<Vec<(Caller, Option<String>, EndedCall)>>,
}

#[async_trait]
impl SecretRead for Recorder {
    async fn get(&self, caller: &Caller, name: &str) -> Result<Option<String>, String> {
        self.secrets.lock().push(caller.clone());
        Ok((name == "greeting.signature").then(|| "me".to_owned()))
    }
}

impl CallObserver for Recorder {
    fn began(&self, caller: &Caller, function: Option<&str>) {
        self.began.lock().push((caller.clone(), function.map(str::to_owned)));
    }

    fn ended(&self, caller: &Caller, function: Option<&str>, call: &EndedCall) {
        self.ended.lock().push((caller.clone(), function.map(str::to_owned), call.clone()));
    }
}

fn open(sandbox: &Sandbox, recorder: &Arc<Recorder>, memory: MemoryBudget) -> ActiveSet {
    let backends = Backends { secret_read: Some(recorder.clone()), ..Backends::default() };
    let host = HostOptions { backends, observer: Some(recorder.clone()), memory };
    ActiveSet::open(HostEnvironment { host, ..surroundings(sandbox) }, &ProfileName::default()).unwrap()
}

fn load(set: &ActiveSet, name: &str) -> Extension {
    set.load(&name.parse().unwrap()).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Gives the error of its `result`, or traps, or runs for ever.
const ENDINGS: &str = "(component (core module $m
        (func (export \"fail\") (result i32) (i32.const 1))
        (func (export \"trap\") unreachable)
        (func (export \"spin\") (loop (br 0))))
    (core instance $i (instantiate $m))
    (func (export \"fail\") (result (result)) (canon lift (core func $i \"fail\")))
    (func (export \"trap\") (canon lift (core func $i \"trap\")))
    (func (export \"spin\") (canon lift (core func $i \"spin\"))))";

#[test]
fn a_backend_is_told_who_calls_and_whether_it_knows_a_secret() {
    let sandbox = Sandbox::new();
    sandbox.write("greeting.wasm", guest("greeting-0.3.0"));
    let grants = "capabilities = { config-read = true, secret-read = true }";
    sandbox.write("sesame.toml", format!("[extensions.greeting]\npath = \"greeting.wasm\"\n{grants}\n"));
    sandbox.sync(None, &[]);
    let recorder = Arc::new(Recorder::default());
    let greeting = load(&open(&sandbox, &recorder, MemoryBudget::default()), "greeting");
    block_on(async {
        let mut instance = greeting.instantiate().await.unwrap();
        for _ in 0..2 {
            let greeted = instance.call("greet", &[Val::String("Ada".into())]).await.unwrap();
            assert_eq!(greeted, Some(Val::String("Hello, Ada! (signed)".into())));
        }
        greeting.call("greet", &[Val::String("Ada".into())]).await.unwrap();
    });
    let caller = |call, has_read_secret| Caller {
        extension: "greeting".into(),
        component: Digest::of(&guest("greeting-0.3.0")),
        call,
        has_read_secret,
    };
    // The start of the instance was the first call, and the last call had an instance of its own.
    assert_eq!(*recorder.secrets.lock(), [caller(2, false), caller(3, true), caller(4, false)]);
}

#[test]
fn an_observer_hears_of_every_call_and_how_it_ended() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", wat::parse_str(ENDINGS).unwrap());
    sandbox.write("b.wasm", component("b"));
    sandbox.write("sesame.toml", "extensions = { a = { path = \"a.wasm\" }, b = { path = \"b.wasm\" } }\n");
    sandbox.sync(None, &[]);
    let recorder = Arc::new(Recorder::default());
    let set = open(&sandbox, &recorder, MemoryBudget::default());
    let (a, b) = (load(&set, "a"), load(&set, "b"));
    block_on(async {
        b.call("run", &[]).await.unwrap();
        a.call("fail", &[]).await.unwrap();
        a.call("trap", &[]).await.unwrap_err();
        tokio::time::timeout(Duration::from_millis(50), a.call("spin", &[])).await.unwrap_err();
        a.call("no-such-function", &[]).await.unwrap_err();
    });
    let began: Vec<_> =
        recorder.began.lock().iter().map(|(caller, function)| (caller.call, function.clone())).collect();
    let function = |name: &str| Some(name.to_owned());
    assert_eq!(began, [(1, function("run")), (2, function("fail")), (3, function("trap")), (4, function("spin"))]);
    let ended = recorder.ended.lock();
    let ends: Vec<_> = ended.iter().map(|(caller, _, call)| (caller.call, &call.outcome)).collect();
    assert!(
        matches!(
            ends[..],
            [(1, CallEnd::Returned), (2, CallEnd::ReturnedError), (3, CallEnd::Stopped(_)), (4, CallEnd::Abandoned)]
        ),
        "{ends:?}"
    );
    assert!(ended[3].2.time >= Duration::from_millis(50));
}

#[test]
fn all_instances_together_keep_to_one_budget() {
    let sandbox = Sandbox::new();
    let bomb = std::fs::read_to_string(fixture("hostile/memory-bomb.wat")).unwrap();
    sandbox.write("a.wasm", wat::parse_str(bomb).unwrap());
    sandbox.write("greeting.wasm", guest("greeting-0.1.0"));
    sandbox.write(
        "sesame.toml",
        "[extensions]\na = { path = \"a.wasm\" }\n\
         greeting = { path = \"greeting.wasm\", capabilities.config-read = true }\n",
    );
    sandbox.sync(None, &[]);
    let (recorder, budget) = (Arc::new(Recorder::default()), MemoryBudget::new(20));
    let set = open(&sandbox, &recorder, budget.clone());
    let (a, greeting) = (load(&set, "a"), load(&set, "greeting"));
    block_on(async {
        let kept = greeting.instantiate().await.unwrap();
        let held = budget.held();
        assert!(held > 1 << 20, "{held}");
        let Err(CallError::Stopped(stop)) = a.call("run", &[]).await else { panic!("it must be stopped") };
        assert!(matches!(stop.cause, TerminationCause::Budget(20, _)), "{stop}");
        assert_eq!(budget.held(), held, "what was stopped has given its memory back");
        drop(kept);
    });
    assert_eq!(budget.held(), 0);
    let ended = recorder.ended.lock();
    let memory = ended.iter().find(|(caller, ..)| &*caller.extension == "a").unwrap().2.memory;
    assert!((15 << 20..=20 << 20).contains(&memory), "{memory}");
}

#[test]
fn a_set_that_is_reloaded_loads_only_code_that_is_new_and_gives_what_is_granted_now() {
    let sandbox = Sandbox::new();
    let greeting = guest("greeting-0.1.0");
    sandbox.write("greeting.wasm", &greeting);
    sandbox.write("b.wasm", component("b"));
    let manifest = |config: &str, limits: &str| {
        let entry = "path = \"greeting.wasm\"\ncapabilities.config-read = true\n";
        let other = "extensions.b = { path = \"b.wasm\" }\n";
        sandbox.write("sesame.toml", format!("{other}[extensions.greeting]\n{entry}{config}{limits}"));
        sandbox.sync(None, &[]);
    };
    manifest("", "");
    let set = open(&sandbox, &Arc::default(), MemoryBudget::default());
    let first = load(&set, "greeting");
    let greet = |extension: &Extension| {
        let result = block_on(extension.call("greet", &[Val::String("Ada".into())])).unwrap();
        let Some(Val::String(text)) = result else { panic!("{result:?}") };
        text
    };
    assert_eq!((set.number(), greet(&first)), (Some(1), "Hello, Ada!".to_owned()));
    assert!(!set.changed());
    manifest("config.greeting.template = \"Hi, {}\"\n", "limits.timeout_ms = 700\n");
    assert!(set.changed());
    let second = set.reload().unwrap();
    assert_eq!((second.number(), second.policy().max_limits), (Some(2), Limits::default()));
    // Without its file, code that was loaded before is still there, and no other.
    std::fs::remove_dir_all(sandbox.cache().join("cwasm")).unwrap();
    let reloaded = load(&second, "greeting");
    assert_eq!(greet(&reloaded), "Hi, Ada");
    assert_eq!(reloaded.settings().limits.timeout_ms, Some(700));
    assert_eq!(greet(&first), "Hello, Ada!", "what was loaded before is as it was");
    assert!(second.load(&"b".parse().unwrap()).is_err(), "it was never loaded");
    // Nor does it outlive what is active: without it, and back again, it has to be loaded.
    sandbox.write("sesame.toml", "extensions.b = { path = \"b.wasm\" }\n");
    sandbox.sync(None, &[]);
    let third = second.reload().unwrap();
    assert!(third.load(&"greeting".parse().unwrap()).is_err());
    manifest("", "");
    std::fs::remove_dir_all(sandbox.cache().join("cwasm")).unwrap();
    assert!(third.reload().unwrap().load(&"greeting".parse().unwrap()).is_err());
}
