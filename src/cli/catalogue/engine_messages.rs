//! Errors of components: inspecting, compiling, loading and calling them.

use std::io;
use std::time::Duration;

use sesame::compiler::error::CompilerError;
use sesame::compiler::inspection::ComponentError;
use sesame::engine::compile::CompileError;
use sesame::engine::config::EngineError;
use sesame::engine::error::InspectError;
use sesame::host::extension::{CallError, HostError};
use sesame::host::functions::{FunctionNotFound, KnownFunction};
use sesame::host::linker::LinkError;
use sesame::host::load::LoadError;
use sesame::host::termination::{Termination, TerminationCause};
use sesame::host::values::ValueError;
use sesame::model::fault::file_problem::FileProblem;
use sesame::model::file_kind::FileKind;
use sesame::ops::error::run::{RunError, SecretsFault};

use super::{Catalogue, digest, home, name};

const CLOCK: &str = "clock";

pub(super) fn render(catalogue: &mut Catalogue) {
    inspection(catalogue);
    compiling(catalogue);
    loading(catalogue);
    functions(catalogue);
    stops(catalogue);
    running(catalogue);
}

fn inspection(catalogue: &mut Catalogue) {
    for error in [
        InspectError::NotAComponent(FileKind::CoreModule),
        InspectError::Invalid("unexpected end-of-file (at offset 0x8)".into()),
        InspectError::Import { what: "the module".into(), name: "env".into() },
        InspectError::Export { what: "the module".into(), name: "env".into() },
        InspectError::WitPackage,
        InspectError::Features { features: vec!["threads".into(), "memory64".into()] },
        InspectError::TooMany { what: "imports".into(), found: 100_000, most: 1000 },
        InspectError::LongName { name: "aaaaaaaa".into(), length: 100_000, most: 1000 },
    ] {
        catalogue.source(error.clone());
        catalogue.verb(ComponentError::from(error));
    }
}

fn compiling(catalogue: &mut Catalogue) {
    for error in [
        CompileError::NotAComponent(FileKind::CoreModule),
        CompileError::Failed("implementation limit exceeded".into()),
    ] {
        catalogue.source(error.clone());
        catalogue.verb(ComponentError::from(error));
    }
    for error in [
        ComponentError::Panicked("index out of bounds".into()),
        ComponentError::Timeout(Duration::from_secs(600)),
        ComponentError::Memory(4 << 30),
        ComponentError::Ended("signal 9".into()),
        ComponentError::OtherEngine,
    ] {
        catalogue.verb(error.clone());
        catalogue.verb(RunError::UnusableExtension { name: CLOCK.into(), source: error });
    }
    for error in [
        CompilerError::Component(ComponentError::OtherEngine),
        CompilerError::NotStarted {
            program: "/usr/bin/sesame".into(),
            source: io::Error::from(io::ErrorKind::PermissionDenied),
        },
        CompilerError::Bug("the worker answered twice"),
    ] {
        catalogue.verb(error);
    }
}

fn loading(catalogue: &mut Catalogue) {
    let denied = || io::Error::from_raw_os_error(libc::EPERM);
    for error in [
        LoadError::Map(denied()),
        LoadError::Read(denied()),
        LoadError::Mac,
        LoadError::Refused(denied().into()),
        LoadError::NoMemory(io::Error::from_raw_os_error(libc::ENOMEM).into()),
        LoadError::Wasmtime("module was compiled with a different version".into()),
    ] {
        catalogue.verb(error);
    }
    let no_function = |found: Option<&str>| LinkError::NoFunction {
        interface: "sesame:host/config".into(),
        function: "got".into(),
        found: found.map(str::to_owned),
    };
    for error in [no_function(Some("get")), no_function(None), LinkError::Type("expected a string".into())] {
        catalogue.source(error);
    }
    for error in [
        HostError::Engine(EngineError("no compiler for this machine".into())),
        HostError::Load(LoadError::Mac),
        HostError::Refused(Vec::new()),
        HostError::Link(no_function(None)),
    ] {
        catalogue.source(error);
    }
}

fn function_not_found() -> FunctionNotFound {
    FunctionNotFound {
        name: "gret".into(),
        several: false,
        closest: None,
        is_interface: false,
        known: Vec::new(),
        more: 0,
        of_resources: Vec::new(),
    }
}

