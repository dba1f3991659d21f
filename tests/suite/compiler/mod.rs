//! Components on their way through the compiler.

mod compiled_functions;
mod compiler_failures;
mod components;
mod workload;
