//! A sealed place to run the program in: its own home and folders, an empty environment, no network but loopback.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::registry::Registry;

/// Longer than files must have been left alone for a command to note that it had nothing to do.
const LEFT_ALONE: Duration = Duration::from_millis(2_200);

/// A home, a project folder, and the program.
pub struct Sandbox {
    root: tempfile::TempDir,
    /// How far the clock of commands is ahead.
    ahead: Cell<Duration>,
}

/// How a run ended.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Everything about a file that changes when it is touched.
pub type Trace = BTreeMap<PathBuf, (u64, u64, i64, i64, u32)>;

impl Sandbox {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("sesame-test-").tempdir().unwrap();
        let sandbox = Self { root, ahead: Cell::default() };
        for folder in ["home", "project", "tmp"] {
            fs::create_dir(sandbox.path(folder)).unwrap();
        }
        sandbox
    }

    /// A path of the sandbox. All but `tmp` is in the home folder, above which no manifest is looked for: whatever stands
    /// above the sandbox on this machine is not seen.
    pub fn path(&self, path: &str) -> PathBuf {
        let home = self.root.path().join("home");
        match path.split_once('/').unwrap_or((path, "")) {
            ("home", "") => home,
            ("home", inside) => home.join(inside),
            ("tmp", _) => self.root.path().join(path),
            _ => home.join(path),
        }
    }

    /// Makes this the machine of somebody who has the project, and never ran the program.
    pub fn empty_home(&self) {
        for folder in ["data", "cache", "state", "config"] {
            let _ = fs::remove_dir_all(self.path("home").join(folder));
        }
    }

    /// `$XDG_DATA_HOME/pds`
    pub fn data(&self) -> PathBuf {
        self.path("home/data/pds")
    }

    /// `$XDG_CACHE_HOME/pds`
    pub fn cache(&self) -> PathBuf {
        self.path("home/cache/pds")
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = match path.strip_prefix("../") {
            Some(outside) => self.path(outside),
            None => self.path("project").join(path),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path("project").join(path)).unwrap()
    }

    /// Writes a `sesame.toml` of names and references, all in one registry that speaks HTTP.
    pub fn want(&self, registry: &Registry, extensions: &[(&str, &str)]) {
        let lines: String = extensions.iter().map(|(name, reference)| format!("{name} = \"{reference}\"\n")).collect();
        let text = format!("[registries.\"{}\"]\nplain-http = true\n\n[extensions]\n{lines}", registry.host());
        self.write("sesame.toml", text);
    }

    /// The program, in the project folder, with nothing of this machine's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sesame"));
        command
            .args(arguments)
            .current_dir(self.path("project"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("home/config"))
            .env("XDG_DATA_HOME", self.path("home/data"))
            .env("XDG_CACHE_HOME", self.path("home/cache"))
            .env("XDG_STATE_HOME", self.path("home/state"))
            .env("TMPDIR", self.path("tmp"))
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("http_proxy", "http://127.0.0.1:9")
            .env("NO_PROXY", "127.0.0.1")
            // Every wait of the network takes a tenth of its time.
            .env("SESAME_TEST_PACE", "0.1")
            .env("SESAME_TEST_AHEAD", self.ahead.get().as_secs_f64().to_string())
            .stdin(Stdio::null());
        command
    }

    /// Lets time pass for the commands that follow, so that every file was left alone for longer than any file system's clock
    /// counts in.
    pub fn leave_alone(&self) {
        self.ahead.set(self.ahead.get() + LEFT_ALONE);
    }

    /// Puts a program `docker-credential-NAME` into the folder `bin`.
    pub fn credential_helper(&self, name: &str, script: &str) {
        let path = format!("bin/docker-credential-{name}");
        self.write(&format!("../{path}"), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The same command, which finds the programs in the folder `bin`.
    pub fn command_with_helpers(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        command
    }

    /// Hands the whole sandbox to a user without rights, and gives a command that runs as that user. Only root can.
    pub fn command_of_nobody(&self, arguments: &[&str]) -> Command {
        const NOBODY: u32 = 65534;
        let program = self.path("sesame");
        if !program.exists() {
            fs::copy(env!("CARGO_BIN_EXE_sesame"), &program).unwrap();
        }
        for path in self.trace(self.root.path()).into_keys() {
            std::os::unix::fs::lchown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let plain = self.command(arguments);
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path("project")).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    /// The same command, started by another program, such as strace, which is given `before`.
    pub fn command_under<T: AsRef<OsStr>>(&self, program: &str, before: &[T], arguments: &[&str]) -> Command {
        let plain = self.command(arguments);
        let mut command = Command::new(program);
        command.args(before).arg(plain.get_program()).args(plain.get_args()).current_dir(self.path("project"));
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PATH", "/usr/sbin:/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Runs what must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        run
    }

    /// Syncs, and then again: the second time nothing may be asked, done or touched.
    pub fn sync(&self, registry: Option<&Registry>, arguments: &[&str]) -> Run {
        let arguments: Vec<&str> = ["sync"].into_iter().chain(arguments.iter().copied()).collect();
        let run = self.ok(&arguments);
        let log = registry.map(Registry::take_log).unwrap_or_default();
        let (store, lock) = (self.trace(&self.data()), self.trace(&self.path("project")));
        let again = self.ok(&arguments);
        assert!(again.stderr.contains("up to date"), "{}", again.stderr);
        assert_eq!(self.trace(&self.data()), store, "a sync with nothing to do touched the store");
        assert_eq!(self.trace(&self.path("project")), lock, "a sync with nothing to do touched the project");
        if let Some(registry) = registry {
            assert_eq!(registry.take_log(), Vec::<String>::new(), "a sync with nothing to do asked");
            registry.restore_log(log);
        }
        run
    }

    /// Every file below a folder.
    pub fn trace(&self, folder: &Path) -> Trace {
        let mut trace = Trace::new();
        let mut pending = vec![folder.to_owned()];
        while let Some(path) = pending.pop() {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            let look = (metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec(), metadata.mode());
            trace.insert(path, look);
        }
        trace
    }

    /// The files in the store's blobs or in the cwasm cache.
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        self.trace(folder).into_keys().filter(|path| path.is_file()).collect()
    }
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        // A copy of the program is busy while another test starts a process in the moment that it is written.
        let output = loop {
            match command.output() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                output => break output.unwrap(),
            }
        };
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks status and that each text is said on standard error.
    #[track_caller]
    pub fn fails(&self, status: i32, texts: &[&str]) {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        for text in texts {
            assert!(self.stderr.contains(text), "no `{text}` in:\n{}", self.stderr);
        }
        if let Some(name) = debug_text(&self.stderr) {
            panic!("`{name}(` is for programmers:\n{}", self.stderr);
        }
    }
}

/// The name in something as `Kind(Other(…))`, which people have no use for.
fn debug_text(text: &str) -> Option<&str> {
    text.match_indices('(').find_map(|(at, _)| {
        let name = text[..at].rsplit(|c: char| !c.is_alphanumeric()).next()?;
        let is_camel = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().any(|c| c.is_ascii_lowercase())
        };
        let inner = text[at + 1..].split(|c: char| !c.is_alphanumeric()).next()?;
        (is_camel(name) && (is_camel(inner) || text[at + 1..].starts_with('"'))).then_some(name)
    })
}
