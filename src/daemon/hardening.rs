//! What the host gives up once it has started: other programs, debuggers and their like can get nothing of it, even if a guest
//! broke out of its sandbox.
//!
//! There is no landlock, because its rules cannot be widened for folders that a later generation is granted, and the unit has no
//! `ProtectHome`, because guests write to such folders.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::seccomp::{Threads, refuse_calls};

/// System calls that the host never makes once it runs.
const REFUSED: [libc::c_long; 9] = [
    libc::SYS_bpf,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_io_uring_setup,
    libc::SYS_perf_event_open,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_userfaultfd,
];

/// Confines this process, all threads of it, for ever. Everything that starts programs must have been done before.
///
/// What this system does not allow is given as the reason; the host runs nevertheless.
pub(super) fn confine() -> Option<String> {
    let undumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(std::io::Error::from);
    let no_core =
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(std::io::Error::from);
    let no_privileges = rustix::thread::set_no_new_privs(true).map_err(std::io::Error::from);
    let steps =
        [("hide its memory", undumpable), ("prevent core dumps", no_core), ("give up new privileges", no_privileges)];
    let failed = steps.into_iter().find_map(|(step, result)| Some(format!("cannot {step}: {}", result.err()?)));
    let filter = match refuse_calls(&REFUSED, Threads::All) {
        Ok(reason) => reason,
        Err(error) => Some(error.to_string()),
    };
    failed.or_else(|| filter.map(|reason| format!("cannot refuse system calls: {reason}")))
}
