//! Components on their way through the compiler.

pub mod compiled_functions;
mod compiler_failures;
mod components;
pub mod workload;
