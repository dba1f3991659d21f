//! Components on their way through the compiler.

mod compiled_functions;
mod compiling;
mod components;
mod workload;
