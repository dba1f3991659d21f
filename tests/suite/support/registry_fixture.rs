//! A project, a registry that wants to know who asks, and a stranger who must learn nothing.

use std::fs;

use sesame::model::digest::Digest;

use super::artifact::Artifact;
use super::ca::Ca;
use super::registry::{Registry, Tokens, basic};
use super::sandbox::{Run, Sandbox};

/// The name of somebody who has an account.
pub const USER: &str = "canary-user";
/// Its password, which nobody else must ever see.
pub const PASSWORD: &str = "canary-pass-7f3a";
/// How every token ends.
const TOKEN: &str = "-secret-9c41";

/// Where a registry misbehaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultPlace {
    /// When a tag's manifest is asked for.
    Manifest,
    /// When the component is.
    Blob,
    /// When a token is.
    Token,
}

/// A run's name, and what it showed to those who must learn no secret.
pub type Shown = (String, Vec<u8>);

/// A project with one extension, its registry, which wants tokens, and a stranger that is to learn nothing.
pub struct RegistryFixture {
    /// The project, and the home of somebody who is logged in.
    pub sandbox: Sandbox,
    /// Has the extension, for whoever is logged in.
    pub registry: Registry,
    /// Has it too, and wants nothing.
    pub stranger: Registry,
    /// The component's.
    pub digest: String,
    has_tls: bool,
}

impl RegistryFixture {
    /// With a registry that speaks HTTP.
    pub fn new(artifact: &Artifact) -> Self {
        Self::with(Registry::start(), artifact)
    }

    /// The same with a registry that speaks HTTPS, whose CA the machine's policy names.
    pub fn with_tls(artifact: &Artifact) -> Self {
        let ca = Ca::new();
        let stage = Self { has_tls: true, ..Self::with(Registry::start_tls(&ca), artifact) };
        let folder = stage.sandbox.path("home/config/pds");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        let policy = format!("[registries.\"{}\"]\nca = \"ca.pem\"\n", stage.registry.host());
        fs::write(folder.join("policy.toml"), policy).unwrap();
        stage.want(&stage.registry.host());
        stage
    }

    fn with(registry: Registry, artifact: &Artifact) -> Self {
        let (sandbox, stranger) = (Sandbox::new(), Registry::start());
        registry.push("org/a", "1", artifact);
        registry.want_tokens(tokens());
        stranger.push("org/a", "1", artifact);
        log_in(&sandbox, &registry);
        let digest = Digest::of(artifact.blobs.last().unwrap()).to_string();
        let stage = Self { sandbox, registry, stranger, has_tls: false, digest };
        stage.want(&stage.registry.host());
        stage
    }

    /// Writes a manifest that wants the extension from this host.
    pub fn want(&self, host: &str) {
        let settings = format!("[registries.\"{host}\"]\nplain-http = true\n");
        let settings = if self.has_tls { "" } else { &settings };
        self.sandbox.write("sesame.toml", format!("extensions.a = \"{host}/org/a:1\"\n{settings}"));
    }

    /// What is asked for there.
    pub fn path(&self, place: FaultPlace) -> String {
        match place {
            FaultPlace::Manifest => "/v2/org/a/manifests/1".to_owned(),
            FaultPlace::Blob => format!("/v2/org/a/blobs/{}", self.digest),
            FaultPlace::Token => "/token".to_owned(),
        }
    }

    /// Runs the program with every wait of the network shortened to a fiftieth.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.sandbox.command(arguments).env("SESAME_TEST_PACE", "0.02"))
    }

    /// Whether anything was made live.
    pub fn is_live(&self) -> bool {
        self.sandbox.data().join("profiles").exists()
    }

    /// Nothing is half done: all of it, or none.
    pub fn assert_ended(&self, name: &str, run: &Run, status: i32, text: &str) {
        let said = format!("{name}: wanted {status} and `{text}`, found {}:\n{}{}", run.status, run.stdout, run.stderr);
        assert!(run.status == status && run.stderr.contains(text), "{said}");
        assert!(!run.stderr.contains('\u{1b}'), "a registry's words are escaped: {said}");
        assert_eq!(self.stranger.authorizations(), Vec::<String>::new(), "{said}");
        let lock = fs::read_to_string(self.sandbox.path("project/sesame.lock")).ok();
        let is_locked = lock.as_ref().is_some_and(|lock| lock.contains(&self.digest));
        assert!(is_locked || lock.is_none(), "{name}: a lock without the component");
        assert_eq!((is_locked, self.is_live()), (status == 0, status == 0), "{said}");
        for blob in self.sandbox.files(&self.sandbox.data().join("blobs")) {
            let found = Digest::of(&fs::read(&blob).unwrap());
            assert!(blob.ends_with(found.hex()), "{name}: {} has {found}", blob.display());
        }
    }

    /// Once the registry behaves, a sync makes everything right, and another finds nothing to do.
    pub fn assert_recovers(&self, name: &str) {
        self.registry.behave();
        self.registry.want_tokens(tokens());
        self.want(&self.registry.host());
        let run = self.run(&["sync"]);
        assert_eq!(run.status, 0, "{name}, afterwards: {}", run.stderr);
        self.registry.take_log();
        let again = self.run(&["sync"]);
        assert!(again.status == 0 && again.stderr.contains("up to date"), "{name}, afterwards: {}", again.stderr);
        assert_eq!(self.registry.take_log(), Vec::<String>::new(), "{name}: a sync with nothing to do asked");
    }

    /// Everything that others than the registry may have seen.
    pub fn shown(&self, name: &str, run: &Run) -> Shown {
        let said = [run.stdout.as_bytes(), run.stderr.as_bytes(), &self.stranger.everything_received()].concat();
        (name.to_owned(), said)
    }
}

/// Keeps the credentials that [`tokens`] wants where docker keeps them.
pub fn log_in(sandbox: &Sandbox, registry: &Registry) {
    let folder = sandbox.path("home/.docker");
    fs::create_dir_all(&folder).unwrap();
    let basic = basic(USER, PASSWORD);
    let auth = basic.trim_start_matches("Basic ");
    let config = format!("{{\"auths\":{{\"{}\":{{\"auth\":\"{auth}\"}}}}}}", registry.host());
    fs::write(folder.join("config.json"), config).unwrap();
}

/// Tokens for whoever is logged in.
pub fn tokens() -> Tokens {
    let credentials = Some((USER.to_owned(), PASSWORD.to_owned()));
    Tokens { credentials, expires_in: Some(100_000), ..Tokens::default() }
}

/// Checks that no password and no token is in what was shown.
pub fn assert_no_secret(shown: &[Shown]) {
    let basic = basic(USER, PASSWORD);
    for (name, bytes) in shown {
        let text = String::from_utf8_lossy(bytes);
        for secret in [PASSWORD, basic.trim_start_matches("Basic "), TOKEN] {
            assert!(!text.contains(secret), "{name} shows `{secret}`:\n{text}");
        }
    }
}
