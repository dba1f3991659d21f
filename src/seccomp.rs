//! Gives up system calls that a process of ours never makes, for ever.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: TargetArch = TargetArch::riscv64;

/// Whose calls are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Of this thread and those that it starts.
    Own,
    /// Of every thread of the process.
    #[cfg(feature = "daemon")]
    All,
}

/// Refuses these system calls from now on, as if they were not permitted.
///
/// # Errors
/// If the filter cannot be made. Where the kernel has no such filters, the reason is given instead.
pub(crate) fn refuse_calls(calls: &[libc::c_long], threads: Threads) -> io::Result<Option<String>> {
    let rules: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, ARCHITECTURE).map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    let applied = match threads {
        Threads::Own => apply_filter(&program),
        #[cfg(feature = "daemon")]
        Threads::All => seccompiler::apply_filter_all_threads(&program),
    };
    Ok(applied.err().map(|error| error.to_string()))
}
