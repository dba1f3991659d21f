//! Commands agree: what `status`, `diff`, `doctor` and `sync --check` say of any state of the files, the next `sync` does.
//!
//! States are drawn from a seed, which is printed. Each is a machine on which all was well, and a few [`Change`]s of its files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::artifact::{Artifact, component, importing};
use crate::support::sandbox::Sandbox;
use crate::support::seeded_rng::SeededRng;
use crate::support::{layout, library_host};
use sesame::model::digest::Digest;
use sesame::model::fault::FaultKind;
use sesame::model::name::ProfileName;
use sesame::model::plan::generation::Generation;
use sesame::model::report::query::doctor::{CheckFact, CheckState, DoctorReport};
use sesame::model::report::sync::{Forecast, LockOutcome, SyncOutcome, SyncReport};
use sesame::ops::context::Context;
use sesame::ops::error::Error;
use sesame::ops::project::search::Search;
use sesame::ops::query::doctor::doctor;
use sesame::ops::query::status::{RemoteCheck, status};
use sesame::ops::sync::diff::diff;
use sesame::ops::sync::options::{LockPolicy, ProfileTakeover, SyncOptions, WriteMode};
use sesame::ops::sync::sync;
use sesame::registry::source::selection::NetworkMode;
use sesame::store::generations;

const CONFIG: &str = "open-sesame:host/config-read@0.1.0";
const SECRETS: &str = "open-sesame:host/secret-read@0.1.0";

/// What a sync does, or what a command says that it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Nothing,
    Changed,
    /// Nothing, because the profile is held.
    Held,
    Narrowed(FaultKind),
    Refused(FaultKind),
}

/// What only the sync itself can find out in a state, so that others may expect a change where it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeenOnlyBy {
    NoCommand,
    /// What a tag is resolved to: `status` and `doctor` do not ask for tags.
    Resolving,
    /// What has to be fetched: none but `sync` itself fetches what is locked.
    Fetching,
}

/// A change of the files.
struct Change {
    name: &'static str,
    apply: fn(&Machine),
    seen_only_by: SeenOnlyBy,
}

const fn change(name: &'static str, apply: fn(&Machine)) -> Change {
    Change { name, apply, seen_only_by: SeenOnlyBy::NoCommand }
}

const fn hidden(name: &'static str, seen_only_by: SeenOnlyBy, apply: fn(&Machine)) -> Change {
    Change { name, apply, seen_only_by }
}

/// A machine on which all is well, and a copy of its files to begin each state with.
struct Machine {
    sandbox: Sandbox,
    context: Context,
    pristine: tempfile::TempDir,
}

const A: &str =
    "a = { oci = \"registry.example/org/a:1.0.0\", capabilities = { config-read = true, notification = true } }";
const C: &str = "c = { path = \"c.wasm\" }";

impl Machine {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let releases = [
            ("a:1.0.0", importing("a 1", &[CONFIG])),
            ("a:1.1.0", importing("a 2", &[CONFIG, SECRETS])),
            ("b:1.0.0", component("b 1")),
            ("b:2.0.0", component("b 2")),
            ("d:1.0.0", component("d")),
            ("e:1.0.0", importing("e", &[CONFIG])),
        ];
        let releases: Vec<(String, Artifact)> =
            releases.iter().map(|(tag, bytes)| (format!("registry.example/org/{tag}"), Artifact::wkg(bytes))).collect();
        let entries: Vec<(&str, &Artifact)> =
            releases.iter().map(|(name, artifact)| (name.as_str(), artifact)).collect();
        layout::write(&sandbox.path("project/reg"), &entries);
        sandbox.write("c.wasm", component("c"));
        let manifest = |more: &str| {
            let b = "b = { oci = \"registry.example/org/b\", version = \"^1\" }";
            let registry = "[registries.\"registry.example\"]\nmirrors = [\"oci-layout:reg\"]\nmirrors-only = true\n";
            sandbox.write("sesame.toml", format!("[extensions]\n{A}\n{b}\n{C}\n\n{registry}{more}"));
        };
        // Two generations, so that it is known that one was active.
        for more in ["\n[config]\nround = \"one\"\n", ""] {
            manifest(more);
            sandbox.ok(&["sync"]);
        }
        let context = Context { network_mode: NetworkMode::Offline, ..library_host::context(&sandbox) };
        let pristine = tempfile::tempdir().unwrap();
        let machine = Self { sandbox, context, pristine };
        copy(&machine.home(), &machine.pristine.path().join("home"));
        machine
    }

    fn home(&self) -> PathBuf {
        self.sandbox.path("home")
    }

    /// Makes all well again.
    fn restore(&self) {
        fs::remove_dir_all(self.home()).unwrap();
        copy(&self.pristine.path().join("home"), &self.home());
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.sandbox.read(path);
        // Another change of the same state may have removed it.
        self.sandbox.write(path, text.replace(from, to));
    }

    fn blob(&self, bytes: &[u8]) -> PathBuf {
        self.sandbox.data().join("blobs/sha256").join(Digest::of(bytes).hex())
    }

    fn profile(&self, file: &str) -> PathBuf {
        self.sandbox.data().join("profiles/default").join(file)
    }

    fn code(&self) -> PathBuf {
        let mut files = self.sandbox.files(&self.sandbox.cache().join("cwasm"));
        files.sort();
        files.remove(0)
    }

    fn policy(&self, text: &str) {
        self.sandbox.write("../home/config/pds/policy.toml", text);
    }
}

