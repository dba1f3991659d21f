//! The README does what it says: each of its blocks of commands is run as it stands there, and each of its files is used. Hosts
//! that it takes for examples become a real registry server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::ca::Ca;
use crate::support::fixture;
use crate::support::real_registry::{PASSWORD, Server, USER};
use crate::support::sandbox::{Run, Sandbox};

/// The blocks that need nothing but a clone of this repository.
const ALONE: [&str; 3] = ["tour", "calling", "completions"];

/// Those that need a registry, and tools that people use beside sesame.
const WITH_A_REGISTRY: [&str; 10] =
    ["login", "private-ca", "mirror", "publishing", "gitattributes", "stow", "chezmoi", "fleet", "bundle", "carried"];

/// The extensions that are in the registries of the README.
const IMAGES: [(&str, &str); 3] = [
    ("my-org/greeting-extension:0.1.0", "greeting-0.1.0"),
    ("my-org/greeting:1.0.0", "greeting-0.1.0"),
    ("acme/clock:1.4.2", "wordcount-1.0.0"),
];

fn readme() -> String {
    fs::read_to_string(fixture("../README.md")).unwrap()
}

/// The blocks below a mark `<!-- KIND: NAME -->`, by name.
fn marked(kind: &str) -> BTreeMap<String, String> {
    let readme = readme();
    let mut blocks = BTreeMap::new();
    for part in readme.split(&format!("<!-- {kind}: ")).skip(1) {
        let (name, rest) = part.split_once(" -->\n\n```").unwrap_or_else(|| panic!("no block: {part}"));
        let text = rest.split_once('\n').unwrap().1.split_once("```").unwrap().0;
        assert_eq!(blocks.insert(name.to_owned(), text.to_owned()), None, "{name} is there twice");
    }
    blocks
}

/// Someone's machine, with nothing on it but `sesame`.
struct Person {
    sandbox: Sandbox,
    changes: Vec<(String, String)>,
    variables: Vec<(String, String)>,
}

impl Person {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.path("person")).unwrap();
        fs::copy(fixture("guests/built/greeting-0.1.0.wasm"), sandbox.path("project/greeting.wasm")).unwrap();
        let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
        let person = Self { sandbox, changes: Vec::new(), variables: Vec::new() };
        person.write(".config/containers/policy.json", policy);
        person
    }

    fn home(&self) -> PathBuf {
        self.sandbox.path("home")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The same person, for whom a host of the README is this server.
    fn changing(mut self, example: &str, server: &Server) -> Self {
        self.changes.push((example.to_owned(), server.host.clone()));
        let registries = format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", server.host);
        self.write(".config/containers/registries.conf", &registries);
        self
    }

    /// The same, with the extensions of the README on the server.
    fn with_images(self, server: &Server) -> Self {
        for (image, guest) in IMAGES {
            let guest = fixture(&format!("guests/built/{guest}.wasm"));
            self.does(&format!("sesame -q extension push {} {}/{image}", guest.display(), server.host));
        }
        self
    }

    /// A project that wants the greeting.
    fn project(&self) -> &Self {
        let text = "[extensions]\ngreeting = { oci = \"ghcr.io/my-org/greeting-extension:0.1.0\", capabilities = { config-read = true } }\n";
        self.sandbox.write("sesame.toml", self.changed(text));
        self
    }

    fn changed(&self, text: &str) -> String {
        self.changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn command(&self, script: &str, folder: &Path) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_sesame")).parent().unwrap().display().to_string();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &self.changed(script)]).current_dir(folder).env_clear();
        command.env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap()));
        command.env("HOME", self.home()).env("USER", USER).env("TOKEN", PASSWORD).env("LANG", "C.UTF-8");
        command.env("TMPDIR", self.sandbox.path("tmp")).env("GIT_CONFIG_NOSYSTEM", "1");
        for author in ["GIT_AUTHOR", "GIT_COMMITTER"] {
            command.env(format!("{author}_NAME"), "P").env(format!("{author}_EMAIL"), "p@example.org");
        }
        let conf = self.home().join(".config/containers/registries.conf");
        command.env("CONTAINERS_REGISTRIES_CONF", conf).envs(self.variables.clone());
        command
    }

    #[track_caller]
    fn does_in(&self, script: &str, folder: &Path) -> Run {
        let run = Run::of(&mut self.command(script, folder));
        assert_eq!(run.status, 0, "{script}\n{}{}", run.stdout, run.stderr);
        run
    }

    #[track_caller]
    fn does(&self, script: &str) -> Run {
        self.does_in(script, &self.sandbox.path("project"))
    }

    /// Runs a block of the README.
    #[track_caller]
    fn runs(&self, block: &str) -> Run {
        self.does(&marked("run")[block])
    }
}

