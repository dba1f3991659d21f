//! Commands that are hit at a call of theirs, by strace: killed there, or refused it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::sandbox::{Run, Sandbox};

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run that was hit.
pub struct Hit {
    pub run: Run,
    /// The folders of what was refused. None where that was a pipe to the worker, or what wakes a thread: strace counts for
    /// each thread, so several may be hit.
    pub folders: Vec<String>,
}

/// Runs a command under strace, which does something at the `nth` of some call. None if there were not so many.
pub fn hit(sandbox: &Sandbox, command: &[&str], call: &str, what: &str, nth: usize) -> Option<Hit> {
    let log = sandbox.path("tmp/strace");
    let (patience, log_name) = (PATIENCE.as_secs().to_string(), log.display().to_string());
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{what}:when={nth}"));
    // Where what wakes a thread was refused, which never happens, the thread may sleep for ever.
    let before = ["-s", "KILL", &patience, "strace", "-f", "-y", "-o", &log_name, "-e", &trace, "-e", &inject];
    let mut strace = sandbox.command_under("timeout", &before, command);
    let begun = Instant::now();
    let run = Run::of(&mut strace);
    let mut calls: HashMap<&str, usize> = HashMap::new();
    let log = fs::read_to_string(log).unwrap();
    for (thread, rest) in log.lines().filter_map(|line| line.split_once(' ')) {
        *calls.entry(thread).or_default() += usize::from(rest.trim_start().starts_with(&format!("{call}(")));
    }
    let root = sandbox.path("").display().to_string();
    let injected = || log.lines().filter(|line| line.contains("(INJECTED)"));
    let ours = injected().all(|line| line.contains(&root));
    assert!(!ours || begun.elapsed() < PATIENCE, "{command:?} hangs, {call} {nth}, {what}");
    let paths = injected().flat_map(|line| line.split(['"', '<', '>'])).filter(|path| ours && path.starts_with(&root));
    let folders = paths.map(|path| Path::new(path).parent().unwrap().display().to_string()).collect();
    calls.values().any(|number| *number >= nth).then_some(Hit { run, folders })
}
