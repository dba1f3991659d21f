//! The table of results, in Markdown.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peers;

/// One measured thing.
pub struct Row {
    pub number: u32,
    pub what: String,
    pub figure: String,
    /// What it is held against, with its figure.
    pub beside: String,
    pub aim: String,
    /// Whether the aim was met; none where there is none.
    pub met: Option<bool>,
}

const BEGIN: &str = "<!-- made by `UPDATE_README=1 cargo bench` -->\n";
const END: &str = "<!-- end of what `cargo bench` made -->";

pub fn markdown(rows: &[Row]) -> String {
    let mut text =
        format!("{}\n\n| row | measured | sesame | beside it | aim | met |\n|---|---|---|---|---|---|\n", machine());
    for row in rows {
        let met = row.met.map_or("–", |met| if met { "yes" } else { "**no**" });
        let Row { number, what, figure, beside, aim, .. } = row;
        text += &format!("| {number} | {what} | {figure} | {beside} | {aim} | {met} |\n");
    }
    text
}

/// Puts the table between its marks in the README. Rows that were not measured now stay as they are, below the line that
/// says where they were.
pub fn update_readme(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the README has a place for the table");
    let (old, after) = rest.split_once(END).expect("the README says where the table ends");
    std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", merged(old, table))).unwrap();
}

fn merged(old: &str, new: &str) -> String {
    let number = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse::<u32>().ok();
    let rows = |table: &str| -> Vec<(u32, String)> {
        table.lines().filter_map(|line| Some((number(line)?, line.to_owned()))).collect()
    };
    let measured = rows(new);
    let kept: Vec<_> =
        rows(old).into_iter().filter(|(kept, _)| measured.iter().all(|(number, _)| number != kept)).collect();
    let head = if kept.is_empty() { new } else { old };
    let head: String = head.lines().take_while(|line| number(line).is_none()).map(|line| format!("{line}\n")).collect();
    let mut all = [kept, measured].concat();
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().fold(head, |text, (_, line)| text + &line + "\n")
}

/// `8 ms`, `3.14 ms`, `1.23 s`.
pub fn shown(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 0.1 => format!("{:.0} ms", seconds * 1000.0),
        seconds => format!("{:.2} ms", seconds * 1000.0),
    }
}

fn machine() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 20;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} ({cores} cores), {} GiB of memory, Linux {}; sesame {}, wasmtime {} inside; {}, {}; medians, warm page cache.",
        processor.map_or("an unknown processor", |(_, name)| name.trim()),
        memory + 1,
        kernel.trim(),
        env!("CARGO_PKG_VERSION"),
        sesame::engine::key::wasmtime_version(),
        peers::version(Command::new("wasmtime")).unwrap_or_else(|| "no wasmtime on PATH".to_owned()),
        peers::version(Command::new("wkg")).unwrap_or_else(|| "no wkg on PATH".to_owned()),
    )
}
