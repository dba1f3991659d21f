//! The benchmarks: `cargo bench`, or `cargo bench -- 1 4` for some rows alone.
//!
//! Each row is measured side by side with what it is held against, in turns, and medians are given. `wkg` and `wasmtime`
//! take part when they are on `PATH`. With `UPDATE_README=1` the table goes into the README.

#![allow(clippy::disallowed_methods, reason = "the bans are the program's")]
#![allow(clippy::too_many_lines, reason = "a benchmark is told in one go")]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a benchmark prints, and stops")]

mod bounds;
mod calls;
mod guests;
mod idle;
mod loads;
mod measure;
mod peers;
mod scale;
mod syncs;
mod table;

#[path = "../suite/support/mod.rs"]
#[allow(dead_code, reason = "the stories use the rest")]
mod support;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [program, rest @ ..] = arguments.as_slice()
        && program == calls::BARE
    {
        return calls::bare(rest);
    }
    let wanted = |row: u32| arguments.is_empty() || arguments.iter().any(|argument| *argument == row.to_string());
    let mut rows = Vec::new();
    if [1, 2, 3, 8].into_iter().any(wanted) {
        rows.extend(syncs::rows(&wanted));
    }
    if wanted(4) || wanted(5) {
        rows.extend(idle::rows());
    }
    if wanted(6) {
        rows.extend(loads::rows());
    }
    if wanted(7) {
        rows.extend(calls::rows());
    }
    if wanted(9) {
        rows.extend(scale::rows());
    }
    if wanted(10) {
        rows.extend(bounds::rows());
    }
    rows.sort_by_key(|row| row.number);
    let text = table::markdown(&rows);
    println!("\n{text}");
    if std::env::var_os("UPDATE_README").is_some() {
        table::update_readme(&text);
    }
}
