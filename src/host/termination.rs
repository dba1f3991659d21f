//! Why a guest was stopped: a limit, a trap, or its own wish. Never a fault of the host.

use std::fmt;

use rustix::io::Errno;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::model::manifest::Limits;
use crate::model::text::escape;

use super::limits::{MAX_HOSTCALL, MAX_TABLE_ELEMENTS, Meter, RefusedGrowth};
use super::load::{innermost, is_of_system};

/// How many frames of a backtrace are kept; wasmtime collects no more.
const FRAMES: usize = 20;

/// Why a call did not come back, and where the guest was. Its instance is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    pub cause: TerminationCause,
    /// The names of the guest's own functions, innermost first; empty where there is no telling.
    pub backtrace: Vec<String>,
}

/// What stopped a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminationCause {
    /// In milliseconds.
    Time(u64),
    Fuel(u64),
    /// In MiB, with what the guest did when it got no more.
    Memory(u64, String),
    /// In MiB, what all instances of the host may hold together, with what the guest did when it got no more.
    Budget(u64, String),
    Tables,
    /// More than a call may move between guest and host.
    Transfer,
    Trap(String),
    /// It called `wasi:cli/exit` with this status.
    Exit(i32),
    /// This machine gives less memory than its limits allow, in the system's words.
    Machine(String),
    /// What wasmtime says of anything else.
    Other(String),
}

impl Termination {
    pub(crate) fn time(limits: &Limits) -> Self {
        Self { cause: TerminationCause::Time(limits.time_ms()), backtrace: Vec::new() }
    }

    /// Finds out what an error of wasmtime means, with the help of what the instance was allowed and refused.
    pub(crate) fn new(error: &wasmtime::Error, limits: &Limits, meter: &Meter) -> Self {
        let trap = error.downcast_ref::<Trap>();
        let words = trap.map_or_else(|| escape(&innermost(error)).into_owned(), |trap| trap_words(*trap));
        // A guest that gets no more memory aborts, or uses what it does not have; anything else it would do anyway.
        let starved = matches!(
            trap,
            None | Some(Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds | Trap::TableOutOfBounds)
        );
        let cause = match (trap, error.downcast_ref::<I32Exit>(), meter.refused.filter(|_| starved)) {
            (Some(Trap::OutOfFuel), ..) => TerminationCause::Fuel(limits.max_fuel.unwrap_or_default()),
            (Some(Trap::Interrupt), ..) => TerminationCause::Time(limits.time_ms()),
            (_, Some(exit), _) => TerminationCause::Exit(exit.0),
            (None, ..) if words.contains("fuel allocated for hostcalls") => TerminationCause::Transfer,
            (_, _, Some(RefusedGrowth::Memory)) => TerminationCause::Memory(limits.memory_mib(), words),
            (_, _, Some(RefusedGrowth::Budget)) => TerminationCause::Budget(meter.budget_mib(), words),
            (_, _, Some(RefusedGrowth::Table)) => TerminationCause::Tables,
            (_, _, Some(RefusedGrowth::Machine)) => TerminationCause::Machine(words),
            // Also if the address space is exhausted.
            (None, ..) if is_of_system(error, &[Errno::NOMEM]) => TerminationCause::Machine(words),
            (Some(_), ..) => TerminationCause::Trap(words),
            (None, ..) => TerminationCause::Other(words),
        };
        let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
        let named = frames.iter().map(|frame| match frame.func_name() {
            Some(name) => escape(&format!("{:#}", rustc_demangle::demangle(name))).into_owned(),
            None => format!("function {}", frame.func_index()),
        });
        let mut backtrace = shortened(named);
        if frames.len() >= FRAMES {
            backtrace.push("…".to_owned());
        }
        Self { cause, backtrace }
    }
}

impl fmt::Display for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            TerminationCause::Time(limit) => write!(f, "it took longer than its limit of {limit} ms"),
            TerminationCause::Fuel(limit) => write!(f, "it used up its fuel of {limit}"),
            TerminationCause::Memory(limit, then) => {
                write!(f, "it got no more memory than its limit of {limit} MiB, and then: {then}")
            }
            TerminationCause::Budget(limit, then) => write!(
                f,
                "it got no more memory, because all running extensions together hold the {limit} MiB that the host gives them, and then: {then}"
            ),
            TerminationCause::Tables => write!(f, "it wanted tables of more than {MAX_TABLE_ELEMENTS} elements"),
            TerminationCause::Transfer => write!(f, "it moved more than {} MiB at once", MAX_HOSTCALL >> 20),
            TerminationCause::Trap(what) => write!(f, "it trapped: {what}"),
            TerminationCause::Exit(0) => write!(f, "it ended itself"),
            TerminationCause::Exit(_) => write!(f, "it ended itself, with a failure"),
            TerminationCause::Machine(what) => write!(f, "this machine has no memory for it: {what}"),
            TerminationCause::Other(what) => f.write_str(what),
        }
    }
}

/// wasmtime's words for a trap.
fn trap_words(trap: Trap) -> String {
    let words = trap.to_string();
    words.strip_prefix("wasm trap: ").map(str::to_owned).unwrap_or(words)
}

/// The first frames, those that repeat the one before counted.
fn shortened(frames: impl Iterator<Item = String>) -> Vec<String> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for frame in frames {
        if let Some((last, times)) = runs.last_mut()
            && *last == frame
        {
            *times += 1;
        } else if runs.len() == FRAMES {
            break;
        } else {
            runs.push((frame, 1));
        }
    }
    let shown =
        runs.into_iter().map(|(frame, times)| if times == 1 { frame } else { format!("{frame} ({times} times)") });
    shown.collect()
}