/// With links, modes and times, as a person's own copy would be.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mode = fs::metadata(path).unwrap().permissions();
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

fn flip(path: &Path) {
    overwrite(path, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The manifest and the files that it names.
const DECLARED: [Change; 24] = [
    change("a needed grant is revoked", |m| m.edit("sesame.toml", "config-read = true, ", "")),
    change("a grant of no use is revoked", |m| m.edit("sesame.toml", ", notification = true", "")),
    change("all grants are revoked", |m| m.edit("sesame.toml", "config-read = true, notification = true", "")),
    change("a grant is added", |m| m.edit("sesame.toml", "{ config-read", "{ ipc-publish = true, config-read")),
    change("an extension is removed", |m| m.edit("sesame.toml", C, "")),
    change("an extension is added", |m| m.edit("sesame.toml", C, "d = \"registry.example/org/d:1.0.0\"\n")),
    hidden("an extension is added that needs a grant", SeenOnlyBy::Resolving, |m| {
        m.edit("sesame.toml", C, &format!("{C}\ne = \"registry.example/org/e:1.0.0\""));
    }),
    hidden("a tag is declared that is not there, and a grant revoked", SeenOnlyBy::Resolving, |m| {
        m.edit("sesame.toml", "a:1.0.0\", capabilities = { config-read = true, ", "a:9.0.0\", capabilities = { ");
    }),
    hidden("a newer tag is declared that needs a grant", SeenOnlyBy::Resolving, |m| {
        m.edit("sesame.toml", "a:1.0.0", "a:1.1.0")
    }),
    change("another range is declared", |m| m.edit("sesame.toml", "^1", "^2")),
    change("a limit of fuel is set", |m| {
        m.edit("sesame.toml", "a:1.0.0\"", "a:1.0.0\", limits = { max_fuel = 5_000_000 }")
    }),
    change("a limit is lowered", |m| m.edit("sesame.toml", "a:1.0.0\"", "a:1.0.0\", limits = { timeout_ms = 500 }")),
    change("a setting changes", |m| m.edit("sesame.toml", "[extensions]", "[config]\nx = 1\n[extensions]")),
    change("the manifest is cut off", |m| m.edit("sesame.toml", "mirrors-only = true\n", "mirrors-only =")),
    change("the manifest has a key that is none", |m| m.edit("sesame.toml", "mirrors-only", "mirrors-onyl")),
    change("the manifest is gone", |m| fs::remove_file(m.sandbox.path("project/sesame.toml")).unwrap()),
    change("the manifest names another profile", |m| {
        m.edit("sesame.toml", "[extensions]", "profile = \"other\"\n[extensions]")
    }),
    change("a folder is granted that is never given", |m| {
        m.edit("sesame.toml", "{ config-read = true, notification", "{ fs-read = [\"/proc\"], notification");
    }),
    change("a component's file is gone", |m| fs::remove_file(m.sandbox.path("project/c.wasm")).unwrap()),
    change("a component's file is another", |m| m.sandbox.write("c.wasm", component("c 2"))),
    change("a component's file is another that needs a grant", |m| {
        m.sandbox.write("c.wasm", importing("c 2", &[SECRETS]))
    }),
    change("a component's file is none", |m| m.sandbox.write("c.wasm", "no component")),
    change("an extension is added that has a file of its own", |m| {
        m.sandbox.write("extensions/f.toml", "[extension]\nname = \"f\"\npath = \"../c.wasm\"\n");
    }),
    change("a drop-in has a problem", |m| m.sandbox.write("extensions/f.toml", "[extension]\nname = \"f\"\n")),
];

const LOCKED: [Change; 9] = [
    // What components need is not known then.
    hidden("the lock is gone", SeenOnlyBy::Resolving, |m| {
        fs::remove_file(m.sandbox.path("project/sesame.lock")).unwrap()
    }),
    change("an entry is gone from the lock", |m| {
        let lock = m.sandbox.read("sesame.lock");
        let (head, rest) = lock.split_once("[[extension]]\nname = \"b\"").unwrap();
        let (_, tail) = rest.split_once("[[extension]]").unwrap();
        m.sandbox.write("sesame.lock", format!("{head}[[extension]]{tail}"));
    }),
    change("the lock has a conflict", |m| {
        let lock = m.sandbox.read("sesame.lock");
        m.sandbox.write("sesame.lock", format!("<<<<<<< HEAD\n{lock}=======\n{lock}>>>>>>> theirs\n"));
    }),
    change("the lock is cut off", |m| m.edit("sesame.lock", "exports = [", "exports =")),
    change("the lock is of a later version", |m| m.edit("sesame.lock", "version = 1", "version = 7")),
    change("a component of the lock is another", |m| {
        let [from, to] = ["b 1", "d"].map(|seed| Digest::of(&component(seed)).to_string());
        m.edit("sesame.lock", &from, &to);
    }),
    change("the lock hides an import", |m| m.edit("sesame.lock", &format!("\n    \"{CONFIG}\",\n"), "")),
    change("a size of the lock is another", |m| {
        m.edit("sesame.lock", &format!("size = {}", component("b 1").len()), "size = 9")
    }),
    change("the lock has an entry of the past", |m| {
        m.edit("sesame.lock", "name = \"c\"", "name = \"cc\"");
    }),
];

const ALLOWED: [Change; 7] = [
    change("the policy allows other registries", |m| m.policy("allowed_registries = [\"ghcr.io\"]\n")),
    change("the policy denies a granted capability", |m| m.policy("denied_capabilities = [\"config-read\"]\n")),
    change("the policy denies what is not granted", |m| m.policy("denied_capabilities = [\"secret-read\"]\n")),
    change("the policy lowers a limit", |m| m.policy("[limits]\nmax_memory_mib = 8\n")),
    change("the policy limits fuel", |m| m.policy("[limits]\nmax_fuel = 9_000_000\n")),
    change("the policy has a problem", |m| m.policy("allowed = 3\n")),
    change("the policy blocks a namespace that is not used", |m| m.policy("blocked_namespaces = [\"evil\"]\n")),
];

const STORED: [Change; 16] = [
    change("a component is gone", |m| fs::remove_file(m.blob(&component("b 1"))).unwrap()),
    change("a component was changed", |m| flip(&m.blob(&component("b 1")))),
    change("a document is gone", |m| fs::remove_file(m.blob(&Artifact::wkg(&component("b 1")).manifest)).unwrap()),
    change("others can write to a component", |m| chmod(&m.blob(&component("b 1")), 0o666)),
    hidden("no source has a component that is gone", SeenOnlyBy::Fetching, |m| {
        fs::remove_file(m.blob(&component("b 1"))).unwrap();
        fs::remove_file(m.sandbox.path("project/reg/blobs/sha256").join(Digest::of(&component("b 1")).hex())).unwrap();
    }),
    change("the record of what is active is gone", |m| fs::remove_file(m.profile("current")).unwrap()),
    change("the record of what is active is no number", |m| {
        overwrite(&m.profile("current"), |bytes| *bytes = b"x".to_vec())
    }),
    change("another generation is active", |m| overwrite(&m.profile("current"), |bytes| *bytes = b"1\n".to_vec())),
    change("the set is held", |m| overwrite(&m.profile("current"), |bytes| *bytes = b"2 held\n".to_vec())),
    change("another set is held", |m| overwrite(&m.profile("current"), |bytes| *bytes = b"1 held\n".to_vec())),
    change("the active generation was changed", |m| {
        overwrite(&m.profile("generations/2.toml"), |bytes| bytes.truncate(40))
    }),
    change("another manifest made the active generation", |m| {
        overwrite(&m.profile("generations/2.toml"), |bytes| {
            let text = String::from_utf8(std::mem::take(bytes)).unwrap();
            *bytes = text.replace("/sesame.toml", "/elsewhere.toml").into_bytes();
        });
    }),
    change("nothing was ever active", |m| fs::remove_dir_all(m.sandbox.data().join("profiles")).unwrap()),
    change("the store is gone", |m| fs::remove_dir_all(m.sandbox.data()).unwrap()),
    change("others can write to the store", |m| chmod(&m.sandbox.data().join("blobs"), 0o777)),
    change("the generation before is gone", |m| fs::remove_file(m.profile("generations/1.toml")).unwrap()),
];

const COMPILED: [Change; 6] = [
    change("code is gone", |m| fs::remove_file(m.code()).unwrap()),
    change("code was changed", |m| flip(&m.code())),
    change("others can write to code", |m| chmod(&m.code(), 0o666)),
    change("the key is gone", |m| fs::remove_file(m.sandbox.path("home/state/pds/key")).unwrap()),
    change("others can read the key", |m| chmod(&m.sandbox.path("home/state/pds/key"), 0o644)),
    change("the cache is gone", |m| fs::remove_dir_all(m.sandbox.cache()).unwrap()),
];

/// A few changes, of each kind at most one.
fn draw(chance: &mut SeededRng) -> Vec<&'static Change> {
    // Two of three states differ in what people write, as what is refused or narrowed does.
    let kinds: [(&'static [Change], u64); 5] =
        [(&DECLARED, 55), (&LOCKED, 20), (&ALLOWED, 15), (&STORED, 25), (&COMPILED, 20)];
    let mut drawn = Vec::new();
    for (kind, percent) in kinds {
        if chance.below(100) < percent {
            drawn.push(&kind[usize::try_from(chance.below(kind.len() as u64)).unwrap()]);
        }
    }
    drawn
}

/// What each command says.
#[derive(Debug, Clone)]
struct Answers {
    check: Effect,
    diff: Effect,
    status: Effect,
    doctor: DoctorAnswer,
}

/// `doctor` gives no kind, and finds more than what a sync is refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DoctorAnswer {
    is_wrong: bool,
    /// What it says of the next sync, if that is not refused.
    up_to_date: Option<bool>,
    is_held: bool,
    narrows: bool,
}

fn options(mode: WriteMode) -> SyncOptions {
    SyncOptions { mode, policy: LockPolicy::Update, ownership: ProfileTakeover::Refuse, profile: None }
}

fn effect(result: Result<SyncReport, Error>) -> Effect {
    match result {
        Ok(report) if report.outcome == SyncOutcome::Held => Effect::Held,
        Ok(report) => {
            let written = |lock: &&_| matches!(lock, LockOutcome::Written | LockOutcome::WouldChange);
            let lock = report.lock.as_ref().map(|lock| &lock.outcome).filter(written);
            if report.outcome == SyncOutcome::UpToDate && lock.is_none() { Effect::Nothing } else { Effect::Changed }
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) -> Effect {
    match error {
        Error::Narrowed { refusal, .. } => Effect::Narrowed(refusal.kind()),
        error => Effect::Refused(error.kind()),
    }
}

fn forecast(next: &Forecast) -> Effect {
    match next {
        Forecast::UpToDate => Effect::Nothing,
        Forecast::Changes => Effect::Changed,
        Forecast::Held { .. } => Effect::Held,
        Forecast::Refused { fault, narrowing } if narrowing.is_empty() => Effect::Refused(fault.kind),
        Forecast::Refused { fault, .. } => Effect::Narrowed(fault.kind),
    }
}

fn doctor_answer(report: &DoctorReport) -> DoctorAnswer {
    let next = report.checks.iter().find_map(|check| match check.fact {
        CheckFact::NextSync { is_up_to_date } => Some(is_up_to_date),
        _ => None,
    });
    let narrows = report.checks.iter().any(|check| matches!(check.fact, CheckFact::NextNarrowing { .. }));
    let is_wrong = report.checks.iter().any(|check| check.state == CheckState::Wrong);
    let is_held = report.checks.iter().any(|check| matches!(check.fact, CheckFact::ProfileHeld { .. }));
    DoctorAnswer { is_wrong, up_to_date: next, is_held, narrows }
}

fn ask(machine: &Machine) -> Answers {
    let context = &machine.context;
    let search = Search { named: Some(context.project.manifest().to_owned()), ..Search::default() };
    let diff = diff(context, None).map(|report| match report.sync.outcome {
        SyncOutcome::Held => Effect::Held,
        _ if report.is_empty() => Effect::Nothing,
        _ => Effect::Changed,
    });
    Answers {
        check: effect(sync(context, &options(WriteMode::Preview))),
        diff: diff.unwrap_or_else(|error| refused(&error)),
        status: status(context, None, RemoteCheck::Leave)
            .map_or_else(|error| refused(&error), |report| forecast(&report.next_sync)),
        doctor: doctor_answer(&doctor(context, &search)),
    }
}

/// What makes a lock another than the components that it names, and what makes the store lack what would show it.
const EDITED: [&str; 3] =
    ["a component of the lock is another", "the lock hides an import", "a size of the lock is another"];
const LACKING: [&str; 6] = [
    "the store is gone",
    "a component is gone",
    "a component was changed",
    "others can write to a component",
    "a document is gone",
    "no source has a component that is gone",
];

/// Why answers and effect do not agree, if they do not.
fn disagreement(changes: &[&Change], answers: &Answers, effect: Effect) -> Option<String> {
    let hides = |seen_only_by| changes.iter().any(|change| change.seen_only_by == seen_only_by);
    let has = |names: &[&str]| changes.iter().any(|change| names.contains(&change.name));
    let is_refused = matches!(effect, Effect::Narrowed(_) | Effect::Refused(_));
    // Nor is a lock held against what is still to be fetched.
    let fetching = is_refused && (hides(SeenOnlyBy::Fetching) || has(&EDITED) && has(&LACKING));
    let resolving = is_refused && (fetching || hides(SeenOnlyBy::Resolving));
    // Of several faults, another may come first then.
    let other_fault = |answer| {
        let both = matches!(
            (answer, effect),
            (Effect::Narrowed(_), Effect::Narrowed(_)) | (Effect::Refused(_), Effect::Refused(_))
        );
        answer == Effect::Changed || both
    };
    let agrees = |answer: Effect, excused: bool| answer == effect || excused && other_fault(answer);
    let doctor = match effect {
        Effect::Nothing => answers.doctor.up_to_date == Some(true),
        Effect::Changed => answers.doctor.up_to_date == Some(false),
        Effect::Held => answers.doctor.is_held && answers.doctor.up_to_date.is_none(),
        Effect::Refused(_) | Effect::Narrowed(_) if resolving && answers.doctor.up_to_date == Some(false) => true,
        Effect::Refused(_) => answers.doctor.is_wrong && answers.doctor.up_to_date.is_none() && !answers.doctor.narrows,
        Effect::Narrowed(_) => answers.doctor.is_wrong && answers.doctor.up_to_date.is_none() && answers.doctor.narrows,
    };
    // `diff` is about what `lock` does, too, and the lock is not held.
    let of_lock = effect == Effect::Held && matches!(answers.diff, Effect::Refused(_));
    let agree = agrees(answers.check, fetching)
        && (agrees(answers.diff, fetching) || of_lock)
        && agrees(answers.status, resolving)
        && doctor;
    let names: Vec<&str> = changes.iter().map(|change| change.name).collect();
    (!agree).then(|| format!("{names:?}: {answers:?}, and sync: {effect:?}"))
}

/// What is active, as far as it can be read.
fn active(machine: &Machine) -> Option<Generation> {
    generations::active_generation(&machine.context.paths, &ProfileName::default()).ok().flatten().map(|(_, set)| set)
}

/// A refused sync adds nothing: what is active after it is what was active before, or a part of that.
fn assert_nothing_added(before: Option<&Generation>, after: Option<&Generation>, effect: Effect) {
    let (Some(before), Some(after)) = (before, after) else { return assert_eq!(before, after, "{effect:?}") };
    for extension in &after.extensions {
        let old = before.extensions.iter().find(|old| old.name == extension.name).expect("it was active before");
        assert_eq!((old.component, &old.config), (extension.component, &extension.config), "{effect:?}");
        for (capability, scope) in &extension.capabilities {
            assert_eq!(scope.minus(old.capabilities.get(capability)), None, "{capability}");
        }
        assert_eq!(extension.limits.at_most(&old.limits), extension.limits);
    }
    assert_eq!(before.same_set(after), matches!(effect, Effect::Refused(_)), "{effect:?}");
}

/// Makes a state, asks everyone, and syncs.
fn state(machine: &Machine, changes: &[&Change]) -> (Answers, Effect) {
    machine.restore();
    for change in changes {
        (change.apply)(machine);
    }
    let project = machine.sandbox.trace(&machine.home());
    let answers = ask(machine);
    assert_eq!(machine.sandbox.trace(&machine.home()), project, "asking changes nothing");
    let before = active(machine);
    let effect = effect(sync(&machine.context, &options(WriteMode::Write)));
    if matches!(effect, Effect::Narrowed(_) | Effect::Refused(_)) {
        assert_nothing_added(before.as_ref(), active(machine).as_ref(), effect);
    }
    (answers, effect)
}

#[test]
fn each_change_changes_something() {
    let machine = Machine::new();
    let file = |home: &Path, path: &Path| {
        let path = home.join(path);
        (fs::metadata(&path).ok().map(|metadata| metadata.permissions().mode()), fs::read(path).ok())
    };
    for change in DECLARED.iter().chain(&LOCKED).chain(&ALLOWED).chain(&STORED).chain(&COMPILED) {
        machine.restore();
        (change.apply)(&machine);
        let (home, pristine) = (machine.home(), machine.pristine.path().join("home"));
        let paths = [&home, &pristine].map(|top| {
            machine
                .sandbox
                .trace(top)
                .into_keys()
                .map(|path| path.strip_prefix(top).unwrap().to_owned())
                .collect::<Vec<_>>()
        });
        let differs = paths.concat().iter().any(|path| file(&home, path) != file(&pristine, path));
        assert!(differs, "{}", change.name);
    }
}

fn agree(states: usize, seed: u64) {
    println!("seed {seed:#x}");
    let machine = Machine::new();
    let mut chance = SeededRng(seed);
    let mut effects: BTreeMap<&str, usize> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for _ in 0..states {
        let changes = draw(&mut chance);
        let (answers, effect) = state(&machine, &changes);
        let name = match effect {
            Effect::Nothing => "nothing",
            Effect::Changed => "changed",
            Effect::Held => "held",
            Effect::Narrowed(_) => "narrowed",
            Effect::Refused(_) => "refused",
        };
        *effects.entry(name).or_default() += 1;
        disagreements.extend(disagreement(&changes, &answers, effect));
    }
    println!("{effects:?}");
    assert!(
        disagreements.is_empty(),
        "seed {seed:#x}: {} of {states}:\n{}",
        disagreements.len(),
        disagreements.join("\n")
    );
    for effect in ["nothing", "changed", "narrowed", "refused"] {
        assert!(effects.get(effect).is_some_and(|count| count * 20 >= states), "too few {effect}: {effects:?}");
    }
}

#[test]
fn what_commands_say_of_sixty_states_is_what_a_sync_does() {
    agree(60, 0xA6EE_0060);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn what_commands_say_of_five_hundred_states_is_what_a_sync_does() {
    agree(500, 0xA6EE_0500);
}

#[test]
fn an_answer_that_does_not_hold_is_caught() {
    let machine = Machine::new();
    let (before, _) = state(&machine, &[]);
    let revoked = &DECLARED[0];
    let (after, effect) = state(&machine, &[revoked]);
    assert_eq!(effect, Effect::Narrowed(FaultKind::Denied));
    assert_eq!(disagreement(&[revoked], &after, effect), None);
    for planted in [
        Answers { check: before.check, ..after.clone() },
        Answers { diff: before.diff, ..after.clone() },
        Answers { status: before.status, ..after.clone() },
        Answers { doctor: before.doctor, ..after.clone() },
        Answers { status: Effect::Refused(FaultKind::Denied), ..after },
    ] {
        assert!(disagreement(&[revoked], &planted, effect).is_some(), "{planted:?}");
    }
}
