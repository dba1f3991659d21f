//! The process that compiles, and its bounds.

use std::path::PathBuf;
use std::time::Duration;

/// The process that looks at components and compiles them, and its bounds.
#[derive(Debug, Clone)]
pub struct CompilerSettings {
    /// A `sesame` of this very version, and the arguments with which it calls [`worker::serve`](crate::compiler::worker::serve).
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// The most time for one component.
    pub timeout: Duration,
    /// The most memory of the process, in bytes.
    pub memory: u64,
    /// The bound of the function cache in bytes; 0 for none.
    pub function_cache: u64,
}

impl CompilerSettings {
    /// The most seconds for one component, where nothing else is said.
    pub const TIMEOUT: u64 = 300;
    /// The most memory in MiB, where nothing else is said. A component of 18 MB takes some 400.
    pub const MEMORY: u64 = 4096;
    /// The bound of the function cache in MiB, where nothing else is said.
    pub const FUNCTION_CACHE: u64 = 1024;

    /// The compiler of a `sesame` program, with the usual bounds.
    pub fn of_program(program: PathBuf) -> Self {
        Self {
            program,
            arguments: vec![Self::COMMAND.to_owned()],
            timeout: Duration::from_secs(Self::TIMEOUT),
            memory: Self::MEMORY << 20,
            function_cache: Self::FUNCTION_CACHE << 20,
        }
    }

    /// The hidden command of the `sesame` program.
    pub const COMMAND: &str = "compile-worker";
}
