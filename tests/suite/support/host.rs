//! The host as a library, on what a sandbox made live.

use sesame::host::backends::Backends;
use sesame::host::values::Syntax;
use sesame::model::name::ProfileName;
use sesame::ops::call::Call;
use sesame::ops::context::User;
use sesame::ops::live::{Live, Surroundings};
use sesame::store::paths::StorePaths;

use super::sandbox::Sandbox;

/// Where a sandbox keeps its things, with nothing of the desktop behind it.
pub fn surroundings(sandbox: &Sandbox) -> Surroundings {
    Surroundings {
        paths: StorePaths { data: sandbox.data(), cache: sandbox.cache(), state: sandbox.path("home/state/pds") },
        user: User {
            home: Some(sandbox.path("home")),
            configuration: sandbox.path("home/config/pds"),
            policies: Vec::new(),
        },
        environment: [("LANG".to_owned(), "C".to_owned()), ("TOKEN".to_owned(), "secret".to_owned())].into(),
        backends: Backends::default(),
    }
}

/// What is live in the default profile.
pub fn live(sandbox: &Sandbox) -> Live {
    Live::open(surroundings(sandbox), &ProfileName::default()).unwrap()
}

/// A call with arguments in WAVE.
pub fn request(function: &str, arguments: &[&str]) -> Call {
    Call {
        function: function.to_owned(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        syntax: Syntax::Wave,
    }
}