#[test]
fn each_block_of_commands_is_run_by_a_test() {
    let readme = readme();
    // Two are run by CI itself.
    let unmarked: Vec<&str> =
        readme.split("```console\n").skip(1).map(|part| part.split_once("\n```").unwrap().0).collect();
    assert_eq!(unmarked, ["cargo run --release -- sync --manifest fixtures/demo/sesame.toml", "cargo test"]);
    for (script, command) in [("full", unmarked[0]), ("run", "cargo test --locked")] {
        let text = fs::read_to_string(fixture("../.ci").join(script)).unwrap();
        assert!(text.contains(command), "{script} does not run `{command}`");
    }
    let blocks = marked("run");
    assert_eq!(readme.matches("```bash").count(), blocks.len(), "a block of commands has no mark");
    let run: BTreeSet<&str> = ALONE.into_iter().chain(WITH_A_REGISTRY).chain(["journey"]).collect();
    assert_eq!(blocks.keys().map(String::as_str).collect::<BTreeSet<_>>(), run);
}

#[test]
fn the_table_of_commands_has_each_command() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["man", "../man"]);
    let readme = readme();
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect()
    };
    let rows: Vec<(BTreeSet<String>, BTreeSet<String>)> = readme
        .lines()
        .filter_map(|line| Some((words(line.strip_prefix("| `sesame ")?.split(" | ").next()?), words(line))))
        .collect();
    for page in sandbox.files(&sandbox.path("man")) {
        let Some(name) = page.file_stem().unwrap().to_str().unwrap().strip_prefix("sesame-") else { continue };
        let path: Vec<&str> = name.split('-').collect();
        let has = |(command, row): &(BTreeSet<String>, BTreeSet<String>)| {
            command.contains(path[0]) && path.iter().all(|word| row.contains(*word))
        };
        assert!(rows.iter().any(has), "the table of commands has no `{}`", path.join(" "));
    }
}

#[test]
fn what_needs_nothing_but_the_clone() {
    for name in ALONE {
        let person = Person::new();
        let run = person.does_in(&marked("run")[name], &fixture(".."));
        match name {
            "tour" => {
                let greetings: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("Hello")).collect();
                assert_eq!(greetings, ["Hello,  World !", "Hello, World!", "Hello,  World !"], "{}", run.stdout);
                assert!(run.stdout.contains("1.1.0"), "{}", run.stdout);
                // As it says below the tour.
                let gone =
                    person.does("sesame profile delete tour --yes && cd && rm -r ~/tour && sesame gc && sesame gc");
                assert!(
                    gone.stderr.contains("removed ") && gone.stderr.ends_with("nothing to remove\n"),
                    "{}",
                    gone.stderr
                );
            }
            "calling" => assert!(run.stdout.starts_with("Hello, World!\n"), "{}", run.stdout),
            _ => {
                let script = person.home().join(".local/share/bash-completion/completions/sesame");
                assert!(fs::read_to_string(script).unwrap().contains("completions bash"));
                assert!(person.home().join(".local/share/man/man1/sesame-sync.1").is_file());
            }
        }
    }
}

