//! Guests that do what a host must not let pass: `fixtures/hostile` says of each how it must end.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::library_host::{live, request};
use crate::support::sandbox::Sandbox;
use crate::support::{fixture, guest};
use sesame::model::manifest::Limits;
use sesame::ops::context::Interrupt;
use sesame::ops::error::Error;
use sesame::ops::error::run::RunError;
use sesame::ops::run::call::call;

/// What a host may take beside the memory of the guest, in MiB.
const SLACK_MIB: u64 = 64;
/// How much later than its limit a call may end.
const SLACK: Duration = Duration::from_millis(100);

/// A guest of `fixtures/hostile`.
pub struct Hostile {
    pub name: String,
    component: Vec<u8>,
    grants: Vec<String>,
    limits: Vec<String>,
    /// How it must end.
    pub ends: String,
    says: Option<String>,
}

impl Hostile {
    fn all() -> Vec<Self> {
        let mut paths: Vec<_> = fs::read_dir(fixture("hostile")).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
        paths.sort();
        let guests: Vec<Self> = paths.iter().map(|path| Self::read(path)).collect();
        assert!(guests.len() >= 20, "{}", guests.len());
        guests
    }

    fn read(path: &std::path::Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let keys = |key: &str| -> Vec<String> {
            let head = text.lines().take_while(|line| line.starts_with(";;"));
            head.filter_map(|line| Some(line.strip_prefix(&format!(";; {key}: "))?.to_owned())).collect()
        };
        Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            component: wat::parse_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            grants: keys("grant"),
            limits: keys("limit"),
            ends: keys("ends").remove(0),
            says: keys("says").pop(),
        }
    }

    /// Its entry in `sesame.toml`.
    fn entry(&self) -> String {
        let granted = |grant: &String| match grant.split_once('=') {
            Some((capability, folder)) => format!("capabilities.{capability} = [\"{folder}\"]\n"),
            None => format!("capabilities.{grant} = true\n"),
        };
        let grants: String = self.grants.iter().map(granted).collect();
        let limits: String = self.limits.iter().map(|limit| format!("limits.{limit}\n")).collect();
        format!("[extensions.{0}]\npath = \"{0}.wasm\"\n{grants}{limits}\n", self.name)
    }

    fn limits(&self) -> Limits {
        let limit = |key: &str| {
            let value = self.limits.iter().find_map(|limit| limit.strip_prefix(&format!("{key} = ")));
            value.map(|value| value.parse().unwrap())
        };
        Limits { max_memory_mib: limit("max_memory_mib"), max_fuel: limit("max_fuel"), timeout_ms: limit("timeout_ms") }
    }
}

/// Those that can be installed.
pub fn runnable() -> Vec<Hostile> {
    Hostile::all().into_iter().filter(|guest| guest.ends != "refused").collect()
}

/// A project of all of them, and the greeting.
fn project() -> (Sandbox, Vec<Hostile>) {
    let sandbox = Sandbox::new();
    let guests = write_project(&sandbox);
    sandbox.ok(&["sync"]);
    (sandbox, guests)
}

/// Writes that project.
pub fn write_project(sandbox: &Sandbox) -> Vec<Hostile> {
    let guests = runnable();
    for hostile in &guests {
        sandbox.write(&format!("{}.wasm", hostile.name), &hostile.component);
    }
    // Where `read-fifo` reads.
    let fifos = sandbox.path("project/fifos");
    fs::create_dir(&fifos).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, fifos.join("fifo"), 0o600.into()).unwrap();
    sandbox.write("greeting.wasm", guest("greeting-0.1.0"));
    let greeting = "[extensions.greeting]\npath = \"greeting.wasm\"\ncapabilities.config-read = true\n";
    sandbox.write("sesame.toml", guests.iter().map(Hostile::entry).collect::<String>() + greeting);
    guests
}

