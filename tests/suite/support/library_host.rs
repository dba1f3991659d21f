//! The host as a library, on what a sandbox made live.

use std::sync::Arc;

use sesame::clock::Clock;
use sesame::compiler::settings::CompilerSettings;
use sesame::host::options::HostOptions;
use sesame::host::values::Syntax;
use sesame::model::name::ProfileName;
use sesame::model::report::event::NoObserver;
use sesame::ops::context::{Context, Interrupt, UserPaths};
use sesame::ops::project::Project;
use sesame::ops::project::search::Search;
use sesame::ops::run::active::{ActiveSet, HostEnvironment};
use sesame::ops::run::call::CallOptions;
use sesame::registry::source::selection::{Network, NetworkMode};
use sesame::store::paths::StorePaths;

use super::sandbox::Sandbox;

/// What verbs are given to work in a sandbox as the program does.
pub fn context(sandbox: &Sandbox) -> Context {
    let search =
        Search { named: None, start: sandbox.path("project"), home: Some(sandbox.path("home")), ..Search::default() };
    Context {
        project: Project::find(&search).unwrap(),
        paths: paths(sandbox),
        network: Network::default(),
        network_mode: NetworkMode::Online,
        jobs: 4,
        compiler: CompilerSettings::of_program(env!("CARGO_BIN_EXE_sesame").into()),
        clock: Clock::SYSTEM,
        observer: Arc::new(NoObserver),
        interrupt: Interrupt::default(),
        holder: "a test".to_owned(),
        user: UserPaths {
            policies: vec![sandbox.path("home/config/pds/policy.toml"), "/etc/pds/policy.toml".into()],
            ..user(sandbox)
        },
    }
}

fn paths(sandbox: &Sandbox) -> StorePaths {
    StorePaths { data: sandbox.data(), cache: sandbox.cache(), state: sandbox.path("home/state/pds") }
}

fn user(sandbox: &Sandbox) -> UserPaths {
    let configuration = sandbox.path("home/config/pds");
    UserPaths { home: Some(sandbox.path("home")), configuration, policies: Vec::new() }
}

/// Where a sandbox keeps its things, with nothing of the desktop behind it.
pub fn surroundings(sandbox: &Sandbox) -> HostEnvironment {
    HostEnvironment {
        paths: paths(sandbox),
        user: user(sandbox),
        environment: [("LANG".to_owned(), "C".to_owned()), ("TOKEN".to_owned(), "secret".to_owned())].into(),
        host: HostOptions::default(),
    }
}

/// What is live in the default profile.
pub fn live(sandbox: &Sandbox) -> ActiveSet {
    ActiveSet::open(surroundings(sandbox), &ProfileName::default()).unwrap()
}

/// A call with arguments in WAVE.
pub fn request(function: &str, arguments: &[&str]) -> CallOptions {
    CallOptions {
        function: function.to_owned(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        syntax: Syntax::Wave,
    }
}
