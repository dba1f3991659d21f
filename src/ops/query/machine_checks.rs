//! Tries on this machine what the host will do, for `doctor`: start the compiler, run code from the cache's disk, set memory
//! aside, look into `/proc`. Leaves nothing behind.

use std::path::Path;

use crate::compiler::client::Compiler;
use crate::compiler::protocol::EndReport;
use crate::engine::key::engine_key;
use crate::host::extension::Host;
use crate::host::load::CodePlacement;
use crate::host::options::HostOptions;
use crate::host::state::ExtensionSettings;
use crate::host::values::Syntax;
use crate::model::digest::Digest;
use crate::model::engine_key::Metering;
use crate::model::report::query::doctor::{Check, CheckFact, CheckState};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::run::active::{GrantedBy, host_error};
use crate::ops::run::call::{CallOptions, call};
use crate::store::code::cwasm;

/// A component with a memory of one page and a function, as the unit test makes it from its text.
const PROBE: &[u8] =
    b"\0asm\x0d\0\x01\0\x01.\0asm\x01\0\0\0\x01\x05\x01`\0\x01\x7f\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x07\
    \x01\x03run\0\0\x0a\x0b\x01\x09\0A\xff\xff\x03-\0\0\x0b\x02\x04\x01\0\0\0\x06\x09\x01\0\0\x01\0\x03r\
    un\x07\x05\x01@\0\0y\x08\x06\x01\0\0\0\0\0\x0b\x09\x01\0\x03run\x01\0\0";

/// How the machine does, one thing after the other; what needs a thing that failed is left out.
pub(crate) fn run_machine_checks(context: &Context) -> Vec<Check> {
    let mut checks = vec![proc_is_mounted()];
    let host = Host::new(HostOptions::default());
    let component = Digest::of(PROBE);
    let compiled = host.engine(Metering::Unmetered).map_err(Error::from).and_then(|engine| {
        let (key, compiler) = (engine_key(engine), Compiler::new(&context.compiler, &context.paths));
        let (code, report) = context.block_on(async {
            let (_, code) = compiler.compile(component, &key, Metering::Unmetered, PROBE.to_vec()).await?;
            Ok((code, compiler.end().await))
        })?;
        Ok((key, code, report))
    });
    let (key, code) = match compiled {
        Err(error) => {
            checks.push(failed("compiler", &error));
            return checks;
        }
        Ok((key, code, report)) => {
            checks.push(confinement(report));
            (key, code)
        }
    };
    let cache = &context.paths.cache;
    let folder = cache.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let loaded = cwasm::write_probe(folder, &key, &component, &code).map_err(Error::from);
    let given = ExtensionSettings::new("trial", component);
    let loaded = loaded.and_then(|code| {
        host.load_with_placement(&code, given).map_err(|error| host_error("trial", GrantedBy::Command, error))
    });
    let (extension, residence) = match loaded {
        Err(error) => {
            checks.push(failed("code", &error));
            return checks;
        }
        Ok(loaded) => loaded,
    };
    checks.push(match residence {
        CodePlacement::Mapped => {
            new_check("code", CheckState::Good, CheckFact::CodeRuns { folder: folder.display().to_string() })
        }
        CodePlacement::Copied(why) => {
            let folder = folder.display().to_string();
            new_check("code", CheckState::Good, CheckFact::CodeCopied { folder, why })
        }
    });
    let run = CallOptions { function: "run".to_owned(), arguments: Vec::new(), syntax: Syntax::Wave };
    checks.push(match call(&extension, "trial", &run, &context.interrupt) {
        Err(error) => failed("memory", &error),
        Ok(_) => new_check("memory", CheckState::Good, CheckFact::Memory),
    });
    checks
}

/// What the compiler's last report says of what it is kept from. Without one nothing is known of that.
fn confinement(report: Option<EndReport>) -> Check {
    let unknown = |fact: CheckFact| new_check("compiler", CheckState::Wrong, fact);
    match report {
        None => unknown(CheckFact::CompilerSilent),
        Some(EndReport { unconfined: Some(why), .. }) => unknown(CheckFact::CompilerUnconfined { why }),
        Some(report) if !report.functions.is_empty() => {
            unknown(CheckFact::CompilerWarned { warnings: report.into_warnings() })
        }
        Some(_) => new_check("compiler", CheckState::Good, CheckFact::CompilerConfined),
    }
}

fn proc_is_mounted() -> Check {
    if Path::new("/proc/self/fd").is_dir() {
        return new_check("/proc", CheckState::Good, CheckFact::ProcMounted);
    }
    new_check("/proc", CheckState::Wrong, CheckFact::ProcMissing)
}

fn new_check(about: &str, state: CheckState, fact: CheckFact) -> Check {
    Check { about: about.to_owned(), state, remedies: fact.remedies(), fact }
}

fn failed(about: &str, error: &Error) -> Check {
    let fault = error.fault();
    let (fault, remedies) = fault.into_remedies();
    Check {
        remedies,
        ..new_check(about, CheckState::Wrong, CheckFact::Failed { extension: None, fault, problems: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiler::protocol::FunctionCacheProblem;

    #[test]
    fn only_a_compiler_that_says_so_is_confined() {
        let of = |unconfined: Option<&str>, problems: &[&str]| {
            let functions = problems.iter().map(|&why| FunctionCacheProblem::NotKept(why.to_owned())).collect();
            Some(EndReport { functions, unconfined: unconfined.map(str::to_owned) })
        };
        assert_eq!(confinement(of(None, &[])).state, CheckState::Good);
        for report in
            [None, of(Some("no seccomp"), &[]), of(None, &["it ended"]), of(Some("no seccomp"), &["it ended"])]
        {
            assert_eq!(confinement(report.clone()).state, CheckState::Wrong, "{report:?}");
        }
    }

    #[test]
    fn the_probe_is_what_its_text_says() {
        let text = "(component
            (core module (memory 1) (func (export \"run\") (result i32) (i32.load8_u (i32.const 65535))))
            (core instance (instantiate 0))
            (alias core export 0 \"run\" (core func))
            (type (func (result u32)))
            (func (type 0) (canon lift (core func 0)))
            (export \"run\" (func 0)))";
        assert_eq!(PROBE, wat::parse_str(text).unwrap());
    }
}