#[test]
fn each_ends_as_it_must_within_its_time_and_the_host_goes_on() {
    let (sandbox, guests) = project();
    let live = live(&sandbox);
    let interrupt = Interrupt::default();
    let greeting = live.load(&"greeting".parse().unwrap()).unwrap();
    for hostile in guests {
        let extension = live.load(&hostile.name.parse().unwrap()).unwrap();
        let allowed = Duration::from_millis(hostile.limits().time_ms()) + SLACK;
        // The machine may be busy: the best of three tries counts.
        let (mut took, mut ended) = (Duration::MAX, None);
        for _ in 0..3 {
            let began = Instant::now();
            ended = Some(call(&extension, &hostile.name, &request("run", &[]), &interrupt));
            took = took.min(began.elapsed());
            if took <= allowed {
                break;
            }
        }
        assert!(took <= allowed, "{}: {took:?}, allowed are {allowed:?}", hostile.name);
        match (ended.unwrap(), hostile.ends.as_str()) {
            (Ok(report), "returns") => {
                assert!(hostile.says.is_none() || report.text == hostile.says, "{}: {:?}", hostile.name, report.text)
            }
            (Err(Error::Run(RunError::Stopped { name, stop })), "trap" | "timeout" | "fuel" | "memory") => {
                let said = format!("`{name}` was stopped: {stop}");
                let wanted = hostile.says.as_ref().unwrap();
                assert!(said.contains(wanted.as_str()), "{}: no `{wanted}` in {said}", hostile.name);
            }
            (Ok(report), ends) => panic!("{} must end with {ends}: {report:?}", hostile.name),
            (Err(error), ends) => panic!("{} must end with {ends}: {error:?}", hostile.name),
        }
        let greeted = call(&greeting, "greeting", &request("greet", &["World"]), &interrupt).unwrap();
        assert_eq!(greeted.text.as_deref(), Some("Hello, World!"), "after {}", hostile.name);
    }
}

#[test]
fn none_takes_more_memory_than_its_limit_and_each_ends_with_its_status() {
    let (sandbox, guests) = project();
    for hostile in guests {
        // On a busy machine a short one may be over before it was looked at.
        let mut runs = (0..50).map(|_| watched(&sandbox, &hostile.name));
        let looked_at = runs.find(|(_, most_kib)| *most_kib > 0);
        let (status, most_kib) = looked_at.unwrap_or_else(|| panic!("{} was never looked at", hostile.name));
        let allowed = hostile.limits().memory_mib() + SLACK_MIB;
        assert!(most_kib >> 10 <= allowed, "{}: {} MiB, allowed are {allowed}", hostile.name, most_kib >> 10);
        let expected = if hostile.ends == "returns" { 0 } else { 3 };
        assert_eq!(status, Some(expected), "{}", hostile.name);
    }
}

/// The status of a call, and the most memory in KiB that it was seen to have; 0 if it was never looked at.
fn watched(sandbox: &Sandbox, name: &str) -> (Option<i32>, u64) {
    let mut command = sandbox.command(&["extension", "call", name, "run"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let [program, status_file] = ["exe", "status"].map(|file| format!("/proc/{}/{file}", child.id()));
    let mut most_kib = 0;
    loop {
        // Before it is the program, it is a copy of this process, which is large.
        let is_it = fs::read_link(&program).is_ok_and(|program| program.ends_with("sesame"));
        let text = fs::read_to_string(&status_file).ok().filter(|_| is_it).unwrap_or_default();
        let high_water = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most_kib = high_water.and_then(|kib| kib.parse().ok()).unwrap_or(0).max(most_kib);
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), most_kib);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn imports_that_are_not_served_are_refused_at_lock_and_at_call() {
    for hostile in Hostile::all().iter().filter(|guest| guest.ends == "refused") {
        let sandbox = Sandbox::new();
        sandbox.write(&format!("{}.wasm", hostile.name), &hostile.component);
        sandbox.write("sesame.toml", hostile.entry());
        let said = hostile.says.as_deref().unwrap();
        let run = sandbox.run(&["lock"]);
        assert!(matches!(run.status, 65 | 77), "{}: {}", hostile.name, run.stderr);
        assert!(run.stderr.contains(said) && run.stderr.contains("hint:"), "{}: {}", hostile.name, run.stderr);
        let file = format!("./{}.wasm", hostile.name);
        let grants: Vec<&str> = hostile.grants.iter().flat_map(|grant| ["--grant", grant]).collect();
        let run = sandbox.run(&[&["extension", "call", &file, "run"], grants.as_slice()].concat());
        assert!(matches!(run.status, 65 | 77), "{}: {}", hostile.name, run.stderr);
        assert!(run.stderr.contains(said), "{}: {}", hostile.name, run.stderr);
    }
}

#[test]
fn a_flood_of_log_lines_is_kept_within_bounds() {
    let (sandbox, _) = project();
    for _ in 0..20 {
        sandbox.ok(&["extension", "call", "log-flood", "run"]);
    }
    let kept = sandbox.files(&sandbox.path("home/state/pds/logs"));
    let size: u64 = kept.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!((64 << 10..5 << 19).contains(&size), "{size} bytes in {kept:?}");
    let log = sandbox.ok(&["extension", "log", "log-flood"]).stdout;
    assert!(log.contains("host    the rest of this call's output is dropped"), "{}", &log[log.len() - 500..]);
}