fn functions(catalogue: &mut Catalogue) {
    let known = |number: usize| {
        let function = |n| KnownFunction { name: format!("f{n}"), signature: format!("f{n}: func() -> string") };
        (0..number).map(function).collect()
    };
    for error in [
        function_not_found(),
        FunctionNotFound { several: true, ..function_not_found() },
        FunctionNotFound { closest: Some("greet: func(name: string) -> string".into()), ..function_not_found() },
        FunctionNotFound { is_interface: true, known: known(2), ..function_not_found() },
        FunctionNotFound { known: known(2), ..function_not_found() },
        FunctionNotFound { known: known(5), more: 3, ..function_not_found() },
        FunctionNotFound { of_resources: vec!["file.read".into()], ..function_not_found() },
    ] {
        let key = super::key(&error);
        catalogue.verb_under(key, RunError::NoFunction { name: CLOCK.into(), source: error });
    }
    for error in [
        ValueError::Text { wanted: "u32".into(), source: "invalid digit found in string".into() },
        ValueError::Nested { wanted: "list<list<u8>>".into() },
        ValueError::Json { wanted: "u32".into(), place: "the argument".into(), found: "a string".into() },
        ValueError::Unsupported("resource".into()),
    ] {
        catalogue.source(error);
    }
    for error in [
        CallError::NoFunction(function_not_found()),
        CallError::Arity { function: "greet: func()".into(), wanted: "0 arguments".into(), given: 1 },
        CallError::Folder(io::Error::from(io::ErrorKind::NotFound).into()),
        CallError::Stopped(termination(TerminationCause::Fuel(1000))),
        CallError::Gone,
        CallError::Thread(io::Error::from_raw_os_error(libc::EAGAIN)),
    ] {
        catalogue.source(error);
    }
}

fn termination(cause: TerminationCause) -> Termination {
    Termination { cause, backtrace: vec!["clock::greet".into()] }
}

fn stops(catalogue: &mut Catalogue) {
    for cause in [
        TerminationCause::Time(5000),
        TerminationCause::Fuel(1_000_000),
        TerminationCause::Memory(64, "wasm trap: wasm `unreachable` instruction executed".into()),
        TerminationCause::Budget(1024, "wasm trap: wasm `unreachable` instruction executed".into()),
        TerminationCause::Tables,
        TerminationCause::Transfer,
        TerminationCause::Trap("wasm trap: integer divide by zero".into()),
        TerminationCause::Exit(1),
        TerminationCause::Machine("Cannot allocate memory (os error 12)".into()),
        TerminationCause::Other("unknown".into()),
    ] {
        let key = super::key(&cause);
        let stopped = |name: &str| RunError::Stopped { name: name.into(), stop: termination(cause.clone()) };
        catalogue.verb_under(key.clone(), stopped(CLOCK));
        catalogue.verb_under(key, stopped("./clock.wasm"));
    }
}

fn running(catalogue: &mut Catalogue) {
    for source in [
        SecretsFault::Io(io::Error::from(io::ErrorKind::PermissionDenied)),
        SecretsFault::Missing,
        SecretsFault::OwnedByOther { owner: 1001 },
        SecretsFault::ReadableByOthers { mode: 0o644 },
        SecretsFault::TooLarge,
        SecretsFault::NotUtf8,
        SecretsFault::NotToml,
        SecretsFault::NotAString { name: "token".into() },
    ] {
        let key = super::key(&source);
        catalogue.verb_under(key, RunError::Secrets { path: home("secrets.toml"), source });
    }
    let greet = || "greet: func(name: string) -> string".to_owned();
    let unsupported = || ValueError::Unsupported("resource".into());
    for error in [
        RunError::Secrets { path: home("secrets.toml"), source: SecretsFault::Missing },
        RunError::NotMetered { name: name(CLOCK) },
        RunError::HostSettings(super::verb_messages::problems()),
        RunError::NoFunction { name: CLOCK.into(), source: function_not_found() },
        RunError::Arguments { function: greet(), wanted: 1, given: 2 },
        RunError::Argument { function: greet(), parameter: "name".into(), source: unsupported() },
        RunError::Result { function: greet(), source: unsupported() },
        RunError::Stopped { name: CLOCK.into(), stop: termination(TerminationCause::Tables) },
        RunError::Call { name: CLOCK.into(), source: CallError::Gone },
        RunError::NoCode { name: name(CLOCK) },
        RunError::BadKey { name: name(CLOCK), source: FileProblem::ReadableByOthers { mode: 0o644 } },
        RunError::BadCode { name: name(CLOCK), source: FileProblem::OtherDigest { found: digest(2) } },
    ] {
        catalogue.verb(error);
    }
}
