//! For unit tests: a machine in a temporary folder, made from one text, and tests that compare what is found on it with what
//! the text expects.
//!
//! A line `== PATH ==` begins a file of the machine, below its folder; `{top}` in a text is that folder. The project is in
//! `project/`, the policy is `config/policy.toml`, the store is `data/`, `cache/` and `state/`. The file `expected` is not
//! written: it is what a test finds, and `UPDATE_FIXTURES=1` writes it anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::compiler::settings::CompilerSettings;
use crate::model::report::event::{Event, Observer};
use crate::model::report::warning::Warning;
use crate::model::toml::problem::Problem;
use crate::registry::source::selection::{Network, NetworkMode};
use crate::store::paths::StorePaths;

use super::context::{Context, Interrupt, UserPaths};
use super::error::Error;
use super::error::policy::PolicyError;
use super::error::project::ProjectError;
use super::project::Project;
use super::project::search::Search;

pub(crate) struct TestMachine {
    pub context: Context,
    told: Arc<Told>,
    top: tempfile::TempDir,
}

#[derive(Default)]
struct Told(Mutex<Vec<Warning>>);

impl Observer for Told {
    fn notice(&self, event: &Event<'_>) {
        if let Event::Warning(warning) = event {
            self.0.lock().push((*warning).clone());
        }
    }
}

impl TestMachine {
    pub fn new(text: &str) -> Self {
        let top = tempfile::tempdir().unwrap();
        let at = |path: &str| top.path().join(path);
        for (path, text) in files(text).into_iter().filter(|(path, _)| *path != "expected") {
            let path = at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("{top}", top.path().to_str().unwrap())).unwrap();
        }
        let search = Search { named: Some(at("project/sesame.toml")), start: at("project"), ..Search::default() };
        let told = Arc::new(Told::default());
        let context = Context {
            project: Project::find(&search).unwrap(),
            paths: StorePaths { data: at("data"), cache: at("cache"), state: at("state") },
            network: Network::default(),
            network_mode: NetworkMode::Offline,
            jobs: 1,
            compiler: CompilerSettings::of_program("/nonexistent".into()),
            clock: Clock::SYSTEM,
            observer: Arc::clone(&told) as Arc<dyn Observer>,
            interrupt: Interrupt::default(),
            holder: "a test".to_owned(),
            user: UserPaths {
                home: Some(at("home")),
                configuration: at("config"),
                policies: vec![at("config/policy.toml")],
            },
        };
        Self { context, told, top }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.top.path().join(path)
    }

    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// What was warned of so far.
    pub fn warnings(&self) -> Vec<Warning> {
        self.told.0.lock().clone()
    }
}

/// An error with what caused it, in one line.
pub(crate) fn told(error: &Error) -> String {
    match error {
        Error::Project(ProjectError::Problems(problems)) | Error::Policy(PolicyError::Problems(problems)) => {
            problems.iter().map(Problem::line).collect::<Vec<_>>().join("; ")
        }
        error => error.fault().line(),
    }
}

/// Compares, for each text of a folder of `fixtures/`, what is found on its machine with what it expects.
pub(crate) fn check_cases(folder: &str, find: impl Fn(&TestMachine) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let text = fs::read_to_string(&case).unwrap();
        let machine = TestMachine::new(&text);
        let found = find(&machine).replace(machine.top.path().to_str().unwrap(), "{top}");
        let (given, expected) = text.split_once("== expected ==\n").unwrap_or((&text, ""));
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&case, format!("{given}== expected ==\n{found}")).unwrap();
        } else {
            assert_eq!(found, expected, "{}", case.display());
        }
    }
}

fn files(text: &str) -> Vec<(&str, String)> {
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.trim_end().strip_prefix("== ").and_then(|rest| rest.strip_suffix(" ==")) {
            Some(path) => files.push((path, String::new())),
            None => files.last_mut().unwrap().1.push_str(line),
        }
    }
    files
}
