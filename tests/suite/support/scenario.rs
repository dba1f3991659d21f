//! Commands that change the store, each with a place that it is run in: for whoever stops them halfway.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::artifact::{Artifact, component};
use super::greeting::{FIRST, RELEASES, SECOND, want};
use super::guest;
use super::registry::Registry;
use super::sandbox::Sandbox;

/// A command, and the place that it is run in.
pub struct Scenario {
    pub name: &'static str,
    pub prepare: fn(&Sandbox, &Wishes<'_>),
    pub command: &'static [&'static str],
    /// The greetings that may be live after it was stopped somewhere, and the one that is once it was run again.
    pub between: &'static [&'static str],
    pub after: &'static str,
}

/// What is wanted in each release, beside the greeting: so many small extensions.
pub struct Wishes<'a> {
    pub registry: &'a Registry,
    pub others: usize,
}

impl Wishes<'_> {
    /// The manifest wants a release.
    fn want(&self, sandbox: &Sandbox, release: &str) {
        let other = |number: usize| {
            let artifact = Artifact::wkg(&component(&format!("{number} of {release}")));
            let reference = self.registry.push(&format!("org/other-{number}"), release, &artifact);
            format!("other-{number} = \"{reference}\"\n")
        };
        let others: String = (0..self.others).map(other).collect();
        want(sandbox, self.registry, release, &others);
    }

    /// The first release is live.
    fn first(&self, sandbox: &Sandbox) {
        self.want(sandbox, RELEASES[0]);
        sandbox.ok(&["sync"]);
    }

    /// The first release is live, and the second is wanted.
    fn upgrade(&self, sandbox: &Sandbox) {
        self.first(sandbox);
        self.want(sandbox, RELEASES[1]);
    }

    /// The second release is live, and the first was.
    fn upgraded(&self, sandbox: &Sandbox) {
        self.upgrade(sandbox);
        sandbox.ok(&["sync"]);
    }

    /// There is a bundle of each release, each with an extension of its own in a drop-in. Nothing else is on the machine.
    fn bundles(&self, sandbox: &Sandbox) {
        for release in RELEASES {
            let name = release.replace('.', "-");
            self.want(sandbox, release);
            sandbox.write("extensions/own.wasm", component(&name));
            let text = format!("[extension]\nname = \"own-{name}\"\npath = \"own.wasm\"\n");
            sandbox.write(&format!("extensions/own-{name}.toml"), text);
            sandbox.ok(&["lock"]);
            sandbox.ok(&["bundle", "export", &format!("../{release}.tar")]);
            fs::remove_dir_all(sandbox.path("project")).unwrap();
            fs::create_dir(sandbox.path("project")).unwrap();
        }
        sandbox.empty_home();
    }
}

pub const SCENARIOS: [Scenario; 9] = [
    Scenario {
        name: "sync",
        prepare: |sandbox, wishes| wishes.upgrade(sandbox),
        command: &["sync"],
        between: &[FIRST, SECOND],
        after: SECOND,
    },
    Scenario {
        name: "lock",
        prepare: |sandbox, wishes| wishes.upgrade(sandbox),
        command: &["lock"],
        between: &[FIRST],
        after: FIRST,
    },
    Scenario {
        name: "install",
        prepare: |sandbox, wishes| {
            wishes.first(sandbox);
            sandbox.write("wordcount.wasm", guest("wordcount-1.0.0"));
        },
        command: &["extension", "install", "--name", "counting", "--from-file", "wordcount.wasm"],
        between: &[FIRST],
        after: FIRST,
    },
    Scenario {
        name: "rollback",
        prepare: |sandbox, wishes| wishes.upgraded(sandbox),
        command: &["rollback", "1"],
        between: &[FIRST, SECOND],
        after: FIRST,
    },
    Scenario {
        name: "gc",
        prepare: |sandbox, wishes| {
            wishes.upgraded(sandbox);
            sandbox.ok(&["generations", "delete", "1"]);
        },
        command: &["gc"],
        between: &[SECOND],
        after: SECOND,
    },
    Scenario {
        name: "bundle import",
        prepare: |sandbox, wishes| wishes.bundles(sandbox),
        command: &["bundle", "import", "../0.2.0.tar", "--grant-all"],
        between: &[NOTHING, SECOND],
        after: SECOND,
    },
    Scenario {
        name: "bundle import --replace",
        prepare: |sandbox, wishes| {
            wishes.bundles(sandbox);
            sandbox.ok(&["bundle", "import", "../0.1.0.tar", "--grant-all"]);
        },
        command: &["bundle", "import", "../0.2.0.tar", "--grant-all", "--replace"],
        between: &[FIRST, SECOND],
        after: SECOND,
    },
    Scenario {
        name: "bundle export",
        prepare: |sandbox, wishes| wishes.first(sandbox),
        command: &["bundle", "export", "set"],
        between: &[FIRST],
        after: FIRST,
    },
    Scenario {
        name: "verify --repair",
        prepare: |sandbox, wishes| {
            wishes.first(sandbox);
            for blob in sandbox.files(&sandbox.data().join("blobs")) {
                fs::remove_file(&blob).unwrap();
                fs::write(&blob, "damaged").unwrap();
            }
        },
        command: &["verify", "--repair"],
        between: &[FIRST],
        after: FIRST,
    },
];

/// What is answered where nothing is live.
pub const NOTHING: &str = "";

/// What the live greeting gives, or [`NOTHING`].
pub fn answer(sandbox: &Sandbox) -> String {
    sandbox.run(&["extension", "call", "greeting", "greet", " "]).stdout
}

/// A copy of everything that a command may change, to begin anew from.
pub struct Copy<'a>(&'a Sandbox);

impl<'a> Copy<'a> {
    pub fn of(sandbox: &'a Sandbox) -> Self {
        copy(&sandbox.path("home"), &sandbox.path("tmp/home.copy"));
        Self(sandbox)
    }

    pub fn put_back(&self) {
        fs::remove_dir_all(self.0.path("home")).unwrap();
        copy(&self.0.path("tmp/home.copy"), &self.0.path("home"));
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// The files under way that nobody goes on with.
pub fn left(sandbox: &Sandbox) -> BTreeSet<String> {
    let names = sandbox
        .files(&sandbox.path("home"))
        .into_iter()
        .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()));
    names.filter(|name| name.starts_with(".sesame-")).collect()
}