#[test]
#[ignore = "needs docker-registry, skopeo, stow and git; .ci/run installs them and runs this"]
fn what_needs_a_registry() {
    for name in WITH_A_REGISTRY {
        let (person, ca) = (Person::new(), Ca::new());
        let folder = person.sandbox.path("tmp");
        match name {
            "login" => {
                let server = Server::start_private(&folder, &ca.issue(&["127.0.0.1"]));
                let policy = format!("[registries.\"{}\"]\nca = \"ca.pem\"\n", server.host);
                person.write(".config/pds/policy.toml", &policy);
                person.write(".config/pds/ca.pem", &ca.pem());
                let run = person.changing("ghcr.io", &server).runs(name);
                assert!(run.stdout.contains("access       let in, with these credentials"), "{}", run.stdout);
            }
            "private-ca" => {
                let server = Server::start_private(&folder, &ca.issue(&["127.0.0.1"]));
                person.write(".config/pds/registry-ca.pem", &ca.pem());
                person.write(".docker/config.json", &credentials(&server.host));
                let policy = format!("[registries.\"{}\"]\nca = \"registry-ca.pem\"\n", server.host);
                person.write(".config/pds/policy.toml", &policy);
                let person = person.changing("registry.example:5000", &server).with_images(&server);
                person.write(".config/pds/policy.toml", "");
                let run = person.runs(name);
                assert!(run.stderr.contains("1 extension is live"), "{}", run.stderr);
            }
            _ => {
                let server = Server::start(&folder);
                let host = if name == "carried" { "registry.example" } else { "ghcr.io" };
                let person = person.changing("ghcr.io", &server).changing(host, &server);
                with_a_registry(name, &if name == "publishing" { person } else { person.with_images(&server) });
            }
        }
    }
}

/// What is done with a registry that asks nobody who they are.
fn with_a_registry(name: &str, person: &Person) {
    let project = person.sandbox.path("project");
    match name {
        "mirror" => {
            person.runs(name);
            assert!(fs::read_to_string(project.join("vendor/index.json")).unwrap().contains("acme/clock:1.4.2"));
        }
        "publishing" => {
            let said = person.runs(name).stderr;
            assert_eq!(said.matches("pushed ").count(), 2, "{said}");
        }
        "gitattributes" => {
            person.project().does("git init -q . && sesame lock");
            person.runs(name);
            let told = person.does("git check-attr eol linguist-generated -- sesame.lock").stdout;
            assert!(told.contains("eol: lf") && told.contains("linguist-generated: set"), "{told}");
        }
        "stow" => {
            person.runs(name);
            let lock = person.home().join(".config/pds/sesame.lock");
            assert!(fs::symlink_metadata(&lock).unwrap().is_symlink());
            person.does("sesame add -m ~/.config/pds ghcr.io/acme/clock");
            assert!(fs::symlink_metadata(&lock).unwrap().is_symlink(), "it is written through the link");
            let kept = fs::read_to_string(person.home().join("dotfiles/sesame/.config/pds/sesame.lock")).unwrap();
            assert!(kept.contains("acme/clock"), "{kept}");
        }
        "chezmoi" => {
            person.project().does("sesame lock && mkdir -p ~/.config/pds && cp sesame.toml sesame.lock ~/.config/pds");
            assert!(person.runs(name).stderr.contains("1 extension is live"));
        }
        "fleet" => {
            person.project().does("sesame lock && git init -q . && git add . && git commit -qm set");
            let fleet = person.sandbox.path("fleet").display().to_string();
            person.does(&format!("git clone -q . {fleet}"));
            let script = marked("run")[name].replace("/srv/fleet", &fleet).replace("/tmp/status", "../status");
            assert!(person.does(&script).stderr.contains("1 extension is live"));
            assert!(person.sandbox.read("../status.json").contains("\"differences\": []"));
        }
        "bundle" => {
            person.project().does("sesame lock");
            assert!(person.runs(name).stderr.contains("1 extension is live"));
            imports(&project.join("set.tar"));
        }
        "carried" => {
            person.project().does("sesame lock");
            person.runs(name);
            imports(&project.join("set.tar"));
        }
        _ => panic!("nothing is known of `{name}`"),
    }
}

