//! The `sesame` program. Everything it can do is in the library; `cli` is words in and words out.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
