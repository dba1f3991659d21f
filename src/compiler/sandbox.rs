//! What a compiling worker gives up before it reads what others wrote: memory without end, the network, other programs.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::seccomp::{Threads, refuse_calls};

/// System calls that no compiler needs. Each fails as if it were not permitted.
const REFUSED: [libc::c_long; 8] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_io_uring_setup,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_socket,
    libc::SYS_socketpair,
];

/// Confines this process, from here on for ever: at most `memory` bytes of data, no core dump, and none of the calls above.
/// Must be called before any thread is started.
///
/// # Errors
/// If the memory cannot be bounded. Where the calls cannot be refused, as by a kernel without seccomp, the reason is given
/// instead: nothing here makes them.
pub(crate) fn confine(memory: u64) -> io::Result<Option<String>> {
    bound(Resource::Data, memory)?;
    bound(Resource::Core, 0)?;
    refuse_calls(&REFUSED, Threads::Own)
}

/// Lowers a limit, never raises it.
fn bound(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |now| now.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}