/// Somebody else makes a bundle live, with nothing but the bundle.
fn imports(bundle: &Path) {
    let other = Person::new();
    let run = other.does(&format!("sesame bundle import {} --grant-all", bundle.display()));
    assert!(run.stderr.contains("1 extension is live"), "{}", run.stderr);
}

/// The file in which docker keeps the password of the one user of a private server.
fn credentials(host: &str) -> String {
    let pair = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{USER}:{PASSWORD}"));
    format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{pair}\"}}}}}}")
}

#[test]
#[ignore = "needs docker-registry, git and pre-commit; .ci/run installs them and runs this"]
fn the_files_for_other_tools_work() {
    let person = Person::new();
    let server = Server::start(&person.sandbox.path("tmp"));
    let person = person.changing("ghcr.io", &server).with_images(&server);
    person.project().does("sesame lock && git init -q .");
    let files = marked("file");
    for (name, text) in &files {
        let path = person.sandbox.path("project").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    // pre-commit lets a commit through with a current lock, and stops one with another.
    let install = "git -c init.defaultBranch=main init -q . && pre-commit install >/dev/null";
    person.does(&format!("{install} && git add . && git commit -qm one"));
    let manifest = person.sandbox.read("sesame.toml");
    person.sandbox.write("sesame.toml", manifest.replace("greeting-extension:0.1.0", "greeting:1.0.0"));
    let project = person.sandbox.path("project");
    let run = Run::of(&mut person.command("git commit -qam two", &project));
    assert!(run.status == 1 && run.stderr.contains("sesame.lock is current"), "{}{}", run.stdout, run.stderr);
    person.does("sesame lock && git commit -qam two");
    // What the job of CI runs of sesame.
    let job = &files[".github/workflows/sesame.yml"];
    let steps: Vec<&str> = job.lines().filter_map(|line| line.trim().strip_prefix("- run: sesame ")).collect();
    assert_eq!(steps.len(), 1, "{job}");
    for step in steps {
        person.does(&format!("sesame {step}"));
    }
    // Renovate finds repository, tag and digest in the line that `add` writes for a pin. Its regular expressions are those of RE2.
    let rule: serde_json::Value = serde_json::from_str(&files["renovate.json"]).unwrap();
    let pattern = rule["customManagers"][0]["matchStrings"][0].as_str().unwrap();
    let lock: toml::Table = toml::from_str(&person.sandbox.read("sesame.lock")).unwrap();
    let digest = lock["extension"][0]["provenance"].as_str().unwrap();
    person.does(&format!("sesame add --name pinned ghcr.io/my-org/greeting:1.0.0@{digest} --grant config-read"));
    let manifest = person.sandbox.read("sesame.toml");
    let found = regex::Regex::new(pattern).unwrap();
    let found: Vec<_> = found.captures_iter(&manifest).collect();
    assert_eq!(found.len(), 1, "{manifest}");
    assert_eq!(found[0]["depName"], format!("{}/my-org/greeting", server.host));
    assert_eq!((&found[0]["currentValue"], &found[0]["currentDigest"]), ("1.0.0", digest));
}

/// Needs `docker-registry`, and a Rust toolchain that can get a wasm target.
#[test]
#[ignore = "needs a wasm target and docker-registry; .ci/full runs it"]
fn the_journey_of_an_author() {
    let mut person = Person::new();
    let server = Server::start(&person.sandbox.path("tmp"));
    let home = std::env::var("HOME").unwrap();
    for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let folder = std::env::var(variable).unwrap_or_else(|_| format!("{home}/{folder}"));
        person.variables.push((variable.to_owned(), folder));
    }
    let run = person.changing("127.0.0.1:5000", &server).runs("journey");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(run.stdout.contains("greeting-extension  0.1.0"), "{}", run.stdout);
    assert_eq!(lines[0], "Hello, World!", "{}", run.stdout);
    assert_eq!(lines[lines.len() - 2..], ["Hello, World!", "Bonjour, World"], "{}", run.stdout);
}
